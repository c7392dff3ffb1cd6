// deploy: an app's folder becomes fns, triggers and routes. Validate all, build all, publish, create or update,
// triggers, route; a version that fails does not stop the others.
import { pruneBuilds } from '../build/store.js';
import { firstTrigger } from '../fn/first-trigger.js';
import { type App, HTTP_ENDPOINT } from '../fn/model.js';
import { parallel } from '../process/parallel.js';
import type { Router } from '../router/router.js';
import type { FnServer } from '../fn/fn-server.js';
import { applyApp, applyVersion, removeTrigger } from './apply.js';
import type { DesiredVersion } from './desired.js';
import { desiredApp } from './desired.js';
import { NOTHING, observe } from '../fn/observe.js';
import type { Observed, ObservedFn } from '../fn/observe.js';
import { planApp, planVersion } from './plan.js';
import type { DeployPorts } from './ports.js';
import type { Prepared } from './prepare.js';
import { failed, foresee, prepare } from './prepare.js';
import type { DeployRequest, DeployResult, VersionRow } from './result.js';
import { hintsOf, labelOf } from './result.js';
import { afterwards } from './simulate.js';
import type { WirePlan } from './wire.js';
import { planWire, wire } from './wire.js';

const JOBS = 8;
const DONE = { create: 'created', update: 'updated', unchanged: 'unchanged' } as const;
const TO_DO = { create: 'to create', update: 'to update', unchanged: 'unchanged' } as const;

/** The ports of a plan; null: that server is not running yet, so that everything is new to it. */
export type PlanPorts = Pick<DeployPorts, 'images' | 'emit'> & { fn: FnServer | null; router: Router | null };

/**
 * What `deploy` would do; builds nothing and writes nothing.
 * @throws FnmeshError when a server does not answer.
 */
export async function planDeploy(request: DeployRequest, ports: PlanPorts): Promise<DeployResult> {
  const { name } = request.project.app;
  const [before, table] = await Promise.all([
    ports.fn === null ? NOTHING : observe(ports.fn, name),
    ports.router?.read(name) ?? { app: name, routes: [] },
  ]);
  const prepared = await foresee(request, before, table, ports);
  for (const { row, desired } of prepared) {
    if (desired === null) continue;
    const there = find(before, desired);
    const plan = planVersion(desired, there, row.share);
    Object.assign(row, { deploy: TO_DO[plan.action], changes: plan.changes, ...refusal(request, desired) });
    row.address = addressOf(there, ports.fn?.url);
  }
  const desired = prepared.flatMap((each) => each.desired ?? []);
  const plan = planWire(name, afterwards(before, desired), table, functionsOf(request));
  return resultOf(request, prepared, plan, ports.fn?.url ?? null, before.app);
}

/**
 * Deploys versions of an app. What is unchanged is not written. The failure of a version is its row's error.
 * @throws FnmeshError when a server does not answer, or the app itself cannot be made.
 */
export async function deploy(request: DeployRequest, ports: DeployPorts): Promise<DeployResult> {
  const app = desiredApp(request.project.app);
  const [first, table] = await Promise.all([observe(ports.fn, app.name), ports.router.read(app.name)]);
  const prepared = await prepare(request, first, table, ports);
  // Building takes its time, in which others may have deployed.
  const before = prepared.some(({ row }) => row.build === 'built')
    ? await observe(ports.fn, app.name)
    : first;
  const ready = prepared.filter(({ desired }) => desired !== null);
  if (ready.length === 0) {
    const plan = planWire(app.name, before, table, functionsOf(request));
    return resultOf(
      request,
      prepared,
      { ...plan, functions: plan.functions.map(asItIs) },
      ports.fn.url,
      before.app,
    );
  }
  const live = await applyApp(app, before.app, ports);
  const stale: string[] = [];
  await parallel(JOBS, ready, async (each) => {
    stale.push(...(await deployOne(each, find(before, each.desired), live, request, ports)));
  });
  const touched = before.app === null || ready.some(({ row }) => row.deploy !== 'unchanged');
  const after = touched ? await observe(ports.fn, app.name) : before;
  const inPlace = ready.map(({ row }) => row).filter(isInPlace);
  const message =
    request.message ??
    (inPlace.length > 0 ? `${inPlace.map(labelOf).join(', ')} changed in place` : undefined);
  const reason = { verb: 'deploy' as const, by: request.by, ...(message !== undefined && { message }) };
  const changed = inPlace.map((row) => row.function);
  const wired = await wire(app.name, after, ports.router, reason, functionsOf(request), changed);
  for (const id of stale) await removeTrigger(id, ports);
  for (const { row, desired } of ready) row.address = addressOf(find(after, desired), ports.fn.url);
  if (prepared.some(({ row }) => row.build === 'built')) {
    await pruneBuilds(request.buildsDir, [before, after].flatMap(hashesOf));
  }
  return resultOf(request, prepared, wired, ports.fn.url, before.app);
}

