// What fnmesh needs to know of go.mod and go.work (go.dev/ref/mod): which folders outside a version its build reads.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** The directives of go.mod or go.work that lead to other code. */
export type ModFile = {
  /** The module's path; '' in go.work. */
  module: string;
  /** What is required, as `path version`. */
  requires: string[];
  /** Module path → folder as written, for replacements by a local folder. */
  replaces: { module: string; folder: string }[];
  /** Folders of a workspace, as written. */
  uses: string[];
};

/** Reads the text of a go.mod or go.work file; what it does not know, it passes over. */
export function parseModFile(text: string): ModFile {
  const file: ModFile = { module: '', requires: [], replaces: [], uses: [] };
  let block = '';
  for (const raw of text.split('\n')) {
    const words = wordsOf(raw);
    if (words.length === 0) continue;
    if (words[0] === ')') block = '';
    else if (words[1] === '(') block = words[0] ?? '';
    else take(file, block === '' ? words : [block, ...words]);
  }
  return file;
}

/** The local folders that a module's replacements lead to, absolute; a relative one counts from the file's folder. */
export function replacedFolders(file: ModFile, dir: string): string[] {
  return file.replaces.map(({ folder }) => resolve(dir, folder));
}

/** The go.work file that counts for a folder (GOWORK, else the nearest above), or undefined. */
export function workspaceOf(dir: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = env['GOWORK'];
  if (named === 'off') return undefined;
  if (named !== undefined && named !== '') return named;
  for (let at = dir; ; at = dirname(at)) {
    const file = join(at, 'go.work');
    if (existsSync(file)) return file;
    if (dirname(at) === at) return undefined;
  }
}

/** What of a workspace counts for one of its modules. */
export type WorkspaceInputs = {
  /** Absolute folders of the modules that its code imports, directly or through each other, and of replacements. */
  folders: string[];
  /** What all members require together: it decides which release of a dependency each is built with. */
  requires: string[];
};

/** What of the workspace counts for a module; null when it is no member, so that the workspace does not count. */
export function workspaceInputs(workFile: string, moduleDir: string): WorkspaceInputs | null {
  const root = dirname(workFile);
  const work = parseModFile(readFileSync(workFile, 'utf8'));
  const members = work.uses.map((use) => readModule(resolve(root, use)));
  const own = members.find((member) => member.dir === resolve(moduleDir));
  if (own === undefined) return null;
  const needed = new Set([own]);
  // A Set gives what is added while it is walked.
  for (const module of needed) {
    const code = goCode(module.dir);
    for (const other of members) {
      const { module: path } = other.file;
      if (path !== '' && (code.includes(`"${path}"`) || code.includes(`"${path}/`))) needed.add(other);
    }
  }
  const folders = [...needed].flatMap(({ dir, file }) => [dir, ...replacedFolders(file, dir)]);
  const outside = new Set([...replacedFolders(work, root), ...folders]);
  outside.delete(own.dir);
  return {
    folders: [...outside].sort(),
    requires: [...new Set(members.flatMap((member) => member.file.requires))].sort(),
  };
}

function readModule(dir: string): { dir: string; file: ModFile } {
  const path = join(dir, 'go.mod');
  return { dir, file: parseModFile(existsSync(path) ? readFileSync(path, 'utf8') : '') };
}

/** All Go source of a module, in one text: an import stands in it as a quoted path. */
function goCode(dir: string): string {
  const parts: string[] = [];
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isFile() && entry.name.endsWith('.go')) parts.push(readFileSync(path, 'utf8'));
    const inside = entry.isDirectory() && !/^[._]|^(vendor|node_modules)$/.test(entry.name);
    if (inside && !existsSync(join(path, 'go.mod'))) parts.push(goCode(path));
  }
  return parts.join('\n');
}

function take(file: ModFile, words: string[]): void {
  const [directive, first = ''] = words;
  if (directive === 'module') file.module = first;
  if (directive === 'require') file.requires.push(words.slice(1, 3).join(' '));
  if (directive === 'use') file.uses.push(first);
  if (directive !== 'replace') return;
  const folder = words[words.indexOf('=>') + 1] ?? '';
  if (/^\.{0,2}\//.test(folder) || folder === '.' || folder === '..')
    file.replaces.push({ module: first, folder });
}

function wordsOf(line: string): string[] {
  const words = line.replace(/\/\/.*$/, '').match(/"[^"]*"|`[^`]*`|\(|\)|[^\s()]+/g) ?? [];
  return words.map((word) => (/^["`]/.test(word) ? word.slice(1, -1) : word));
}
