// What a deploy tells: its rows put together with what stands around them. Pure.
import { firstTrigger } from '../fn/first-trigger.js';
import type { FnServer } from '../fn/fn-server.js';
import { HTTP_ENDPOINT } from '../fn/model.js';
import type { Observed, ObservedFn } from '../fn/observe.js';
import type { KeptRelease } from '../fn/releases.js';
import type { RouteTable } from '../router/router.js';
import type { BasisPoints } from '../routing/route.js';
import { compareVersions } from '../routing/versions.js';
import type { DesiredVersion } from './desired.js';
import { desiredApp } from './desired.js';
import { planApp } from './plan.js';
import type { Prepared } from './prepare.js';
import type { Locate } from './ports.js';
import type { DeployRequest, DeployResult, RowError, VersionRow } from './result.js';
import { hintsOf, labelOf } from './result.js';
import type { WirePlan } from './wire.js';

/** The result of a deploy or of its plan. `before.app` is the app as it was. */
export function resultOf(
  request: DeployRequest,
  prepared: readonly Prepared[],
  { functions, front, changes: routes }: WirePlan,
  server: string | null,
  before: Observed,
  table: RouteTable,
): DeployResult {
  const wanted = desiredApp(request.project.app, request.secrets?.app);
  const { name, action, changes, kept } = planApp(wanted, before.app);
  const versions = prepared.map(({ row }) => row);
  const none = prepared.every(({ desired }) => desired === null);
  const touches = action === 'update' ? liveVersions(before, table) : [];
  return {
    app: none
      ? { name, action: 'unchanged', changes: [], kept, touches: [] }
      : {
          name,
          action,
          changes,
          kept,
          touches: touches.map(({ label, share }) => ({ version: label, share })),
        },
    server,
    versions,
    functions,
    routed: routes.map((change) => (change.kind === 'put' ? change.route : change).function),
    front,
    orphans: orphans(request, before, table),
    next: hintsOf(functions, request.project.functions.length === 1),
    failed: versions.filter(({ error }) => error !== undefined).length,
  };
}

type Live = { label: string; function: string; version: string; as: boolean; share: BasisPoints | null };

/** The versions that fnmesh made on the server, in order. */
function liveVersions({ fns }: Observed, table: RouteTable): Live[] {
  return fns
    .flatMap(({ notes }) => {
      if (notes === null) return [];
      const { function: name, version, as = false } = notes;
      const route = table.routes.find((routed) => routed.route.function === name)?.route;
      const share = route?.split[version] ?? null;
      return [{ label: labelOf({ function: name, version }), function: name, version, as, share }];
    })
    .sort(
      (a, b) =>
        Number(a.function > b.function) - Number(a.function < b.function) ||
        compareVersions(a.version, b.version),
    );
}

/** The versions on the server that have no folder any more; those that `--as` made never had one. */
export function orphans(
  { project }: DeployRequest,
  before: Observed,
  table: RouteTable,
): DeployResult['orphans'] {
  const folders = new Set(project.functions.flatMap(({ versions }) => versions.map(labelOf)));
  return liveVersions(before, table)
    .filter(({ label, as }) => !as && !folders.has(label))
    .map(({ function: name, version, share }) => ({ function: name, version, share }));
}

/** What cannot run is stored all the same; it is a failure only of who asked for just that. */
export function refusal({ named }: DeployRequest, { cannotRun }: DesiredVersion): Partial<VersionRow> {
  if (cannotRun === undefined) return {};
  return named ? { cannotRun, error: { code: 'failed', message: cannotRun } } : { cannotRun };
}

/** The fn of a desired version, as the server has it. */
export function find(observed: Observed, desired: DesiredVersion | null): ObservedFn | undefined {
  return observed.fns.find(({ fn }) => fn.name === desired?.fn);
}

/** The releases that are kept of a desired version's fn. */
export function releasesOf({ releases }: Observed, { fn }: DesiredVersion): KeptRelease[] {
  return releases.filter(({ of }) => of === fn);
}

/** The names of the functions that are deployed. */
export function functionsOf(request: DeployRequest): string[] {
  return [...new Set(request.versions.map((version) => version.function))];
}

/**
 * The address by which callers, and routes, reach an fn's first trigger; null without one.
 * @throws FnmeshError as `locate`.
 */
export function addressOf(
  app: string,
  observed: ObservedFn | undefined,
  { fn, locate }: { fn: Pick<FnServer, 'url'> | null; locate: Locate },
): string | null {
  const trigger = observed && firstTrigger(observed.triggers);
  if (trigger === undefined || fn === null) return null;
  const endpoint = locate(app, trigger) ?? trigger.annotations?.[HTTP_ENDPOINT];
  return typeof endpoint === 'string' ? endpoint : null;
}

/** The hashes, or their first digits, of the builds that the server runs or could go back to. */
export function hashesOf({ fns, releases }: Observed): string[] {
  const all = [...fns, ...releases.map(({ fn }) => ({ fn, notes: null }))];
  return all.flatMap(({ fn, notes }) => [notes?.hash ?? '', /:([0-9a-f]{12})$/.exec(fn.image)?.[1] ?? '']);
}

/** Whether a plan changes anything, or leaves behind what has no folder or what somebody else changed. */
export function isDrift({ app, versions, functions, routed, front, orphans: left }: DeployResult): boolean {
  return (
    app.action !== 'unchanged' ||
    left.length > 0 ||
    versions.some(({ deploy }) => deploy !== 'unchanged') ||
    routed.length > 0 ||
    functions.some(({ asked }) => asked !== null) ||
    (front?.objects.length ?? 0) > 0
  );
}

type Outcome = Pick<DeployResult, 'versions' | 'failed'> & { shiftError?: RowError };

/** Whether all of a deploy was done, or all of a plan would be. */
export function isFine({ versions, failed, shiftError }: Outcome): boolean {
  return failed === 0 && shiftError === undefined && versions.every(({ refused }) => refused === undefined);
}

/** Whether nothing worse happened than that something was not ready in time. */
export function isOnlyUnready({ versions, shiftError }: Outcome): boolean {
  const errors = [...versions.map(({ error }) => error), shiftError];
  return errors.every((error) => error === undefined || error.code === 'not_ready');
}
