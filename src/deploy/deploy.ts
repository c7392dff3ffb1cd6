// deploy: an app's folder becomes fns, triggers and routes. Validate all, build all, publish, create or update,
// triggers, route; a version that fails does not stop the others.
import { randomUUID } from 'node:crypto';
import { pruneBuilds } from '../build/store.js';
import { type App, HTTP_ENDPOINT } from '../fn/model.js';
import { NOTHING, observe } from '../fn/observe.js';
import type { Observed, ObservedFn } from '../fn/observe.js';
import type { DeployStamp } from '../fn/releases.js';
import { unlessGone } from '../fn/unless-gone.js';
import { parallel } from '../process/parallel.js';
import type { Router, RouteTable } from '../router/router.js';
import type { FnServer } from '../fn/fn-server.js';
import { applyApp, applyVersion } from './apply.js';
import { awaitReady, type Touched } from './await-ready.js';
import { desiredApp } from './desired.js';
import { isEmpty } from './diff.js';
import { guard } from './guard.js';
import { withDeployLock } from './lock.js';
import { checkOthers } from './meanwhile.js';
import { addressOf, find, functionsOf, hashesOf, refusal, releasesOf, resultOf } from './outcome.js';
import { planApp, planVersion } from './plan.js';
import type { VersionPlan } from './plan.js';
import type { DeployPorts } from './ports.js';
import type { Prepared } from './prepare.js';
import { failed, foresee, prepare } from './prepare.js';
import type { DeployRequest, DeployResult } from './result.js';
import { labelOf, rowError } from './result.js';
import { afterwards } from './simulate.js';
import { planRoutes, planWire, wire, type WirePlan } from './wire.js';

const JOBS = 8;
const DONE = { create: 'created', update: 'updated', unchanged: 'unchanged' } as const;
const TO_DO = { create: 'to create', update: 'to update', unchanged: 'unchanged' } as const;

/** The ports of a plan; null: that server is not running yet, so that everything is new to it. */
export type PlanPorts = Pick<DeployPorts, 'images' | 'readiness' | 'locate' | 'front' | 'emit'> & {
  fn: FnServer | null;
  router: Router | null;
};

/**
 * What `deploy` would do; builds nothing and writes nothing.
 * @throws FnmeshError when a server does not answer.
 */
export async function planDeploy(request: DeployRequest, ports: PlanPorts): Promise<DeployResult> {
  const { name } = request.project.app;
  const [before, table] = await Promise.all([
    ports.fn === null ? NOTHING : observe(ports.fn, name),
    ports.router?.read(name, { salvage: true }) ?? { app: name, routes: [] },
  ]);
  const prepared = await foresee(request, before, table, ports);
  // Of an app that is not there yet no server could say where its triggers are.
  const locate: DeployPorts['locate'] = (app, trigger) =>
    ports.front === undefined && trigger.annotations?.[HTTP_ENDPOINT] === undefined
      ? undefined
      : ports.locate(app, trigger);
  for (const each of prepared) {
    const { row, desired } = each;
    if (desired === null) continue;
    const there = find(before, desired);
    const plan = planVersion(desired, there, row.share, releasesOf(before, desired), stampOf(request));
    Object.assign(row, { deploy: TO_DO[plan.action], ...shown(plan), ...refusal(request, desired) });
    row.image = desired.image;
    row.address = addressOf(name, there, { fn: ports.fn, locate });
    if (!isNewRelease(plan)) continue;
    await guard(plan, there, request, isEmbedded(ports)).catch((error: unknown) => {
      row.refused = rowError(error);
    });
  }
  const desired = prepared.flatMap((each) => each.desired ?? []);
  const { front } = ports;
  const only = functionsOf(request);
  const plan = await planWire(name, afterwards(before, desired), table, { locate, front }, only);
  return resultOf(request, prepared, plan, ports.fn?.url ?? null, before, table);
}

