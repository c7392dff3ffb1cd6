// Sites, routes and histories for tests of the route objects.
import fc from 'fast-check';
import type { Site } from '../../src/kubernetes/site.js';
import type { Entry } from '../../src/kubernetes/route-record.js';
import type { Route, Rule, Split } from '../../src/routing/route.js';
import { splits } from '../helpers/splits.js';

/** The app `shop` on a cluster. */
export function siteOf(more: Partial<Site> = {}): Site {
  return {
    app: 'shop',
    namespace: 'hello',
    host: 'hello.example.com',
    api: 'istio',
    gateway: { namespace: 'istio-ingress', name: 'public', listener: 'https' },
    proxy: 'dedicated',
    mesh: false,
    pin: { kind: 'on' },
    clusterDomain: 'cluster.local',
    dns: '10.0.0.10',
    settings: {
      image: 'example.com/nginx',
      replicas: 2,
      autoscale: null,
      networkPolicy: false,
      resources: { requests: {}, limits: {} },
      bodyBytes: 1024,
    },
    ...more,
  };
}

/** A function of `shop` whose versions are on a real Fn server. */
export function clusterRoute(name: string, split: Split, more: Partial<Route> = {}): Route {
  const base = name === 'shop' ? '' : `/${name}`;
  return {
    app: 'shop',
    function: name,
    host: 'hello.example.com',
    path: name === 'shop' ? '/' : `/${name}`,
    rules: [],
    split,
    destinations: Object.fromEntries(
      Object.keys(split).map((version) => {
        const source = `${base}/${version}`;
        const endpoint = `http://fn-lb.fn.svc.cluster.local/t/shop${source}`;
        return [version, { fn: `${name}-${version}`, source, endpoint }];
      }),
    ),
    ...more,
  };
}

/** The change that made this split of a function. */
export function changeTo(after: Split, number = 1, before: Split | null = null): Entry {
  const at = '2026-01-02T03:04:05.678Z';
  return { number, id: `id-${number}`, at, verb: 'shift', by: 'ann@box', before, after };
}

const cookieValue = fc.string({ unit: fc.constantFrom(...'abv2.*+?|()[]{}^$/='), maxLength: 8 });
const name = fc.string({ unit: fc.constantFrom(...'abX-'), minLength: 1, maxLength: 6 });

/** Rules that a request can meet, to versions that the route has or not. */
const rules: fc.Arbitrary<Rule[]> = fc.array(
  fc.record({
    when: fc.oneof(
      fc.record({
        header: name,
        equals: fc.string({ unit: fc.constantFrom(...'ab.*"('), minLength: 1, maxLength: 8 }),
      }),
      fc.record({ cookie: name, equals: cookieValue }),
    ),
    version: fc.constantFrom('v1', 'v2', 'v3', 'v9'),
  }),
  { maxLength: 5 },
);

/** Any route of `shop` that both apis have room for. */
export function clusterRoutes(): fc.Arbitrary<Route> {
  return fc
    .record({
      name: fc.constantFrom('shop', 'cart', 'a-very-long-name-of-a-function-indeed-it'),
      split: splits({ most: 5 }),
      rules,
    })
    .map(({ name: fn, split, rules: list }) => clusterRoute(fn, split, { rules: list }));
}

/** Any site of `shop`. */
export function sites(): fc.Arbitrary<Site> {
  return fc
    .record({
      api: fc.constantFrom('istio' as const, 'gateway-api' as const),
      proxy: fc.constantFrom('dedicated' as const, 'shared' as const),
      mesh: fc.boolean(),
      pin: fc.constantFrom(
        { kind: 'off' as const },
        { kind: 'on' as const },
        { kind: 'secret' as const, secret: 'ab12' },
      ),
    })
    .map(siteOf);
}
