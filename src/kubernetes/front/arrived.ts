// Waits until gateways have the routes that were written, as far as they can be asked.
import { setTimeout as sleep } from 'node:timers/promises';
import { FnmeshError } from '../../errors.js';
import type { Emit } from '../../events.js';
import { parallel } from '../../process/parallel.js';
import { sameShares } from '../../routing/diff.js';
import type { Route } from '../../routing/route.js';
import type { DataPlane, ProxyState } from '../data-plane.js';
import type { Site } from '../site.js';
import type { WaitTimes } from './await.js';

const JOBS = 4;

/**
 * Until every gateway that can be asked has the split of the routes and takes requests for its versions, or has nothing of
 * those that are gone. In any case as long as gateways take to hear of something: a split does not tell whether pins, or
 * the header for a shared proxy, have arrived with it.
 * @param dataPlane null: nobody can be asked.
 * @throws FnmeshError `not_ready` when one still has not.
 */
export async function awaitArrived(
  { site, times, emit }: { site: Site; times: WaitTimes; emit: Emit },
  dataPlane: DataPlane | null,
  routes: readonly { route: Route; isGone: boolean }[],
): Promise<void> {
  const of = routes.map(({ route }) => route.function);
  const which =
    of.length > 3 ? `${of.length} routes` : `the route${of.length === 1 ? '' : 's'} of ${of.join(', ')}`;
  const seconds = `${Number((times.spreadMs / 1000).toFixed(1))} s`;
  const how = dataPlane === null ? `${seconds}, for it cannot be asked` : `at least ${seconds}`;
  emit({ type: 'note', text: `waiting until the gateway has ${which} as written (${how})` });
  const since = performance.now();
  await sleep(times.spreadMs);
  if (dataPlane === null) return;
  const until = since + times.readyMs;
  await parallel(JOBS, routes, async ({ route, isGone }) => {
    for (;;) {
      const proxies = await asked(dataPlane.proxies(site, route));
      const late = proxies.find((state) => (isGone ? state.split !== null : !hasRoute(state, route)));
      if (late === undefined) return;
      if (performance.now() >= until) {
        const what =
          late.split === null ? 'does not have the' : isGone ? 'still has the' : 'still has the old';
        throw new FnmeshError(
          'not_ready',
          `${late.proxy} ${what} route of ${route.app}/${route.function}; nothing that an old one leads to was removed`,
          { try: 'fnmesh wire' },
        );
      }
      await sleep(times.pollMs);
    }
  });
}

function hasRoute({ split, inactive }: ProxyState, route: Route): boolean {
  return split !== null && sameShares(split, route.split) && inactive.length === 0;
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
