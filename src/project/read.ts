// An app's folder, read and validated into a Project. Errors name every file, line and column at once.
import { dirname, resolve } from 'node:path';
import { FnmeshError } from '../errors.js';
import type { Emit } from '../events.js';
import { checkLayout, checkNames, type LoadedVersion } from './check.js';
import { APP_FILES, type Discovery, discover, FIRST_VERSION, firstFile } from './discover.js';
import { type Loaded, loadApp, loadFunc } from './load.js';
import { type Problem, problemLine, problemsError } from './problems.js';
import type { FunctionFolder, Project, VersionFolder } from './project.js';

const BATCH = 64;

/** Where an app is and what its app.yaml says. */
export type AppFolder = Pick<Project, 'root' | 'file' | 'app'>;

/**
 * Finds app.yaml, .yml or .json in a folder or the nearest above it, as an absolute path.
 * @throws FnmeshError `not_found`, naming `fnmesh init`, when there is none.
 */
export async function findAppFile(startDir: string): Promise<string> {
  for (let dir = resolve(startDir); ; dir = dirname(dir)) {
    const file = await firstFile(dir, APP_FILES);
    if (file !== undefined) return file;
    if (dir === dirname(dir)) break;
  }
  throw new FnmeshError('not_found', `no app.yaml in ${resolve(startDir)} or above it`, {
    try: 'fnmesh init hello-app (makes one), or change into the folder of an app',
  });
}

/**
 * Reads only the app's own file: for commands that need its name and not its functions.
 * @throws FnmeshError `not_found` without an app.yaml, `config` when it is malformed.
 */
export async function readApp(startDir: string, emit: Emit): Promise<AppFolder> {
  const file = await findAppFile(startDir);
  const loaded = await loadApp(file);
  warn(loaded.warnings, startDir, emit);
  if (loaded.content === undefined) throw problemsError(loaded.problems, resolve(startDir));
  return { root: dirname(file), file, app: loaded.content };
}

/**
 * Reads an app's folder: finds app.yaml upwards from `startDir`, the functions and versions below it, and
 * checks every file and what must hold between them. What is merely odd is emitted as warnings.
 * @throws FnmeshError `not_found` without an app.yaml; `config` with a `file:line:column` for everything wrong.
 */
export async function readProject(startDir: string, emit: Emit): Promise<Project> {
  const app = await readApp(startDir, emit);
  const found = await discover(app.root, app.app.name);
  return readFound(app, found, startDir, emit);
}

/** Reads the files of what `discover` found. @throws FnmeshError `config`. */
export async function readFound(
  app: AppFolder,
  found: Discovery,
  startDir: string,
  emit: Emit,
): Promise<Project> {
  const folders = found.functions.flatMap((one) => {
    const loose = one.loose === undefined ? [] : [{ version: FIRST_VERSION, dir: one.dir, file: one.loose }];
    return [...loose, ...one.versions].map((folder) => ({ ...folder, function: one.name }));
  });
  const versions: (LoadedVersion & { dir: string })[] = [];
  // A batch at a time: a process may have only so many files open.
  for (let from = 0; from < folders.length; from += BATCH) {
    const batch = folders.slice(from, from + BATCH);
    const loaded = await Promise.all(batch.map(({ file }) => loadFunc(file)));
    versions.push(...batch.map((folder, index) => ({ ...folder, loaded: loaded[index]! })));
  }

  const layout = checkLayout(found.functions);
  const problems = [
    ...found.problems,
    ...layout,
    ...versions.flatMap(({ loaded }) => loaded.problems),
    // Where it is not clear which files are which version, names that stand twice are only its echo.
    ...(layout.length > 0 ? [] : checkNames(versions)),
  ];
  warn([...found.warnings, ...versions.flatMap(({ loaded }) => loaded.warnings)], startDir, emit);
  if (problems.length > 0) throw problemsError(problems, resolve(startDir));
  const functions = found.functions.map(({ name, dir }): FunctionFolder => ({
    name,
    dir,
    versions: versions.filter((one) => one.function === name).flatMap(versionFolder),
  }));
  return { ...app, functions };
}

function versionFolder(one: LoadedVersion & { dir: string }): VersionFolder[] {
  const { content, file }: Loaded<VersionFolder['func']> = one.loaded;
  if (content === undefined) return [];
  return [{ function: one.function, version: one.version, dir: one.dir, file, func: content }];
}

function warn(warnings: readonly Problem[], startDir: string, emit: Emit): void {
  for (const warning of warnings) emit({ type: 'warning', text: problemLine(warning, resolve(startDir)) });
}
