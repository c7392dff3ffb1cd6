// What is wanted, built and published: everything that can fail before the Fn server is touched.
import type { BuildOutcome } from '../build/builds.js';
import { Builds } from '../build/builds.js';
import { FnmeshError } from '../errors.js';
import { fnName } from '../project/fn-name.js';
import type { VersionFolder } from '../project/project.js';
import type { RouteTable } from '../router/router.js';
import type { BasisPoints } from '../routing/route.js';
import type { DesiredVersion, Made } from './desired.js';
import { desiredVersion, hashOfImage, storedImage } from './desired.js';
import type { Observed, ObservedFn } from '../fn/observe.js';
import { guard } from './guard.js';
import type { DeployPorts, ImageOwner, ImageStore } from './ports.js';
import type { DeployRequest, VersionRow } from './result.js';
import { labelOf, rowError } from './result.js';

/** A version's row, and what it wants; null when it cannot be deployed, as the row's error says. */
export type Prepared = { row: VersionRow; desired: DesiredVersion | null };

/**
 * Builds and publishes all versions; what the server has of the same build already is neither built nor published.
 * @throws FnmeshError as `ImageStore.deployed`, before anything is built.
 */
export async function prepare(
  request: DeployRequest,
  before: Observed,
  table: RouteTable,
  { images, emit }: Pick<DeployPorts, 'images' | 'emit'>,
): Promise<Prepared[]> {
  if (request.image !== undefined) return given(request, request.image, before, table);
  const { buildsDir, force, envFiles, jobs, versions } = request;
  const builds = new Builds({ buildsDir, force, envFiles, emit, for: images.builds }, jobs);
  const check = placeCheck(request, before);
  const there = await deployed(builds, request, before, table, images, check);
  const outcomes = await builds.all(versions.filter((version) => !there.has(version)));
  // All at once: a store bounds and bundles as suits it.
  const work = outcomes.map(async (outcome): Promise<[VersionFolder, Prepared]> => {
    const { version } = outcome;
    const row = rowOf(version, table);
    try {
      check(version);
      const build = resultOf(outcome, row);
      const { hash, cannotRun } = { cannotRun: undefined, ...build };
      const { image, tag, pushed } = await images.publish(build, ownerOf(request, version, cannotRun));
      if (tag !== undefined) row.tag = tag;
      if (pushed !== undefined) row.pushed = pushed;
      return [version, { row, desired: wanted(request, version, { hash, image, cannotRun, tag }) }];
    } catch (error) {
      return [version, { row: failed(row, error), desired: null }];
    }
  });
  const made = new Map([...there, ...(await Promise.all(work))]);
  return versions.map((version) => made.get(version) as Prepared);
}

/** The versions that the server runs as they would be built, and those that must not be changed. */
async function deployed(
  builds: Builds,
  request: DeployRequest,
  before: Observed,
  table: RouteTable,
  images: ImageStore,
  check: PlaceCheck,
): Promise<Map<VersionFolder, Prepared>> {
  const found = new Map<VersionFolder, Prepared>();
  if (images.builds.kind === 'processes') return found;
  for (const plan of await builds.plan(request.versions)) {
    if ('error' in plan) continue;
    const { version, hash } = plan;
    const there = before.fns.find(({ fn }) => fn.name === fnName(version.func));
    const live = await images.deployed(hash, ownerOf(request, version), there);
    const image = request.force ? null : live;
    const row: VersionRow = { ...rowOf(version, table), build: 'unchanged' };
    try {
      check(version);
      if (image === null) {
        // Before minutes of building rather than after them.
        if (there?.notes?.hash !== hash) await guard(row, there, request, false);
        continue;
      }
      found.set(version, { row, desired: wanted(request, version, { hash, image }) });
    } catch (error) {
      found.set(version, { row: failed(row, error), desired: null });
    }
  }
  return found;
}

/** The one version whose image exists. */
function given(request: DeployRequest, image: string, before: Observed, table: RouteTable): Prepared[] {
  const hash = hashOfImage(image);
  const check = placeCheck(request, before);
  return request.versions.map((version) => {
    const row: VersionRow = { ...rowOf(version, table), build: 'given' };
    const tag = request.imageTag;
    if (tag !== undefined) row.tag = tag;
    try {
      check(version);
      return { row, desired: wanted(request, version, { hash, image, tag }) };
    } catch (error) {
      return { row: failed(row, error), desired: null };
    }
  });
}

function wanted(request: DeployRequest, version: VersionFolder, made: Made): DesiredVersion {
  const secrets = request.secrets?.versions[labelOf(version)];
  return desiredVersion(version, { ...made, as: request.as, secrets });
}

