// Carries out what was planned for the app and for one version.
import { FnmeshError } from '../errors.js';
import type { App, FnChange, Trigger } from '../fn/model.js';
import type { DesiredApp, DesiredVersion } from './desired.js';
import { isEmpty } from './diff.js';
import type { ObservedFn } from '../fn/observe.js';
import { observed } from '../fn/observe.js';
import type { Action, VersionPlan } from './plan.js';
import { fnSpec, planApp, planVersion } from './plan.js';
import type { TriggerPlan } from './plan-triggers.js';
import type { DeployPorts } from './ports.js';

/** What was done for a version; `stale` are triggers to remove once no route leads to them. */
export type Applied = { plan: VersionPlan; action: Action; fnId: string; stale: string[] };

/**
 * Creates or updates the app, and gives it as it is then.
 * @throws FnmeshError as FnServer does.
 */
export async function applyApp(
  desired: DesiredApp,
  app: App | null,
  { fn: server }: DeployPorts,
): Promise<App> {
  const plan = planApp(desired, app);
  if (app === null) {
    const created = await server
      .createApp({ name: desired.name, ...plan.body })
      .catch(unlessTaken(() => server.app(desired.name)));
    // Somebody else created it meanwhile: then it may differ.
    return 'taken' in created ? applyApp(desired, created.taken, { fn: server } as DeployPorts) : created;
  }
  return plan.action === 'unchanged' ? app : server.updateApp(app.id, plan.body);
}

/**
 * Makes one version as desired. Make before break: a process of the new build must be ready before the fn is
 * changed, and a new fn that cannot start does not stay.
 * @throws FnmeshError `failed` with the last lines of the process; as FnServer does.
 */
export async function applyVersion(
  desired: DesiredVersion & { image: string },
  before: ObservedFn | undefined,
  app: App,
  ports: DeployPorts,
  share: number | null,
): Promise<Applied> {
  const plan = planVersion(desired, before, share);
  if (before === undefined) {
    const created = await ports.fn
      .createFn(fnSpec(plan, app.id, desired.image))
      .catch(unlessTaken(() => ports.fn.fn(app.id, desired.fn)));
    if ('taken' in created) {
      const there = observed(created.taken, await ports.fn.triggers(app.id, created.taken.id));
      return applyVersion(desired, there, app, ports, share);
    }
    await warmNew(desired, created.id, ports);
    return {
      plan,
      action: 'create',
      fnId: created.id,
      stale: await applyTriggers(plan, created.id, app, ports),
    };
  }
  const { id } = before.fn;
  const isChanged = !isEmpty(plan.body);
  // Without notes it may be what a deploy left behind that was broken off before the fn was ever started.
  if ((isChanged || before.notes === null) && desired.cannotRun === undefined) {
    await warm(desired, id, ports, plan.body);
  }
  if (isChanged) await ports.fn.updateFn(id, plan.body);
  return { plan, action: plan.action, fnId: id, stale: await applyTriggers(plan, id, app, ports) };
}

async function warmNew(desired: DesiredVersion, fnId: string, ports: DeployPorts): Promise<void> {
  if (desired.cannotRun !== undefined) return;
  try {
    await warm(desired, fnId, ports);
  } catch (error) {
    // What never ran must not be found "unchanged" by the next deploy.
    await ports.fn.deleteFn(fnId).catch(() => undefined);
    throw error;
  }
}

async function warm(
  desired: DesiredVersion,
  fnId: string,
  ports: DeployPorts,
  change?: FnChange,
): Promise<void> {
  const result = await ports.images.warm(fnId, change);
  if (result.ready) return;
  const name = `${desired.function}/${desired.version}`;
  throw new FnmeshError('failed', [`${name} does not start: ${result.why}`, ...result.logs].join('\n'));
}

async function applyTriggers(
  plan: VersionPlan,
  fnId: string,
  app: App,
  ports: DeployPorts,
): Promise<string[]> {
  const wanted = new Set(
    plan.triggers.flatMap(({ action, source }) => (action === 'remove' ? [] : [source])),
  );
  const stale = plan.triggers.filter(({ action }) => action === 'remove');
  // A source belongs to one trigger: the old name gives way to the new one.
  for (const { id, source } of stale) if (wanted.has(source)) await removeTrigger(id, ports);
  for (const trigger of plan.triggers) await applyTrigger(trigger, fnId, app, ports);
  return stale.flatMap(({ id, source }) => (id === null || wanted.has(source) ? [] : [id]));
}

async function applyTrigger(plan: TriggerPlan, fnId: string, app: App, ports: DeployPorts): Promise<void> {
  const { name, source, id, annotations } = plan;
  const server = ports.fn;
  if (plan.action === 'create') {
    const spec = { app_id: app.id, fn_id: fnId, name, source, annotations };
    const sameName = async (): Promise<Trigger | undefined> =>
      (await server.triggers(app.id, fnId)).find((trigger) => trigger.name === name);
    const created = await server.createTrigger(spec).catch(unlessTaken(sameName));
    if ('taken' in created) await server.updateTrigger(created.taken.id, { source, annotations });
  }
  if (plan.action === 'update' && id !== null) {
    const moved = plan.from === undefined ? {} : { source };
    await server.updateTrigger(id, isEmpty(annotations) ? moved : { ...moved, annotations });
  }
}

/** Removes a trigger that may be gone already. */
export async function removeTrigger(id: string | null, ports: Pick<DeployPorts, 'fn'>): Promise<void> {
  if (id === null) return;
  await ports.fn.deleteTrigger(id).catch((error: unknown) => {
    if (!(error instanceof FnmeshError) || error.code !== 'not_found') throw error;
  });
}

/** For a create that met `conflict`: what somebody created meanwhile; the conflict itself when there is nothing. */
function unlessTaken<T>(read: () => Promise<T | undefined>): (error: unknown) => Promise<{ taken: T }> {
  return async (error) => {
    if (!(error instanceof FnmeshError) || error.code !== 'conflict') throw error;
    const taken = await read();
    if (taken === undefined) throw error;
    return { taken };
  };
}
