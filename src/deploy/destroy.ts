// destroy: the route away first, then drained, then the fns.
import { parallel } from '../process/parallel.js';
import type { Reason } from '../router/router.js';
import { observe } from '../fn/observe.js';
import type { DestroyPlan, DoomedVersion } from './plan-destroy.js';
import type { DeployPorts } from './ports.js';
import { labelOf } from './result.js';
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
};

/** What a destroy acts through. */
export type DestroyPorts = Pick<DeployPorts, 'fn' | 'router' | 'front' | 'emit'>;

const JOBS = 8;

/**
 * Does it.
 * @param drainMs How long the last calls of each version may take, in milliseconds.
 * @throws FnmeshError `conflict` when the routes changed since the plan: then nothing was done.
 */
export async function applyDestroy(
  plan: DestroyPlan,
  ports: DestroyPorts,
  reason: Reason,
  drainMs: number,
): Promise<DestroyResult> {
  const { app, versions, kept } = plan;
  const { router, front, emit } = ports;
  if (front === undefined) {
    if (plan.routes.length > 0) await router.write(plan.routes, reason);
  } else {
    const table = await router.read(app);
    const steps = await front.plan(routesAfter(table, plan.routes), table.routes);
    await front.prepare(steps, emit);
    if (plan.routes.length > 0) await router.write(plan.routes, reason);
    // It waits until what goes is drained.
    await front.settle(steps, emit);
  }
  const undrained: string[] = [];
  await parallel(JOBS, versions, async (each) => {
    const { function: fn, version } = each;
    const routed = each.share !== null && front === undefined;
    if (routed && !(await router.drained({ app, function: fn, version }, drainMs)))
      undrained.push(labelOf(each));
    if (each.fn !== null) await ports.fn.deleteFn(each.fn.id).catch(unlessGone);
    for (const id of each.releases) await ports.fn.deleteFn(id).catch(unlessGone);
  });
  const appRemoved = plan.deletesApp !== null && (await isEmptyStill(app, ports));
  if (appRemoved && plan.deletesApp !== null) await ports.fn.deleteApp(plan.deletesApp).catch(unlessGone);
  return { app, removed: versions, appRemoved, kept, undrained };
}

/** Deleting an app deletes what is in it: it is only done when nothing came meanwhile. */
async function isEmptyStill(app: string, { fn: server }: Pick<DeployPorts, 'fn'>): Promise<boolean> {
  return (await observe(server, app)).fns.length === 0;
}
