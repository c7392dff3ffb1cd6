import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Emit, FnmeshEvent } from '../../src/events.js';

/** A new temporary folder with these files; a value of true stands for a plain func.yaml named by its path. */
export function folderWith(files: Record<string, string | true>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'fnmesh-test-')));
  write(root, files);
  return root;
}

/** Adds files to a folder. */
export function write(root: string, files: Record<string, string | true>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), content === true ? funcYaml(path) : content);
  }
}

/** A complete func.yaml whose name and source come from its path. */
export function funcYaml(path: string): string {
  const name = dirname(path) === '.' ? 'root' : dirname(path).replaceAll('/', '-');
  const source = dirname(path) === '.' ? '/root' : `/${dirname(path)}`;
  const text = `schema_version: 20180708\nname: ${name}\nversion: 0.0.1\nruntime: go\ntriggers:\n- name: ${name}\n  type: http\n  source: ${source}\n`;
  return path.endsWith('.json')
    ? JSON.stringify({ schema_version: 20180708, name, triggers: [{ name, type: 'http', source }] })
    : text;
}

/** Collects the texts of warnings and notes. */
export function listener(): { emit: Emit; texts: string[] } {
  const texts: string[] = [];
  return {
    texts,
    emit: (event: FnmeshEvent) => {
      if (event.type === 'warning' || event.type === 'note') texts.push(event.text);
    },
  };
}
