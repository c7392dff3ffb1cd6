// What is wanted, built and published: everything that can fail before the Fn server is touched.
import type { BuildOutcome } from '../build/builds.js';
import { Builds } from '../build/builds.js';
import { FnmeshError } from '../errors.js';
import type { VersionFolder } from '../project/project.js';
import type { RouteTable } from '../router/router.js';
import type { BasisPoints } from '../routing/route.js';
import type { DesiredVersion } from './desired.js';
import { desiredVersion, fnName, storedImage } from './desired.js';
import type { Observed } from '../fn/observe.js';
import type { DeployPorts, ImageOwner } from './ports.js';
import type { DeployRequest, VersionRow } from './result.js';
import { labelOf, rowError } from './result.js';

/** A version's row, and what it wants; null when it cannot be deployed, as the row's error says. */
export type Prepared = { row: VersionRow; desired: DesiredVersion | null };

/** Builds and publishes all versions. */
export async function prepare(
  request: DeployRequest,
  before: Observed,
  table: RouteTable,
  { images, emit }: Pick<DeployPorts, 'images' | 'emit'>,
): Promise<Prepared[]> {
  const { buildsDir, force, jobs } = request;
  const outcomes = await new Builds({ buildsDir, force, emit }, jobs).all(request.versions);
  // All at once: a store bounds and bundles as suits it.
  const work = outcomes.map(async (outcome): Promise<Prepared> => {
    const row = emptyRow(outcome.version, table);
    try {
      checkSources(outcome.version, request, before);
      const build = resultOf(outcome, row);
      const { hash, cannotRun } = { cannotRun: undefined, ...build };
      const image = await images.publish(build, ownerOf(request, outcome.version, cannotRun));
      return { row, desired: desiredVersion(outcome.version, { hash, image, cannotRun }) };
    } catch (error) {
      return { row: failed(row, error), desired: null };
    }
  });
  return Promise.all(work);
}

/** What building and publishing would give; nothing is written. */
export async function foresee(
  request: DeployRequest,
  before: Observed,
  table: RouteTable,
  { images, emit }: Pick<DeployPorts, 'images' | 'emit'>,
): Promise<Prepared[]> {
  const { buildsDir, force } = request;
  const plans = await new Builds({ buildsDir, force, emit }).plan(request.versions);
  return plans.map((plan): Prepared => {
    const { version } = plan;
    const row = emptyRow(version, table);
    try {
      checkSources(version, request, before);
      if ('error' in plan) throw plan.error;
      const { hash, ready, cannotRun } = plan;
      row.build = cannotRun !== undefined ? 'cannot run' : ready ? 'unchanged' : 'to build';
      const image = images.imageOf(hash, ownerOf(request, version, cannotRun));
      return { row, desired: desiredVersion(version, { hash, image, cannotRun }) };
    } catch (error) {
      return { row: failed(row, error), desired: null };
    }
  });
}

/** Marks a row as failed. */
export function failed(row: VersionRow, error: unknown): VersionRow {
  return Object.assign(row, { deploy: 'failed', error: rowError(error) });
}

function emptyRow(folder: VersionFolder, table: RouteTable): VersionRow {
  const { function: name, version } = folder;
  const route = table.routes.find((routed) => routed.route.function === name)?.route;
  const share: BasisPoints | null = route?.split[version] ?? null;
  const fn = fnName(folder.func);
  return {
    function: name,
    version,
    fn,
    build: 'failed',
    deploy: 'failed',
    changes: [],
    share,
    address: null,
    ms: 0,
  };
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

function ownerOf({ project }: DeployRequest, { func }: VersionFolder, cannotRun?: string): ImageOwner {
  const owner = { app: project.app.name, fn: fnName(func) };
  return cannotRun === undefined ? owner : { ...owner, image: storedImage(func) };
}

/** A real server takes a second trigger of the same source from a PUT, and then answers from either. */
function checkSources(version: VersionFolder, { versions, project }: DeployRequest, before: Observed): void {
  const own = new Set(versions.map(({ func }) => fnName(func)));
  const wanted = new Set(version.func.triggers.map(({ source }) => source));
  for (const { fn, triggers } of before.fns) {
    if (own.has(fn.name)) continue;
    for (const { name, source } of triggers) {
      if (!wanted.has(source)) continue;
      const message = `${version.file}: source ${source} belongs to trigger ${name} of fn ${fn.name} on the server`;
      const command = `fn delete trigger ${project.app.name} ${fn.name} ${name}`;
      throw new FnmeshError('conflict', message, {
        try: `choose another source for ${labelOf(version)}, or: ${command}`,
      });
    }
  }
}
