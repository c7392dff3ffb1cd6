// `fnmesh add`: a further version of a function, or a further function, as a plan.
import { join, relative, sep } from 'node:path';
import { FnmeshError } from '../errors.js';
import type { Emit } from '../events.js';
import { discover, type FoundFunction, FIRST_VERSION } from '../project/discover.js';
import type { Project, VersionFolder } from '../project/project.js';
import { type AppFolder, readApp, readFound } from '../project/read.js';
import { selectVersions } from '../project/select.js';
import { targetOf } from './add-target.js';
import { conflictError, conflictsOf } from './conflicts.js';
import { folderVersions } from './folder.js';
import { looseEntries, movesInto, movingNotes } from './loose.js';
import { namesOf, type ScaffoldPlan, type VersionNames, type VersionSource } from './plan.js';
import type { Runtime } from './templates.js';
import { versionSource } from './version-source.js';

/** What is to be added. */
export type AddRequest = {
  /** `v3`, `cart/v3`, or a new function such as `price`. */
  target: string;
  cwd: string;
  /** The version to copy, such as `v2` or `cart/v2`; default: the newest, unless a runtime or template is named. */
  from?: string;
  runtime?: Runtime;
  /** `PATH` or `GIT-URL[#ref]`. */
  template?: string;
};

/**
 * Plans a new version, as a copy of the newest with names of its own, or a new function. Where the function
 * has no version folders yet, its files first move unchanged into `v1/`, so its fn and trigger keep their names.
 * @throws FnmeshError `usage` for names, `not_found` for functions and versions, `conflict` for what exists,
 * `config` for malformed files.
 */
export async function planAdd(request: AddRequest, emit: Emit): Promise<ScaffoldPlan> {
  if (request.from !== undefined && (request.template ?? request.runtime) !== undefined) {
    throw new FnmeshError('usage', 'a version starts from another one or from a template, not from both', {
      try: 'give either --from, or --template and --runtime',
    });
  }
  const app = await readApp(request.cwd, emit);
  const found = await discover(app.root, app.app.name);
  const target = targetOf(request, app, found.functions);

  // Files beside version folders are no valid app; making a version of them is what makes it one.
  if ('existing' in target && target.existing.loose !== undefined && target.existing.versions.length > 0) {
    return checked(await folderPlan(app, found.functions, target.existing, target.version));
  }
  const project = await readFound(app, found, request.cwd, emit);
  return checked(
    'existing' in target
      ? await versionPlan(request, project, found.functions, target.existing, target.version)
      : await functionPlan(request, project, target.newFunction),
  );
}

async function versionPlan(
  request: AddRequest,
  project: Project,
  functions: readonly FoundFunction[],
  one: FoundFunction,
  version: string,
): Promise<ScaffoldPlan> {
  const names = namesOf(project.app.name, one.name, version);
  checkCollisions(project, names);
  const plan = emptyPlan(project, names);
  if (one.loose !== undefined) {
    plan.moves = await movesInto(project.root, one, functions, FIRST_VERSION);
    plan.notes.push(...(await movingNotes(one, FIRST_VERSION)));
  }
  const { source, notes } =
    request.template === undefined && request.runtime === undefined
      ? await copied(request, project, functions, one)
      : await versionSource(request, runtimesOf(project));
  plan.notes.push(...notes);
  return filled(plan, source, names, join(relative(project.root, one.dir), version));
}

async function functionPlan(request: AddRequest, project: Project, name: string): Promise<ScaffoldPlan> {
  const names = namesOf(project.app.name, name, FIRST_VERSION);
  checkCollisions(project, names);
  const { source, notes } =
    request.from === undefined
      ? await versionSource(request, runtimesOf(project))
      : { source: await copyOf(fromVersion(project, request.from)), notes: [] };
  const plan = emptyPlan(project, names);
  plan.notes.push(...notes);
  return filled(plan, source, names, join(name, FIRST_VERSION));
}

async function folderPlan(
  app: AppFolder,
  functions: readonly FoundFunction[],
  one: FoundFunction,
  version: string,
): Promise<ScaffoldPlan> {
  const plan = emptyPlan(app, namesOf(app.app.name, one.name, version));
  plan.moves = await movesInto(app.root, one, functions, version);
  plan.notes.push(
    `the files beside the version folders become ${version}; its fn and trigger keep their names`,
  );
  plan.notes.push(...(await movingNotes(one, version)));
  return plan;
}

async function copied(
  request: AddRequest,
  project: Project,
  functions: readonly FoundFunction[],
  one: FoundFunction,
): Promise<{ source: VersionSource; notes: string[] }> {
  const asked = request.from ?? one.versions.at(-1)?.version ?? FIRST_VERSION;
  const from = fromVersion(project, asked.includes('/') ? asked : `${one.name}/${asked}`);
  const { stay } = from.dir === one.dir ? await looseEntries(project.root, one, functions) : { stay: [] };
  return { source: await copyOf(from, stay), notes: [] };
}

function copyOf(from: VersionFolder, leaveOut: readonly string[] = []): Promise<VersionSource> {
  return folderVersions(from.dir, { version: from.version, leaveOut: new Set(leaveOut) });
}

function fromVersion(project: Project, asked: string): VersionFolder {
  const [from, ...more] = selectVersions(project, [asked]);
  if (from !== undefined && more.length === 0) return from;
  throw new FnmeshError('usage', `--from ${asked} names ${more.length + 1} versions`, {
    try: 'name one, such as --from cart/v2',
  });
}

function checkCollisions(project: Project, names: VersionNames): void {
  for (const one of project.functions.flatMap(({ versions }) => versions)) {
    const label = `${one.function}/${one.version}`;
    const sameName = one.func.name === names.fn || `${one.function}-${one.version}` === names.fn;
    const sameSource = one.func.triggers.some(({ source }) => source === names.source);
    if (!sameName && !sameSource) continue;
    const what = sameName ? `the name ${names.fn}` : `the source ${names.source}`;
    throw new FnmeshError(
      'conflict',
      `${names.function}/${names.version} needs ${what}, which ${label} has`,
      {
        try: `choose another name, or change ${relative(project.root, one.file)}`,
      },
    );
  }
}

function emptyPlan(app: AppFolder, names: VersionNames): ScaffoldPlan {
  return {
    kind: 'add',
    root: app.root,
    app: app.app.name,
    versions: [`${names.function}/${names.version}`],
    moves: [],
    files: [],
    commit: null,
    notes: [],
  };
}

function filled(
  plan: ScaffoldPlan,
  source: VersionSource,
  names: VersionNames,
  folder: string,
): ScaffoldPlan {
  const { files, notes } = source(names);
  return {
    ...plan,
    files: files.map((file) => ({ ...file, path: `${folder.split(sep).join('/')}/${file.path}` })),
    notes: [...plan.notes, ...notes],
  };
}

async function checked(plan: ScaffoldPlan): Promise<ScaffoldPlan> {
  const conflicts = await conflictsOf(plan);
  if (conflicts.length > 0) throw conflictError(plan, conflicts);
  return plan;
}

function runtimesOf(project: Project): string[] {
  return project.functions.flatMap(({ versions }) => versions.map(({ func }) => func.runtime ?? ''));
}
