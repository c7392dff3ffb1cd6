// Which functions and versions an app's folder holds, by the names of its folders alone.
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf } from '../errors.js';
import { compareVersions, isFunctionName, isVersionName, nearestFunctionName } from '../routing/versions.js';
import type { Problem } from './problems.js';

/** A folder with a func.yaml, .yml or .json. */
type FoundVersion = { version: string; dir: string; file: string };

/** A function's folder: its version folders in ascending order, and the func.yaml beside them, if any. */
export type FoundFunction = {
  name: string;
  dir: string;
  versions: FoundVersion[];
  loose: string | undefined;
};

/** What a walk through an app's folder found. */
export type Discovery = { functions: FoundFunction[]; problems: Problem[]; warnings: Problem[] };

/** Fn's names for the file, in Fn's order (fnproject/cli 0.6.63, common/funcfile.go). */
export const FUNC_FILES = ['func.yaml', 'func.yml', 'func.json'] as const;
/** Fn's names for the app's file, in Fn's order (fnproject/cli 0.6.63, common/app.go). */
export const APP_FILES = ['app.yaml', 'app.yml', 'app.json'] as const;
/** The version that a function without version folders has. */
export const FIRST_VERSION = 'v1';

// Deeper folders are some function's sources, not a layout that a person can keep in mind.
const MAX_DEPTH = 8;

/**
 * Walks an app's folder. A version-named folder with a func.yaml is a version of the folder above it, any other
 * is a function; the app's own folder stands for the function named like the app. Not looked into: vendor,
 * node_modules, dot folders, Python environments, folders with an app.yaml of their own, links, anything more
 * than 8 folders down.
 */
export async function discover(root: string, appName: string): Promise<Discovery> {
  const found: Discovery = { functions: [], problems: [], warnings: [] };
  const byDir = new Map<string, FoundFunction>();
  const functionAt = (dir: string): FoundFunction => {
    const known = byDir.get(dir);
    if (known !== undefined) return known;
    const made = {
      name: nameOf(dir, dir === root ? appName : basename(dir), found),
      dir,
      versions: [],
      loose: undefined,
    };
    byDir.set(dir, made);
    return made;
  };

  for (const { dir, file } of await funcFolders(root, found)) {
    const version = basename(dir);
    if (dir !== root && isVersionName(version))
      functionAt(dirname(dir)).versions.push({ version, dir, file });
    else functionAt(dir).loose = file;
  }
  for (const one of byDir.values()) one.versions.sort((a, b) => compareVersions(a.version, b.version));
  found.functions = [...byDir.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return found;
}

/** The first of `names` that is a file in the folder, as an absolute path. */
export async function firstFile(dir: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const path = join(dir, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return path;
  }
  return undefined;
}

async function funcFolders(root: string, found: Discovery): Promise<{ dir: string; file: string }[]> {
  const folders: { dir: string; file: string }[] = [];
  const walk = async (dir: string, depth: number): Promise<void> => {
    const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
      found.warnings.push({ file: dir, text: `cannot be looked into: ${messageOf(error)}` });
      return [];
    });
    const names = new Set(entries.map((entry) => entry.name));
    if (depth > 0 && APP_FILES.some((name) => names.has(name))) {
      found.warnings.push({ file: dir, text: 'is an app of its own, with its own app.yaml; it is left out' });
      return;
    }
    // Only a link needs a look at what is behind it.
    const first = FUNC_FILES.find((name) => names.has(name));
    const plain = entries.some((entry) => entry.name === first && entry.isFile());
    const file =
      first === undefined ? undefined : plain ? join(dir, first) : await firstFile(dir, FUNC_FILES);
    if (file !== undefined) folders.push({ dir, file });
    if (depth === MAX_DEPTH || names.has('pyvenv.cfg')) return;
    // A link to a folder is no directory here: links are not followed.
    const below = entries.filter((entry) => entry.isDirectory() && isLookedInto(entry.name));
    await Promise.all(below.map((entry) => walk(join(dir, entry.name), depth + 1)));
  };
  await walk(root, 0);
  found.warnings.sort((a, b) => (a.file < b.file ? -1 : 1));
  return folders.sort((a, b) => (a.dir < b.dir ? -1 : 1));
}

function isLookedInto(name: string): boolean {
  return !name.startsWith('.') && name !== 'vendor' && name !== 'node_modules';
}

// An existing Fn app may have folders such as Hello_World: they get the nearest name that fnmesh can route.
function nameOf(dir: string, given: string, found: Discovery): string {
  const isName: boolean = isFunctionName(given);
  const isVersion: boolean = isVersionName(given);
  if (isName) return given;
  if (isVersion) {
    found.problems.push({
      file: dir,
      text: `a function cannot be named ${given}, which is a version's name`,
      try: 'give the folder above the version the name of its function, such as cart/v1',
    });
    return given;
  }
  const made = nearestFunctionName(given);
  const isMadeName: boolean = isFunctionName(made);
  if (isMadeName) {
    found.warnings.push({
      file: dir,
      text: `the function is called ${made} here; names are lower-case letters, digits and "-"`,
    });
    return made;
  }
  found.problems.push({
    file: dir,
    text: `${JSON.stringify(given)} is no name for a function: lower-case letters, digits and "-", a letter first, at most 40`,
    try: 'rename the folder (func.yaml keeps its own name)',
  });
  return given;
}
