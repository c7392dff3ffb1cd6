// Waits until gateways have the routes that were written, as far as they can be asked.
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { FnmeshError } from '../../errors.js';
import type { Emit } from '../../events.js';
import { parallel } from '../../process/parallel.js';
import { sameShares } from '../../routing/diff.js';
import type { Route } from '../../routing/route.js';
import { versionsOf } from '../../routing/versions.js';
import type { DataPlane, ProxyState } from '../data-plane.js';
import { routeHeader } from '../render/rules.js';
import type { Site } from '../site.js';
import type { WaitTimes } from './await.js';

const JOBS = 4;
/** How many times the usual wait one that does not tell is waited for. */
const DOUBTFUL = 4;

/**
 * A route that is waited for: one as it was just `written` for the site, one as it was `there` before, for a site that
 * may have been another, or one that is `gone`.
 */
export type AwaitedRoute = { route: Route; state: 'written' | 'there' | 'gone' };

/**
 * Until every gateway that can be asked has the split of the routes, takes requests for its versions and tells shared
 * proxies, and no others, where to; or has nothing of those that are gone. In any case as long as gateways take to hear
 * of something: a split does not tell whether pins have arrived with it.
 * @param dataPlane null: nobody can be asked.
 * One that does not answer, or does not show routes as Istio's do, is waited for a bounded time, and said.
 * @throws FnmeshError `not_ready` when one still has an old one.
 */
export async function awaitArrived(
  { site, times, emit }: { site: Site; times: WaitTimes; emit: Emit },
  dataPlane: DataPlane | null,
  routes: readonly AwaitedRoute[],
): Promise<void> {
  const written = routes.filter(({ state }) => state !== 'gone');
  const gone = routes.filter(({ state }) => state === 'gone');
  const what = [
    ...(written.length > 0 ? [`has ${named(written)} as written`] : []),
    ...(gone.length > 0 ? [`no longer has ${named(gone)}`] : []),
  ].join(' and ');
  const seconds = `${Number((times.spreadMs / 1000).toFixed(1))} s`;
  const how = dataPlane === null ? `${seconds}, for it cannot be asked` : `at least ${seconds}`;
  emit({ type: 'note', text: `waiting until the gateway ${what} (${how})` });
  const since = performance.now();
  await sleep(times.spreadMs);
  if (dataPlane === null) return;
  const until = since + times.readyMs;
  // Longer than Istio takes at most (1.31, PILOT_DEBOUNCE_MAX), for those that do not tell.
  const doubtful = since + DOUBTFUL * times.spreadMs;
  const unsure = new Set<string>();
  await parallel(JOBS, routes, async ({ route, state }) => {
    const isGone = state === 'gone';
    const isTold = state === 'written' ? toldAs(site, route) : () => true;
    for (;;) {
      const { proxies, why } = await asked(dataPlane.proxies(site, route));
      const late = proxies.find((has) =>
        isGone ? has.split !== null : !hasRoute(has, route) || !isTold(has),
      );
      if (late === undefined && why === null) return;
      const doubt = why ?? (late?.split === null && !isGone ? `${late.proxy} does not show it` : null);
      if (doubt !== null && performance.now() >= doubtful) {
        unsure.add(doubt);
        return;
      }
      if (late !== undefined && performance.now() >= until) {
        const what = isGone ? 'still has the' : 'still has the old';
        throw new FnmeshError(
          'not_ready',
          `${late.proxy} ${what} route of ${route.app}/${route.function}; nothing that an old one leads to was removed`,
          { try: 'fnmesh wire' },
        );
      }
      await sleep(times.pollMs);
    }
  });
  for (const doubt of unsure) {
    const waited = Number(((DOUBTFUL * times.spreadMs) / 1000).toFixed(1));
    emit({
      type: 'warning',
      text: `not seen, waited ${waited} s instead, that the gateway ${what}: ${doubt}`,
    });
  }
}

function named(routes: readonly { route: Route }[]): string {
  const of = routes.map(({ route }) => route.function);
  return of.length > 3 ? `${of.length} routes` : `the route${of.length === 1 ? '' : 's'} of ${of.join(', ')}`;
}

function hasRoute({ split, inactive }: ProxyState, route: Route): boolean {
  return split !== null && sameShares(split, route.split) && inactive.length === 0;
}

/** Whether each version that gets requests gets them with the header that the site's proxies need, or without. */
function toldAs(site: Site, route: Route): (state: ProxyState) => boolean {
  const versions = versionsOf(route.split).filter((version) => route.split[version]! > 0);
  return ({ routeHeaders = {} }) =>
    versions.every((version) => {
      const wanted = site.proxy === 'shared' ? [routeHeader(site, route, version)] : [];
      return isDeepStrictEqual(routeHeaders[version] ?? [], wanted);
    });
}

/** What proxies say. `why`: they did not answer; who may not ask them at all gets none of them. */
async function asked(states: Promise<ProxyState[]>): Promise<{ proxies: ProxyState[]; why: string | null }> {
  try {
    return { proxies: await states, why: null };
  } catch (error) {
    if (!(error instanceof FnmeshError)) throw error;
    return { proxies: [], why: error.code === 'config' ? null : error.message };
  }
}