/** Whether callers of the function now get something else from a version that they were getting already. */
function isInPlace({ deploy: done, share }: VersionRow): boolean {
  return done === 'updated' && share !== null && share > 0;
}

async function deployOne(
  { row, desired }: Prepared,
  before: ObservedFn | undefined,
  app: App,
  request: DeployRequest,
  ports: DeployPorts,
): Promise<string[]> {
  if (desired?.image == null) return [];
  const started = Date.now();
  const version = labelOf(row);
  const plan = planVersion(desired, before, row.share);
  if (plan.action !== 'unchanged') ports.emit({ type: 'deploy', version, state: 'started' });
  let stale: string[] = [];
  try {
    const applied = await applyVersion({ ...desired, image: desired.image }, before, app, ports, row.share);
    Object.assign(row, {
      deploy: DONE[applied.action],
      changes: applied.plan.changes,
      ...refusal(request, desired),
    });
    stale = applied.stale;
  } catch (error) {
    failed(row, error);
  }
  const ms = Date.now() - started;
  row.ms += ms;
  ports.emit({ type: 'deploy', version, state: row.deploy as 'created' | 'failed', ms });
  return stale;
}

/** What cannot run is stored all the same; it is a failure only of who asked for just that. */
function refusal({ named }: DeployRequest, { cannotRun }: DesiredVersion): Partial<VersionRow> {
  if (cannotRun === undefined) return {};
  return named ? { cannotRun, error: { code: 'failed', message: cannotRun } } : { cannotRun };
}

function resultOf(
  request: DeployRequest,
  prepared: readonly Prepared[],
  { functions }: WirePlan,
  server: string | null,
  before: App | null,
): DeployResult {
  const { name, action, changes } = planApp(desiredApp(request.project.app), before);
  const versions = prepared.map(({ row }) => row);
  const none = prepared.every(({ desired }) => desired === null);
  return {
    app: none ? { name, action: 'unchanged', changes: [] } : { name, action, changes },
    server,
    versions,
    functions,
    next: hintsOf(functions, request.project.functions.length === 1),
    failed: versions.filter(({ error }) => error !== undefined).length,
  };
}

function asItIs<F extends WirePlan['functions'][number]>(wired: F): F {
  return { ...wired, after: wired.before, added: [] };
}

function find(observed: Observed, desired: DesiredVersion | null): ObservedFn | undefined {
  return observed.fns.find(({ fn }) => fn.name === desired?.fn);
}

function functionsOf(request: DeployRequest): string[] {
  return [...new Set(request.versions.map((version) => version.function))];
}

function addressOf(observed: ObservedFn | undefined, url: string | undefined): string | null {
  const endpoint = observed && firstTrigger(observed.triggers)?.annotations?.[HTTP_ENDPOINT];
  return typeof endpoint === 'string' && url !== undefined ? endpoint : null;
}

function hashesOf({ fns }: Observed): string[] {
  return fns.flatMap(({ fn, notes }) => [notes?.hash ?? '', /:([0-9a-f]{12})$/.exec(fn.image)?.[1] ?? '']);
}
