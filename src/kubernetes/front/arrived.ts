// Waits until gateways have the routes that were written, as far as they can be asked.
import { setTimeout as sleep } from 'node:timers/promises';
import { FnmeshError } from '../../errors.js';
import { parallel } from '../../process/parallel.js';
import { sameShares } from '../../routing/diff.js';
import type { Route } from '../../routing/route.js';
import type { DataPlane, ProxyState } from '../data-plane.js';
import type { Site } from '../site.js';
import type { WaitTimes } from './await.js';

const JOBS = 4;

/**
 * Until every gateway that can be asked has the split of the routes, or nothing of those that are gone; in any case for
 * as long as gateways take to hear of something, for a split does not tell all of a route.
 * @param dataPlane null: nobody can be asked.
 * @throws FnmeshError `not_ready` when one still has not.
 */
export async function awaitArrived(
  times: WaitTimes,
  dataPlane: DataPlane | null,
  site: Site,
  routes: readonly { route: Route; isGone: boolean }[],
): Promise<void> {
  const since = performance.now();
  await sleep(times.spreadMs);
  if (dataPlane === null) return;
  const until = since + times.readyMs;
  await parallel(JOBS, routes, async ({ route, isGone }) => {
    for (;;) {
      const proxies = await asked(dataPlane.proxies(site, route));
      const late = proxies.find(({ split }) =>
        isGone ? split !== null : split === null || !sameShares(split, route.split),
      );
      if (late === undefined) return;
      if (performance.now() >= until) {
        throw new FnmeshError(
          'not_ready',
          `${late.proxy} still has the old route of ${route.app}/${route.function}; what that leads to was not removed`,
          { try: 'fnmesh wire' },
        );
      }
      await sleep(times.pollMs);
    }
  });
}

/** What proxies say; those that cannot be asked say nothing. */
async function asked(states: Promise<ProxyState[]>): Promise<ProxyState[]> {
  try {
    return await states;
  } catch (error) {
    if (error instanceof FnmeshError) return [];
    throw error;
  }
}
