// Which files of a folder a new version takes along.
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { FnmeshError } from '../errors.js';
import { unignoredFiles } from '../git/repo.js';
import type { PlannedFile } from './plan.js';

// What builds and installs leave behind, for folders that git says nothing about.
const LEFTOVERS = new Set(['.git', '.fnmesh', 'node_modules', '__pycache__', '.venv', 'venv']);
const MAX_FILES = 10_000;
const MAX_INLINE_BYTES = 64 * 1024 * 1024;

/**
 * The files of a folder that make up a version, as copies: not what builds leave and what git ignores.
 * @throws FnmeshError `config` for links that leave the folder, for what is no plain file, and for too many files.
 */
export async function listFiles(dir: string, leaveOut: ReadonlySet<string>): Promise<PlannedFile[]> {
  const unignored = await unignoredFiles(dir);
  const paths = (unignored ?? (await walk(dir, ''))).filter((path) => {
    const parts = path.split('/');
    return !leaveOut.has(parts[0] ?? '') && !parts.some((part) => LEFTOVERS.has(part));
  });
  if (paths.length > MAX_FILES) {
    throw new FnmeshError('config', `${dir} holds ${paths.length} files, more than any function has`, {
      try: 'name the folder of one function',
    });
  }
  const files = await Promise.all(paths.map((path) => planFile(dir, path)));
  return files.filter((file) => file !== undefined);
}

async function walk(dir: string, under: string): Promise<string[]> {
  const entries = await readdir(join(dir, under), { withFileTypes: true });
  const names = new Set(entries.map(({ name }) => name));
  if (names.has('pyvenv.cfg')) return [];
  const paths: string[] = [];
  for (const entry of entries.filter(({ name }) => !LEFTOVERS.has(name))) {
    const path = `${under}${entry.name}`;
    paths.push(...(entry.isDirectory() ? await walk(dir, `${path}/`) : [path]));
  }
  return paths;
}

async function planFile(dir: string, path: string): Promise<PlannedFile | undefined> {
  const from = join(dir, path);
  // Deleted, but still known to git.
  const found = await lstat(from).catch(() => undefined);
  if (found === undefined) return undefined;
  if (found.isFile()) return { path, mode: found.mode & 0o755, copyOf: from };
  if (!found.isSymbolicLink())
    throw new FnmeshError('config', `${from} is no plain file and cannot be copied`, { try: 'move it away' });
  const target = await readlink(from);
  const inside = relative(dir, resolve(from, '..', target));
  if (isAbsolute(target) || isAbsolute(inside) || inside === '..' || inside.startsWith(`..${sep}`)) {
    throw new FnmeshError('config', `${from} is a link to ${target}, out of the folder`, {
      try: 'replace it by the file itself',
    });
  }
  return { path, mode: 0o777, linkTo: target };
}

/** The files with their bytes, for a folder that will be gone. @throws FnmeshError `config` over 64 MiB. */
export async function inlined(files: readonly PlannedFile[]): Promise<PlannedFile[]> {
  let total = 0;
  const result: PlannedFile[] = [];
  for (const file of files) {
    if (!('copyOf' in file)) {
      result.push(file);
      continue;
    }
    const bytes = await readFile(file.copyOf);
    total += bytes.length;
    if (total > MAX_INLINE_BYTES)
      throw new FnmeshError('config', 'the template is larger than 64 MiB', {
        try: 'take large files out of it',
      });
    result.push({ path: file.path, mode: file.mode, base64: bytes.toString('base64') });
  }
  return result;
}
