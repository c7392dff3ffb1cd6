// Version folders for build tests, and which toolchains are there.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { FnmeshEvent } from '../../src/events.js';
import type { FuncFile, VersionFolder } from '../../src/project/project.js';

/** Whether a program answers; in CI it must, so that nothing is skipped there. */
export function has(command: string, ...args: string[]): boolean {
  if (process.env['CI']) return true;
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** An empty folder that is removed after the test. */
export function emptyFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'fnmesh-build-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Writes files by their relative paths. */
export function write(dir: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
}

/** A version's folder `cart/v1` in `root` with the given files. */
export function version(
  root: string,
  files: Record<string, string>,
  func: Partial<FuncFile> = {},
  name = 'v1',
): VersionFolder {
  const dir = join(root, 'cart', name);
  write(dir, { 'func.yaml': JSON.stringify(func), ...files });
  return {
    function: 'cart',
    version: name,
    dir,
    file: join(dir, 'func.yaml'),
    func: {
      schema_version: 20180708,
      name: `cart-${name}`,
      version: '0.0.1',
      runtime: 'go',
      config: {},
      annotations: {},
      triggers: [],
      ...func,
    },
  };
}

/** A small program without dependencies. */
export const GO_FILES = {
  'go.mod': 'module func\n\ngo 1.21\n',
  'func.go': 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Print("one") }\n',
};

/** Build options of a test, with the events it saw. */
export function options(
  root: string,
  force = false,
): { buildsDir: string; force: boolean; emit: (e: FnmeshEvent) => void; events: FnmeshEvent[] } {
  const events: FnmeshEvent[] = [];
  return { buildsDir: join(root, '.fnmesh', 'builds'), force, emit: (event) => events.push(event), events };
}
