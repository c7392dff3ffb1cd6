// Carries out what was planned for the app and for one version.
import { FnmeshError } from '../errors.js';
import type { App, FnChange } from '../fn/model.js';
import type { KeptRelease } from '../fn/releases.js';
import { contentOf, levelling } from '../fn/releases.js';
import type { DesiredApp, DesiredVersion } from './desired.js';
import { isEmpty } from './diff.js';
import type { ObservedFn } from '../fn/observe.js';
import { changedMeanwhile } from './meanwhile.js';
import type { VersionPlan } from './plan.js';
import { fnSpec, planApp } from './plan.js';
import type { TriggerPlan } from './plan-triggers.js';
import type { LivePorts } from './ports.js';
import { keepRelease } from './keep-release.js';
import { unlessGone } from '../fn/unless-gone.js';

/** What was done for a version; `stale` are triggers to remove once no route leads to them. */
export type Applied = { fnId: string; stale: string[]; kept: KeptRelease | null };

/**
 * Creates or updates the app, and gives it as it is then.
 * @throws FnmeshError as FnServer does.
 */
export async function applyApp(
  desired: DesiredApp,
  app: App | null,
  { fn: server }: Pick<LivePorts, 'fn'>,
): Promise<App> {
  const plan = planApp(desired, app);
  if (app !== null) return plan.action === 'unchanged' ? app : server.updateApp(app.id, plan.body);
  try {
    return await server.createApp({ name: desired.name, ...plan.body });
  } catch (error) {
    // Somebody else created it meanwhile: then it may differ.
    const taken =
      error instanceof FnmeshError && error.code === 'conflict' && (await server.app(desired.name));
    if (!taken) throw error;
    return applyApp(desired, taken, { fn: server });
  }
}

/**
 * Makes one version as planned. Make before break: where a process can be started before the fn is changed it must
 * be ready, and a new fn that cannot start does not stay. What an fn was before it is changed stays as a release.
 * @throws FnmeshError `failed` with the last lines of the process; `conflict` when the fn changed since the plan; as
 * FnServer does.
 */
export async function applyVersion(
  plan: VersionPlan,
  desired: DesiredVersion & { image: string },
  before: ObservedFn | undefined,
  releases: readonly KeptRelease[],
  app: App,
  ports: LivePorts,
): Promise<Applied> {
  if (before === undefined) {
    const created = await ports.fn.createFn(fnSpec(plan, app.id, desired.image));
    await warmNew(desired, created.id, ports);
    return { fnId: created.id, stale: await applyTriggers(plan, created.id, app, ports), kept: null };
  }
  const { id } = before.fn;
  const isChanged = !isEmpty(plan.body);
  // Without notes it may be what a deploy left behind that was broken off before the fn was ever started.
  if ((isChanged || before.notes === null) && desired.cannotRun === undefined) {
    await warm(desired, id, ports, plan.body);
  }
  let kept: KeptRelease | null = null;
  if (isChanged) {
    kept = await keepRelease(before, plan.release.live, releases, ports.fn);
    await checkStill(before, app, ports);
    await ports.fn.updateFn(id, plan.body);
  }
  return { fnId: id, stale: await applyTriggers(plan, id, app, ports), kept };
}

/**
 * Fn cannot write only if nothing changed, so it is looked at right before.
 * @throws FnmeshError `conflict` that says what changed.
 */
export async function checkStill(
  before: ObservedFn,
  app: App,
  { fn: server }: Pick<LivePorts, 'fn'>,
): Promise<void> {
  const now = await server.fnById(before.fn.id);
  const same = now !== undefined && isEmpty(levelling(contentOf(before.fn), contentOf(now)));
  if (!same) throw changedMeanwhile(before, now, now ? await server.triggers(app.id, now.id) : []);
}

async function warmNew(desired: DesiredVersion, fnId: string, ports: LivePorts): Promise<void> {
  if (desired.cannotRun !== undefined) return;
  try {
    await warm(desired, fnId, ports);
  } catch (error) {
    // What never ran must not be found "unchanged" by the next deploy.
    await ports.fn.deleteFn(fnId).catch(() => undefined);
    throw error;
  }
}

/**
 * Where a process can be started before a change, starts it.
 * @throws FnmeshError `failed` with the last lines of a process that does not get ready.
 */
export async function warm(
  version: { function: string; version: string },
  fnId: string,
  { readiness }: Pick<LivePorts, 'readiness'>,
  change?: FnChange,
): Promise<void> {
  if (readiness.when !== 'before') return;
  const result = await readiness.warm(fnId, change);
  if (result.ready) return;
  const name = `${version.function}/${version.version}`;
  throw new FnmeshError('failed', [`${name} does not start: ${result.why}`, ...result.logs].join('\n'));
}

async function applyTriggers(plan: VersionPlan, fnId: string, app: App, ports: LivePorts): Promise<string[]> {
  const wanted = new Set(
    plan.triggers.flatMap(({ action, source }) => (action === 'remove' ? [] : [source])),
  );
  const stale = plan.triggers.filter(({ action }) => action === 'remove');
  // A source belongs to one trigger: the old name gives way to the new one.
  for (const { id, source } of stale) {
    if (id !== null && wanted.has(source)) await ports.fn.deleteTrigger(id).catch(unlessGone);
  }
  for (const trigger of plan.triggers) await applyTrigger(trigger, fnId, app, ports);
  return stale.flatMap(({ id, source }) => (id === null || wanted.has(source) ? [] : [id]));
}

async function applyTrigger(plan: TriggerPlan, fnId: string, app: App, ports: LivePorts): Promise<void> {
  const { name, source, id, annotations } = plan;
  if (plan.action === 'create') {
    await ports.fn.createTrigger({ app_id: app.id, fn_id: fnId, name, source, annotations });
  }
  if (plan.action === 'update' && id !== null) {
    const moved = plan.from === undefined ? {} : { source };
    await ports.fn.updateTrigger(id, isEmpty(annotations) ? moved : { ...moved, annotations });
  }
}