/** What building and publishing would give; nothing is written. @throws FnmeshError as `ImageStore.deployed`. */
export async function foresee(
  request: DeployRequest,
  before: Observed,
  table: RouteTable,
  { images, emit }: Pick<DeployPorts, 'images' | 'emit'>,
): Promise<Prepared[]> {
  if (request.image !== undefined) return given(request, request.image, before, table);
  const { buildsDir, force, envFiles } = request;
  const builds = new Builds({ buildsDir, force, envFiles, emit, for: images.builds });
  const plans = await builds.plan(request.versions);
  const check = placeCheck(request, before);
  const foreseen: Prepared[] = [];
  for (const plan of plans) {
    const { version } = plan;
    const row = rowOf(version, table);
    const there = before.fns.find(({ fn }) => fn.name === row.fn);
    const known = 'error' in plan ? null : await images.deployed(plan.hash, ownerOf(request, version), there);
    try {
      check(version);
      if ('error' in plan) throw plan.error;
      const { hash, ready, cannotRun } = plan;
      const owner = ownerOf(request, version, cannotRun);
      const live = force ? null : known;
      row.build = cannotRun !== undefined ? 'cannot run' : ready || live !== null ? 'unchanged' : 'to build';
      const image = live ?? images.imageOf(hash, owner);
      foreseen.push({ row, desired: wanted(request, version, { hash, image, cannotRun }) });
    } catch (error) {
      foreseen.push({ row: failed(row, error), desired: null });
    }
  }
  return foreseen;
}

/** Marks a row as failed. */
export function failed(row: VersionRow, error: unknown): VersionRow {
  return Object.assign(row, { deploy: 'failed', error: rowError(error) });
}

/** The row of a version of which nothing was done yet. */
export function emptyRow(
  { function: name, version, fn }: { function: string; version: string; fn: string },
  table: RouteTable,
): VersionRow {
  const route = table.routes.find((routed) => routed.route.function === name)?.route;
  const share: BasisPoints | null = route?.split[version] ?? null;
  return {
    function: name,
    version,
    fn,
    build: 'failed',
    deploy: 'failed',
    changes: [],
    share,
    image: null,
    release: null,
    kept: [],
    address: null,
    ms: 0,
  };
}

function rowOf(folder: VersionFolder, table: RouteTable): VersionRow {
  return emptyRow({ ...folder, fn: fnName(folder.func) }, table);
}

function resultOf(
  outcome: BuildOutcome,
  row: VersionRow,
): Extract<BuildOutcome, { result: unknown }>['result'] {
  if ('error' in outcome) throw outcome.error;
  const { result } = outcome;
  row.build = 'cannotRun' in result ? 'cannot run' : result.reused ? 'unchanged' : 'built';
  if (!('cannotRun' in result)) row.ms = result.ms;
  return result;
}

function ownerOf(
  { project }: DeployRequest,
  { func, imageName }: VersionFolder,
  cannotRun?: string,
): ImageOwner {
  const { name, version } = func;
  const owner = { app: project.app.name, fn: fnName(func), name: imageName ?? name, version };
  return cannotRun === undefined ? owner : { ...owner, image: storedImage(func) };
}

/** Throws `conflict` for a version of which something belongs to another fn. */
type PlaceCheck = (version: VersionFolder) => void;

/** What belongs to another fn: a version's place, and its sources, of which a real server takes a second one in a PUT. */
function placeCheck({ versions, project }: DeployRequest, { fns }: Observed): PlaceCheck {
  const own = new Set(versions.map(({ func }) => fnName(func)));
  const places = new Map<string, ObservedFn[]>();
  const sources = new Map<string, { fn: string; trigger: string }>();
  for (const observed of fns) {
    const { fn, triggers, notes } = observed;
    if (notes !== null) places.set(labelOf(notes), [...(places.get(labelOf(notes)) ?? []), observed]);
    if (own.has(fn.name)) continue;
    for (const { name, source } of triggers) sources.set(source, { fn: fn.name, trigger: name });
  }
  return (version) => {
    const label = labelOf(version);
    const name = fnName(version.func);
    const there = places.get(label)?.find(({ fn }) => fn.name !== name);
    if (there !== undefined) {
      const message = `${label} is fn ${there.fn.name} on the server, and ${name} in ${version.file}`;
      const next = there.notes?.as
        ? `fnmesh deploy ${version.function} --as next`
        : `name: ${there.fn.name} in func.yaml`;
      throw new FnmeshError('conflict', message, { try: next });
    }
    for (const { source } of version.func.triggers) {
      const other = sources.get(source);
      if (other === undefined) continue;
      const message = `${version.file}: source ${source} belongs to trigger ${other.trigger} of fn ${other.fn} on the server`;
      const command = `fn delete trigger ${project.app.name} ${other.fn} ${other.trigger}`;
      throw new FnmeshError('conflict', message, {
        try: `choose another source for ${label}, or: ${command}`,
      });
    }
  };
}