/**
 * Deploys versions of an app. What is unchanged is not written. The failure of a version is its row's error.
 * @throws FnmeshError when a server does not answer, or the app itself cannot be made.
 */
export async function deploy(request: DeployRequest, ports: DeployPorts): Promise<DeployResult> {
  const app = desiredApp(request.project.app, request.secrets?.app);
  const [first, table] = await Promise.all([
    observe(ports.fn, app.name),
    ports.router.read(app.name, { salvage: true, settle: true }),
  ]);
  const prepared = await prepare(request, first, table, ports);
  const ready = prepared.filter(({ desired }) => desired !== null);
  if (ready.length === 0) {
    const plan = planRoutes(app.name, first, table, { locate: ports.locate, only: functionsOf(request) });
    const functions = plan.functions.map((wired) => ({
      ...wired,
      after: wired.before,
      added: [],
      moved: [],
    }));
    return resultOf(
      request,
      prepared,
      { ...plan, functions, changes: [], front: null },
      ports.fn.url,
      first,
      table,
    );
  }
  let before = first;
  let after = first;
  let wired: WirePlan;
  const plans = ready.map((each) => planFor(each, first, stampOf(request)));
  if (isUnchanged(request, ready, plans, first)) {
    ready.forEach((each, index) => noted(each, plans[index] as VersionPlan, request));
    wired = await wireAll(request, after, ports, table);
  } else {
    const live = first.app ?? (await applyApp(app, null, ports));
    wired = await withDeployLock(live, ports.fn, request.by, ports.emit, async (assertHeld, fn) => {
      const held = { ...ports, fn };
      // Building and waiting take their time, in which others may have deployed.
      before = await observe(fn, app.name);
      const stamp = stampOf(request);
      const current = await applyApp(app, before.app, held);
      const all: Done[] = [];
      await parallel(request.jobs ?? JOBS, ready, async (each) => {
        const done = await deployOne(each, { first, before }, current, stamp, request, held, assertHeld);
        all.push(done);
      });
      after = await observe(fn, app.name);
      const touched = all.flatMap((done) => done.touched ?? []);
      let takenBack = new Set<string>();
      if (ports.readiness.when === 'after' && touched.length > 0) {
        takenBack = await awaitReady(app.name, touched, after, ports.readiness, held);
        if (takenBack.size > 0) after = await observe(fn, app.name);
      }
      // The routes first, and all before the next deploy looks: what it finds must not vanish under it.
      assertHeld();
      const done = await wireAll(request, after, held);
      const stale = all.flatMap(({ fnId, triggers }) => (takenBack.has(fnId) ? [] : triggers));
      for (const id of stale) await fn.deleteTrigger(id).catch(unlessGone);
      return done;
    });
  }
  for (const { row, desired } of ready) row.address = addressOf(app.name, find(after, desired), ports);
  if (prepared.some(({ row }) => row.build === 'built')) {
    await pruneBuilds(request.buildsDir, [before, after].flatMap(hashesOf));
  }
  const appBefore = first.app === null ? null : before.app;
  return resultOf(request, prepared, wired, ports.fn.url, { ...after, app: appBefore }, table);
}

function stampOf({ by, message, commit }: DeployRequest): DeployStamp {
  return {
    deploy: randomUUID().slice(0, 8),
    at: new Date().toISOString(),
    by,
    ...(message !== undefined && { message }),
    ...(commit && { commit }),
  };
}

function planFor({ row, desired }: Prepared, before: Observed, stamp: DeployStamp): VersionPlan {
  const there = find(before, desired);
  return planVersion(desired!, there, row.share, desired ? releasesOf(before, desired) : [], stamp);
}

