// What callers notice of a change that has no way around it: another API, another host, another gateway. Pure.
import { FnmeshError } from '../../errors.js';
import { sameShares } from '../../routing/diff.js';
import type { Route, Split } from '../../routing/route.js';
import { formatWeight } from '../../routing/weights.js';
import { type KubeObject, objectName } from '../object.js';
import { renderRoutes } from '../render/routes.js';
import type { Site } from '../site.js';
import { bindingOf, isOfApi, isParked, routesOfOtherApi } from './live-routes.js';
import type { FrontInput } from './plan.js';

const OTHER = { istio: 'HTTPRoutes', 'gateway-api': 'VirtualServices' } as const;

/**
 * Live objects of the other API that still lead somewhere.
 * @throws FnmeshError `config` when taking them away makes a gap and nobody allowed it, `conflict` when the switch would
 *   shift traffic.
 */
export function ofOtherApi({
  site,
  routes,
  live,
  allowGap,
}: Pick<FrontInput, 'site' | 'routes' | 'live' | 'allowGap'>): KubeObject[] {
  const serving = routesOfOtherApi(site, live.routes).flatMap(({ object, route }) => {
    const wanted = routes.find(({ function: fn }) => fn === route.function);
    return wanted === undefined ? [] : [{ object, route, wanted }];
  });
  for (const { object, route, wanted } of serving) {
    if (sameShares(wanted.split, route.split)) continue;
    throw new FnmeshError(
      'conflict',
      `${objectName(object)} splits ${inWords(route.split)}, and the switch to api: ${site.api} would make it ${inWords(wanted.split)}`,
      { try: 'go back to the api: that the target had, shift there, then switch' },
    );
  }
  if (!allowGap && serving.some(({ object }) => !isParked(object))) {
    throw new FnmeshError(
      'config',
      `${site.app} has ${OTHER[site.api]}, and the target says api: ${site.api}. ${gapOf(site)}`,
      { try: 'fnmesh wire --allow-gap, or the api: that the target had' },
    );
  }
  return live.routes.filter((object) => !isOfApi(site, object) && !isParked(object));
}

/** Which requests fail while the API is switched. */
export function gapOf({ api, host }: Site): string {
  return `No host may have routes of both APIs: from when the ${OTHER[api]} leave ${host} until the gateway has the new routes, requests get 404`;
}

/** What callers notice although no request fails on the way. */
export function moves(
  { site, there, live }: Pick<FrontInput, 'site' | 'there' | 'live'>,
  written: readonly Route[],
): string[] {
  const before = new Map(there.map((route) => [route.function, route]));
  const found = written.flatMap((route) => {
    const old = before.get(route.function);
    const [rendered] = renderRoutes(site, { route, revision: 0, history: [] });
    const object = live.routes.find(
      (one) => isOfApi(site, one) && one.metadata.name === rendered?.metadata.name,
    );
    if (rendered === undefined) return [];
    const from = object === undefined || isParked(object) ? '' : bindingOf(object);
    const to = bindingOf(rendered);
    return [
      ...(old !== undefined && old.host !== route.host
        ? [`the host changes from ${old.host} to ${route.host}: requests to ${old.host} get 404 from then on`]
        : []),
      ...(from !== '' && from !== to
        ? [`the gateway changes from ${from} to ${to}: requests to ${from} get 404 from then on`]
        : []),
    ];
  });
  return [...new Set(found)];
}

const inWords = (split: Split): string =>
  Object.entries(split)
    .map(([version, points]) => `${version}=${formatWeight(points)}`)
    .join(' ');
