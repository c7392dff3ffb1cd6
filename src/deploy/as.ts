// deploy --as: a folder becomes a new version of its function, with an fn and a trigger of its own; no folder is copied.
import { Builds } from '../build/builds.js';
import { FnmeshError } from '../errors.js';
import type { Observed } from '../fn/observe.js';
import type { Project, VersionFolder } from '../project/project.js';
import { pathOf } from '../routing/match.js';
import { compareVersions, isVersionName } from '../routing/versions.js';
import type { ImageStore } from './ports.js';
import { labelOf } from './result.js';

/** What is made of one function on the server. */
type Known = { version: string; as: boolean; hash: string };

/**
 * The folder as the version that it becomes. `next`: the number after the highest; when the newest version that was
 * made so has the same content, it is that one.
 * @param wanted A version's name, or `next`.
 * @throws FnmeshError `usage` for what is no version's name or has a folder of its own; `conflict` when the version is
 * there with another content.
 */
export async function versionAs(
  folder: VersionFolder,
  wanted: string,
  project: Project,
  observed: Observed,
  images: ImageStore,
  options: { buildsDir: string; force: boolean },
): Promise<VersionFolder> {
  const [plan] = await new Builds({ ...options, emit: () => undefined, for: images.builds }).plan([folder]);
  if (plan === undefined || 'error' in plan) throw plan?.error ?? new Error('no plan of one version');
  const known = observed.fns.flatMap(({ notes }): Known[] =>
    notes?.function === folder.function
      ? [{ version: notes.version, as: notes.as === true, hash: notes.hash }]
      : [],
  );
  return renamed(folder, chooseName(folder, wanted, project, known, plan.hash), project);
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
