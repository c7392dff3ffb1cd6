// deploy --as: a folder becomes a new version of its function, with an fn and a trigger of its own; no folder is copied.
import type { BuildOptions } from '../build/build.js';
import { Builds } from '../build/builds.js';
import { FnmeshError } from '../errors.js';
import type { Observed } from '../fn/observe.js';
import { fnName } from '../project/fn-name.js';
import type { Project, VersionFolder } from '../project/project.js';
import { pathOf } from '../routing/match.js';
import { compareVersions, isVersionName } from '../routing/versions.js';
import type { ImageStore } from './ports.js';
import { hashOfImage } from './desired.js';
import type { RouteTable } from '../router/router.js';
import { labelOf } from './result.js';

/** How the folder is built. */
type Building = Pick<BuildOptions, 'buildsDir' | 'force' | 'envFiles'>;

/** What is made of one function on the server. */
type Known = { version: string; as: boolean; hash: string };

/**
 * The folder as the version that it becomes. `next`: the number after the highest; when the newest version that was
 * made so has the same content, it is that one.
 * @param wanted A version's name, or `next`.
 * @param options `image`: one that exists, from which the version is made; `table`: the routes, which may know
 * versions that are on another Fn server.
 * @throws FnmeshError `usage` for what is no version's name or has a folder of its own; `conflict` when the version is
 * there with another content, or its fn's name is another's.
 */
export async function versionAs(
  folder: VersionFolder,
  wanted: string,
  project: Project,
  observed: Observed,
  images: ImageStore,
  options: Building & { image?: string | undefined; table?: RouteTable | null },
): Promise<VersionFolder> {
  const { image, table, ...building } = options;
  const hash = image === undefined ? await hashOfBuild(folder, images, building) : hashOfImage(image);
  const routed = table?.routes.find(({ route }) => route.function === folder.function)?.route.split ?? {};
  const known = observed.fns.flatMap(({ notes }): Known[] =>
    notes?.function === folder.function
      ? [{ version: notes.version, as: notes.as === true, hash: notes.hash }]
      : [],
  );
  for (const version of Object.keys(routed)) {
    if (!known.some((other) => other.version === version)) known.push({ version, as: false, hash: '' });
  }
  const made = renamed(folder, chooseName(folder, wanted, project, known, hash), project);
  checkFree(made, folder, project, observed);
  return made;
}

async function hashOfBuild(folder: VersionFolder, images: ImageStore, building: Building): Promise<string> {
  const builds = new Builds({ ...building, emit: () => undefined, for: images.builds });
  const [plan] = await builds.plan([folder]);
  if (plan === undefined || 'error' in plan) throw plan?.error ?? new Error('no plan of one version');
  return plan.hash;
}

/** The fn's name and source that a version gets are made from its own, and may be another's. */
function checkFree(made: VersionFolder, folder: VersionFolder, project: Project, observed: Observed): void {
  const name = fnName(made.func);
  const next = { try: `fnmesh deploy ${made.function} --as next` };
  const sources = made.func.triggers.map(({ source }) => source);
  for (const other of project.functions.flatMap(({ versions }) => versions)) {
    if (other.dir === folder.dir) continue;
    const taken = fnName(other.func) === name ? `fn ${name}` : undefined;
    const source = other.func.triggers.find((trigger) => sources.includes(trigger.source))?.source;
    if (taken === undefined && source === undefined) continue;
    const message = `${labelOf(made)} would have the ${taken ?? `source ${source}`} of ${labelOf(other)}, in ${other.file}`;
    throw new FnmeshError('conflict', message, next);
  }
  const there = observed.fns.find(({ fn }) => fn.name === name);
  if (there === undefined || (there.notes?.as && labelOf(there.notes) === labelOf(made))) return;
  const whose = there.notes === null ? 'was not made by fnmesh' : `is ${labelOf(there.notes)}`;
  throw new FnmeshError(
    'conflict',
    `${labelOf(made)} would be fn ${name}, which is on the server and ${whose}`,
    next,
  );
}

/** Which version a folder becomes. Pure; as `versionAs`. */
export function chooseName(
  folder: Pick<VersionFolder, 'function' | 'version' | 'dir'>,
  wanted: string,
  project: Pick<Project, 'functions'>,
  known: readonly Known[],
  hash: string,
): string {
  const name = folder.function;
  const own = project.functions.find((each) => each.name === name);
  // A folder without version folders is v1 only where it was deployed as such.
  const folders = own?.versions.filter(({ dir }) => dir !== own.dir).map(({ version }) => version) ?? [];
  const made = known.filter(({ as }) => as).sort((a, b) => compareVersions(a.version, b.version));
  if (wanted === 'next') {
    const newest = made.at(-1);
    if (newest?.hash === hash) return newest.version;
    const numbers = [...folders, ...known.map(({ version }) => version)].map((version) =>
      Number.parseInt(version.slice(1), 10),
    );
    return `v${Math.max(0, ...numbers) + 1}`;
  }
  if (!isVersionName(wanted)) {
    throw new FnmeshError('usage', `--as ${wanted}: a version is called v1, v2, v3-beta, …, or next`, {
      try: `fnmesh deploy ${name} --as next`,
    });
  }
  const label = labelOf({ function: name, version: wanted });
  if (folders.includes(wanted)) {
    throw new FnmeshError('usage', `${label} has a folder of its own`, { try: `fnmesh deploy ${label}` });
  }
  const there = known.find(({ version }) => version === wanted);
  if (there !== undefined && !(there.as && there.hash === hash)) {
    throw new FnmeshError('conflict', `${label} is there already, with another content`, {
      try: `fnmesh deploy ${name} --as next`,
    });
  }
  return wanted;
}

function renamed(folder: VersionFolder, version: string, { app }: Project): VersionFolder {
  const { function: name, func } = folder;
  const fn = `${name}-${version}`;
  if (fn.length > 40) {
    throw new FnmeshError('usage', `${fn} is longer than the 40 characters of an fn's name`, {
      try: `fnmesh deploy ${name} --as next`,
    });
  }
  const path = pathOf(app.name, name);
  const source = `${path === '/' ? '' : path}/${version}`;
  const registry = func.name.slice(0, func.name.lastIndexOf('/') + 1);
  const triggers = func.triggers.length === 0 ? [] : [{ name: fn, type: 'http', source }];
  // Its images stand beside the folder's own, with which they share layers.
  return { ...folder, version, imageName: func.name, func: { ...func, name: `${registry}${fn}`, triggers } };
}
