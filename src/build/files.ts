// Which files make up a version: what is hashed, and what is copied into a build folder.
import type { Dirent } from 'node:fs';
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FnmeshError, messageOf } from '../errors.js';

/** One file of a folder. `path` is relative, with `/`; `size` in bytes. */
export type SourceFile = { path: string; absolute: string; executable: boolean; size: number };

/** What a walk leaves out besides what no version counts as its own. */
export type Leave = {
  /** Files by their paths relative to the folder, such as the binary that a build by hand left there. */
  files?: readonly string[];
  /** Folders that hold a file of this name are not entered, the top one excepted: `go.mod` for nested modules. */
  foldersWith?: readonly string[];
  /**
   * Present: env files are left out, those called `.env`, `.env.local`, … in any folder and those at these absolute
   * paths, by whatever link they are reached. Absent: they are files like any others.
   */
  envFiles?: readonly string[];
};

// Repositories, what package managers install, what interpreters cache: made anew by a build, or of no concern.
const NEVER = new Set(['.git', '.hg', '.svn', '.fnmesh', 'node_modules', '__pycache__', '.DS_Store']);
// The app's own files, where a version lies beside app.yaml: they configure the app, not the function's code.
const OF_THE_APP = new Set(['app.yaml', 'app.yml', 'app.json', 'fnmesh.yaml', 'fnmesh.yml']);
// What is written for others to copy holds no secrets.
const ENV_FILE = /^\.env(?!.*\.(?:example|sample|template|dist)$)(?:\..*)?$/;

/**
 * The files of a folder, ordered by path. Symbolic links are followed, sockets and the like left out.
 * @throws FnmeshError `config` for a link that leads nowhere or in a circle, or an unreadable folder.
 */
export function filesOf(dir: string, leave: Leave = {}): SourceFile[] {
  const found: SourceFile[] = [];
  const { envFiles } = leave;
  walk(dir, '', { ...leave, ...(envFiles && { envFiles: envFiles.map(realPath) }) }, [], found);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Copies a version's files into an existing folder: linked files as files, execute bits kept. */
export async function copyFiles(files: readonly SourceFile[], into: string): Promise<void> {
  const made = new Set<string>([into]);
  for (const file of files) {
    const target = join(into, file.path);
    const folder = dirname(target);
    if (!made.has(folder)) await mkdir(folder, { recursive: true });
    made.add(folder);
    await copyFile(file.absolute, target);
  }
}

function walk(root: string, at: string, leave: Leave, parents: readonly string[], found: SourceFile[]): void {
  const dir = at === '' ? root : join(root, at);
  let entries: Dirent[];
  try {
    entries = readdirSync(dir, { withFileTypes: true });
  } catch (error) {
    throw new FnmeshError('config', `cannot read ${dir}: ${messageOf(error)}`, { cause: error });
  }
  for (const entry of entries) {
    if (NEVER.has(entry.name) || entry.name.endsWith('.pyc')) continue;
    if (at === '' && OF_THE_APP.has(entry.name)) continue;
    if (leave.envFiles !== undefined && ENV_FILE.test(entry.name)) continue;
    const path = at === '' ? entry.name : `${at}/${entry.name}`;
    if (entry.isFile() || entry.isDirectory() || entry.isSymbolicLink()) {
      visit(root, path, leave, parents, found);
    }
  }
}

function visit(
  root: string,
  path: string,
  leave: Leave,
  parents: readonly string[],
  found: SourceFile[],
): void {
  const absolute = join(root, path);
  const stat = statSync(absolute, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw new FnmeshError('config', `${absolute} is a link that leads nowhere`, { try: `rm ${absolute}` });
  }
  if (stat.isFile() && !leave.files?.includes(path) && !isEnvFile(absolute, leave.envFiles)) {
    found.push({ path, absolute, executable: (stat.mode & 0o111) !== 0, size: stat.size });
  }
  if (!stat.isDirectory() || leave.foldersWith?.some((name) => existsSync(join(absolute, name)))) return;
  // A virtual environment that a person made for the editor.
  if (existsSync(join(absolute, 'pyvenv.cfg'))) return;
  const real = realpathSync(absolute);
  if (parents.includes(real) || real === realpathSync(root)) {
    throw new FnmeshError('config', `${absolute} is a link that leads in a circle`, {
      try: `rm ${absolute}`,
    });
  }
  walk(root, path, leave, [...parents, real], found);
}

function isEnvFile(path: string, envFiles: readonly string[] | undefined): boolean {
  if (envFiles === undefined) return false;
  const real = realPath(path);
  return envFiles.includes(real) || ENV_FILE.test(basename(real));
}

/** Where links lead; a path that leads nowhere as it is. */
function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}
