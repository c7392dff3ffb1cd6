// The files of an existing folder as a source of versions: another version's, or a template's.
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { FnmeshError, messageOf } from '../errors.js';
import { unignoredFiles } from '../git/repo.js';
import { APP_FILES, FUNC_FILES } from '../project/discover.js';
import type { PlannedFile, VersionSource } from './plan.js';
import {
  isMainFile,
  type Runtime,
  runtimeOf,
  templateFuncFile,
  TEMPLATES,
  withVersion,
} from './templates.js';

/** How a folder's files become a version. */
export type FolderOptions = {
  /** The version the folder is, when it is one of the app's; undefined for a template. */
  version?: string;
  /** Top-level entries that are no part of it. */
  leaveOut?: ReadonlySet<string>;
  /** The runtime of a template without a func.yaml. */
  runtime?: Runtime;
  /** True: the plan holds the files' bytes, since the folder will be gone when it is carried out. */
  inline?: boolean;
};

// What builds and installs leave behind, for folders that git says nothing about.
const LEFTOVERS = new Set(['.git', '.fnmesh', 'node_modules', '__pycache__', '.venv', 'venv']);
const MAX_FILES = 10_000;
const MAX_INLINE_BYTES = 64 * 1024 * 1024;

/**
 * Reads a folder into a source of versions: its files as they are, func.yaml with the new names, the
 * template's version line with the new version. Left out is what builds leave and what git ignores.
 * @throws FnmeshError `config` for links that leave the folder and for files that are none, for a template
 * that is a whole app or several functions, and where neither a func.yaml nor a runtime can be told.
 */
export async function folderVersions(dir: string, options: FolderOptions): Promise<VersionSource> {
  const files = await listFiles(dir, options.leaveOut ?? new Set());
  const paths = files.map(({ path }) => path);
  const func = FUNC_FILES.find((name) => paths.includes(name));
  if (options.version === undefined) checkTemplate(dir, paths);
  const funcText =
    func === undefined
      ? await generatedFunc(dir, paths, options.runtime)
      : await readFile(join(dir, func), 'utf8');
  const main = paths.find(isMainFile);
  const mainText = main === undefined ? undefined : await readFile(join(dir, main), 'utf8');
  const { renameFunc } = await import('../project/edit.js');
  const planned = options.inline ? await inlined(files) : files;

  return (names) => {
    const further =
      options.version === undefined ? {} : { further: { from: options.version, to: names.version } };
    const settings = { ...further, addTrigger: options.version === undefined };
    let funcContent: string;
    try {
      funcContent =
        typeof funcText === 'string'
          ? renameFunc(funcText, { name: names.fn, source: names.source }, settings)
          : funcText(names);
    } catch (error) {
      throw new FnmeshError('config', `${join(dir, func ?? '')}: ${messageOf(error)}`, {
        try: 'correct it there',
      });
    }
    const changed = new Map<string, string>([[func ?? FUNC_FILES[0], funcContent]]);
    const renewed =
      main === undefined || mainText === undefined ? undefined : withVersion(main, mainText, names.version);
    if (main !== undefined && renewed !== undefined) changed.set(main, renewed);
    const notes =
      renewed === undefined && options.version !== undefined
        ? [
            `${names.function}/${names.version} answers like ${options.version} until you edit it: its source has no line that names the version as a template's does`,
          ]
        : [];
    const kept = planned.filter(({ path }) => !changed.has(path));
    const written = [...changed].map(([path, content]): PlannedFile => ({
      path,
      mode: modeOf(files, path),
      content,
    }));
    return { files: [...kept, ...written].sort((a, b) => (a.path < b.path ? -1 : 1)), notes };
  };
}

async function listFiles(dir: string, leaveOut: ReadonlySet<string>): Promise<PlannedFile[]> {
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

function checkTemplate(dir: string, paths: readonly string[]): void {
  const nested = paths.find(
    (path) => path.includes('/') && FUNC_FILES.some((name) => path.endsWith(`/${name}`)),
  );
  if (nested === undefined && !APP_FILES.some((name) => paths.includes(name))) return;
  const example = nested === undefined ? dir : join(dir, nested, '..');
  throw new FnmeshError('config', `${dir} is a whole app; a template is the folder of one version`, {
    try: `--template ${example}`,
  });
}

async function generatedFunc(dir: string, paths: readonly string[], asked: Runtime | undefined) {
  const runtime = asked ?? runtimeOf(paths);
  if (runtime === undefined) {
    const mains = [...new Set(Object.values(TEMPLATES).map(({ main }) => main))].join(', ');
    throw new FnmeshError('config', `${dir} has no func.yaml, and none of ${mains} to tell its runtime by`, {
      try: 'add --runtime go, node or python',
    });
  }
  return templateFuncFile(runtime);
}

async function inlined(files: readonly PlannedFile[]): Promise<PlannedFile[]> {
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

function modeOf(files: readonly PlannedFile[], path: string): number {
  return files.find((file) => file.path === path)?.mode ?? 0o644;
}