/** Whether nothing has to be written and nobody writes, so that no other deploy need be kept out. */
function isUnchanged(
  request: DeployRequest,
  ready: readonly Prepared[],
  plans: readonly VersionPlan[],
  before: Observed,
): boolean {
  const app = planApp(desiredApp(request.project.app, request.secrets?.app), before.app);
  const isNoted = ({ desired }: Prepared): boolean => find(before, desired)?.notes != null;
  return (
    app.action === 'unchanged' &&
    !before.locked &&
    plans.every(({ action }) => action === 'unchanged') &&
    ready.every(isNoted)
  );
}

function wireAll(
  request: DeployRequest,
  observed: Observed,
  ports: DeployPorts,
  table?: RouteTable,
): Promise<WirePlan> {
  const { by, message, project } = request;
  const reason = { verb: 'deploy' as const, by, ...(message !== undefined && { message }) };
  return wire(project.app.name, observed, ports, reason, functionsOf(request), table);
}

/** What was done for a version; `triggers` are to be removed once no route leads to them. */
type Done = { fnId: string; triggers: string[]; touched?: Touched };
const NOTHING_DONE: Done = { fnId: '', triggers: [] };

async function deployOne(
  each: Prepared,
  { first, before: observed }: { first: Observed; before: Observed },
  app: App,
  stamp: DeployStamp,
  request: DeployRequest,
  ports: DeployPorts,
  assertHeld: () => void,
): Promise<Done> {
  const { row, desired } = each;
  if (desired?.image == null) return NOTHING_DONE;
  const started = Date.now();
  const version = labelOf(row);
  const before = find(observed, desired);
  const plan = planFor(each, observed, stamp);
  if (plan.action !== 'unchanged') ports.emit({ type: 'deploy', version, state: 'started' });
  let done = NOTHING_DONE;
  try {
    assertHeld();
    if (isNewRelease(plan)) checkOthers(find(first, desired), before);
    if (isNewRelease(plan)) await guard(plan, before, request, isEmbedded(ports));
    const wanted = { ...desired, image: desired.image };
    const releases = releasesOf(observed, desired);
    const isAsked = isTouched(plan, before) && desired.cannotRun === undefined;
    // Until it has answered it counts as unready, so that a deploy which is broken off before does not pass for done.
    const unready = isAsked && ports.readiness.when === 'after' && desired.triggers.length > 0;
    const noting = unready ? planFor({ row, desired: { ...desired, unready: true } }, observed, stamp) : plan;
    const { stale, fnId, kept } = await applyVersion(noting, wanted, before, releases, app, ports);
    noted(each, plan, request);
    const earlier = releases.find(({ number }) => number === plan.release.live - 1) ?? null;
    const touched = { row, fnId, before, kept, earlier, at: performance.now() };
    done = { fnId, triggers: stale, ...(isAsked && { touched }) };
  } catch (error) {
    failed(row, error);
  }
  const ms = Date.now() - started;
  row.ms += ms;
  ports.emit({ type: 'deploy', version, state: row.deploy as 'created' | 'failed', ms });
  return done;
}

/** Says in the row what was done. */
function noted({ row, desired }: Prepared, plan: VersionPlan, request: DeployRequest): void {
  if (desired === null) return;
  Object.assign(row, { deploy: DONE[plan.action], ...shown(plan), ...refusal(request, desired) });
  row.image = desired.image;
}

function shown({ changes, release, kept }: VersionPlan): {
  changes: unknown;
  release: number;
  kept: string[];
} {
  return { changes, release: release.next, kept };
}

/** Whether it is made or changed, or was when a deploy was broken off, so that nobody knows yet whether it runs. */
function isTouched({ body, release }: VersionPlan, before: ObservedFn | undefined): boolean {
  const notes = before?.notes;
  return notes == null || !isEmpty(body) || notes.unready === true || notes.release?.number !== release.next;
}

function isNewRelease({ release }: VersionPlan): boolean {
  return release.next !== release.live;
}

function isEmbedded({ readiness }: Pick<DeployPorts, 'readiness'>): boolean {
  return readiness.when === 'before';
}
