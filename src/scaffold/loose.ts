// A function's files that lie in no version's folder yet, and the move that gives them one.
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { APP_FILES, type FoundFunction } from '../project/discover.js';
import type { PlannedMove } from './plan.js';

/**
 * The entries of a function's folder that are its own, and those that stay where they are: the app's files,
 * git's, fnmesh's, and folders that hold functions or versions.
 */
export async function looseEntries(
  root: string,
  one: FoundFunction,
  functions: readonly FoundFunction[],
): Promise<{ own: string[]; stay: string[] }> {
  const folders = functions.flatMap((other) => [
    ...(other.loose === undefined ? [] : [other.dir]),
    ...other.versions.map(({ dir }) => dir),
  ]);
  const holding = new Set(
    folders.filter((dir) => dir.startsWith(one.dir + sep)).map((dir) => relative(one.dir, dir).split(sep)[0]),
  );
  const staying = (name: string): boolean =>
    name.startsWith('.git') ||
    name === '.fnmesh' ||
    (one.dir === root && (name === 'fnmesh.yaml' || APP_FILES.some((file) => file === name))) ||
    holding.has(name);
  const names = (await readdir(one.dir)).sort();
  return { own: names.filter((name) => !staying(name)), stay: names.filter(staying) };
}

/** The moves that put a function's loose files into a version's folder. */
export async function movesInto(
  root: string,
  one: FoundFunction,
  functions: readonly FoundFunction[],
  version: string,
): Promise<PlannedMove[]> {
  const { own } = await looseEntries(root, one, functions);
  const at = (...parts: string[]): string =>
    relative(root, join(one.dir, ...parts))
      .split(sep)
      .join('/');
  return own.map((name) => ({ from: at(name), to: at(version, name) }));
}

/** What a move does not mend: paths in go.mod that start from the folder it was in. */
export async function movingNotes(one: FoundFunction, version: string): Promise<string[]> {
  const goMod = await readFile(join(one.dir, 'go.mod'), 'utf8').catch(() => '');
  const path = /=>\s*(\.\.?\/\S*)/.exec(goMod)?.[1];
  if (path === undefined) return [];
  return [
    `go.mod replaces a module by ${path}: ${version}/go.mod is one folder further down, so change it there`,
  ];
}
