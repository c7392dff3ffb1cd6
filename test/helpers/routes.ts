import type { Reason, RouteChange } from '../../src/router/router.js';
import type { Route, Split } from '../../src/routing/route.js';

/** A route of the function with this split, at `/<function>` of `shop`. */
export function routeOf(name: string, split: Split, more: Partial<Route> = {}): Route {
  return {
    app: 'shop',
    function: name,
    host: 'shop.localhost',
    path: `/${name}`,
    rules: [],
    split,
    destinations: Object.fromEntries(
      Object.keys(split).map((version) => [
        version,
        { fn: `${name}-${version}`, source: `/${name}/${version}` },
      ]),
    ),
    ...more,
  };
}

/** A put of such a route. */
export function put(
  name: string,
  split: Split,
  ifRevision: number | null,
  more: Partial<Route> = {},
): RouteChange {
  return { kind: 'put', route: routeOf(name, split, more), ifRevision };
}

/** Why the tests write. */
export const REASON: Reason = { verb: 'shift', by: 'ann@box' };
