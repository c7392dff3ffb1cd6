// destroy: the route away first, then drained, then the fns.
import { parallel } from '../process/parallel.js';
import type { Front, FrontPlan } from '../kubernetes/front.js';
import type { Reason, RouteTable } from '../router/router.js';
import { observe } from '../fn/observe.js';
import type { DestroyPlan, DoomedVersion } from './plan-destroy.js';
import type { DeployPorts } from './ports.js';
import { labelOf } from './result.js';
import { type FrontRows, frontRows } from './route-rows.js';
import { routesAfter } from './wire.js';
import { unlessGone } from '../fn/unless-gone.js';

export { planDestroy, type DestroyPlan, type DoomedVersion } from './plan-destroy.js';

/** What a destroy did. `undrained`: versions whose last calls took longer than the time limit. */
export type DestroyResult = {
  app: string;
  removed: DoomedVersion[];
  appRemoved: boolean;
  kept: string[];
  undrained: string[];
  /** What was changed on the cluster; null where the gateway is the embedded one. */
  front: FrontRows | null;
};

/** A plan with what it changes on the cluster. `steps` is what carries that out. */
export type ForeseenDestroy = DestroyPlan & { front: FrontRows | null; steps: FrontPlan | null };

/** What a destroy acts through. */
export type DestroyPorts = Pick<DeployPorts, 'fn' | 'router' | 'front' | 'emit'>;

const JOBS = 8;

/**
 * Finds out what else goes with the routes of a plan; writes nothing.
 * @param table The routes that it was planned from.
 * @throws FnmeshError as Front does.
 */
export async function foreseeDestroy(
  plan: DestroyPlan,
  table: RouteTable,
  front: Front | undefined,
): Promise<ForeseenDestroy> {
  if (front === undefined) return { ...plan, front: null, steps: null };
  const steps = await front.plan(routesAfter(table, plan.routes), table.routes);
  return { ...plan, front: frontRows(front, steps, plan.routes, table), steps };
}

/**
 * Does it.
 * @param plan On a cluster, as `foreseeDestroy` by the same front gave it.
 * @param drainMs How long the last calls of each version may take, in milliseconds.
 * @throws FnmeshError `conflict` when the routes changed since the plan: then nothing was done.
 */
export async function applyDestroy(
  { app, versions, routes, deletesApp, kept, front: rows, steps }: ForeseenDestroy,
  ports: DestroyPorts,
  reason: Reason,
  drainMs: number,
): Promise<DestroyResult> {
  const { router, front, emit } = ports;
  if (front !== undefined && steps !== null) await front.prepare(steps, emit);
  if (routes.length > 0) await router.write(routes, reason);
  // It waits until what goes is drained.
  if (front !== undefined && steps !== null) await front.settle(steps, emit);
  const undrained: string[] = [];
  await parallel(JOBS, versions, async (each) => {
    const { function: fn, version } = each;
    const routed = each.share !== null && front === undefined;
    if (routed && !(await router.drained({ app, function: fn, version }, drainMs)))
      undrained.push(labelOf(each));
    if (each.fn !== null) await ports.fn.deleteFn(each.fn.id).catch(unlessGone);
    for (const id of each.releases) await ports.fn.deleteFn(id).catch(unlessGone);
  });
  const appRemoved = deletesApp !== null && (await isEmptyStill(app, ports));
  if (appRemoved) await ports.fn.deleteApp(deletesApp).catch(unlessGone);
  return { app, removed: versions, appRemoved, kept, undrained, front: rows };
}

/** Deleting an app deletes what is in it: it is only done when nothing came meanwhile. */
async function isEmptyStill(app: string, { fn: server }: Pick<DeployPorts, 'fn'>): Promise<boolean> {
  return (await observe(server, app)).fns.length === 0;
}
