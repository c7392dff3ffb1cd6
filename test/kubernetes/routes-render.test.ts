import { describe, expect, test } from 'vitest';
import { checkOverlap } from '../../src/kubernetes/render/check-route.js';
import { renderRoutes } from '../../src/kubernetes/render/routes.js';
import type { Route, Rule, Split } from '../../src/routing/route.js';
import { changeTo, clusterRoute, siteOf } from './routes-sites.js';

const SPLIT = { v1: 9000, v2: 1000 };
const render = (site: Parameters<typeof siteOf>[0], route: Route) =>
  renderRoutes(siteOf(site), { route, revision: 7, history: [changeTo(route.split, 7)] });

test('a VirtualService, bound to the gateway', () => {
  const rules: Rule[] = [{ when: { header: 'X-Beta', equals: 'yes' }, version: 'v2' }];
  const [object, ...more] = render(
    { pin: { kind: 'secret', secret: '0a1b' } },
    clusterRoute('cart', SPLIT, { rules }),
  );
  const to = (version: string, weight: number) => ({
    destination: { host: `shop-cart-${version}.hello.svc.cluster.local`, port: { number: 80 } },
    weight,
  });
  const rule = (name: string, headers: object, route: object[]) => ({
    name,
    match: [{ uri: { exact: '/cart' }, ...headers }],
    route,
    timeout: '330s',
    retries: { attempts: 0 },
  });
  expect(more).toEqual([]);
  expect(object).toEqual({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: {
      name: 'shop-cart',
      namespace: 'hello',
      labels: {
        app: 'cart',
        'app.kubernetes.io/name': 'cart',
        'app.kubernetes.io/part-of': 'shop',
        'app.kubernetes.io/managed-by': 'fnmesh',
        'fnmesh/app': 'shop',
        'fnmesh/function': 'cart',
      },
      annotations: {
        'fnmesh/route': JSON.stringify({
          app: 'shop',
          function: 'cart',
          host: 'hello.example.com',
          path: '/cart',
          rules,
          destinations: clusterRoute('cart', SPLIT).destinations,
        }),
        'fnmesh/revision': '7',
        'fnmesh/history': JSON.stringify([changeTo(SPLIT, 7)]),
      },
    },
    spec: {
      hosts: ['hello.example.com'],
      gateways: ['istio-ingress/public'],
      http: [
        rule('fnmesh-pin-v1', { headers: { 'fnmesh-version': { exact: 'v1.0a1b' } } }, [to('v1', 100)]),
        rule('fnmesh-pin-v2', { headers: { 'fnmesh-version': { exact: 'v2.0a1b' } } }, [to('v2', 100)]),
        rule('fnmesh-rule-1', { headers: { 'x-beta': { exact: 'yes' } } }, [to('v2', 100)]),
        rule('fnmesh-split', {}, [to('v1', 90), to('v2', 10)]),
      ],
    },
  });
});

test('an HTTPRoute, bound to the listener, with a shared proxy', () => {
  const rules: Rule[] = [{ when: { cookie: 'fn', equals: 'v2' }, version: 'v2' }];
  const route = clusterRoute('shop', { v1: 9950, v2: 50 }, { rules });
  const [object] = render({ api: 'gateway-api', proxy: 'shared', pin: { kind: 'on' } }, route);
  const to = (version: string, weight: number) => ({
    group: '',
    kind: 'Service',
    name: `shop-${version}`,
    port: 80,
    weight,
    filters: [
      {
        type: 'RequestHeaderModifier',
        requestHeaderModifier: { set: [{ name: 'Fnmeshroute', value: `shop/${version} t/shop/${version}` }] },
      },
    ],
  });
  const rule = (name: string, headers: object, backendRefs: object[]) => ({
    name,
    matches: [{ path: { type: 'Exact', value: '/' }, ...headers }],
    backendRefs,
    timeouts: { request: '330s' },
  });
  const header = (type: string, name: string, value: unknown) => ({ headers: [{ type, name, value }] });
  expect(object).toMatchObject({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' });
  expect(object!.metadata).toMatchObject({ name: 'shop', namespace: 'hello' });
  expect(object!.spec).toEqual({
    parentRefs: [
      {
        group: 'gateway.networking.k8s.io',
        kind: 'Gateway',
        namespace: 'istio-ingress',
        name: 'public',
        sectionName: 'https',
      },
    ],
    hostnames: ['hello.example.com'],
    rules: [
      rule('fnmesh-pin-v1', header('Exact', 'Fnmesh-Version', 'v1'), [to('v1', 100)]),
      rule('fnmesh-pin-v2', header('Exact', 'Fnmesh-Version', 'v2'), [to('v2', 100)]),
      rule('fnmesh-rule-1', header('RegularExpression', 'Cookie', expect.stringMatching(/^\^.*fn.*\$$/)), [
        to('v2', 100),
      ]),
      rule('fnmesh-split', {}, [to('v1', 9950), to('v2', 50)]),
    ],
  });
});

describe('for callers inside the mesh', () => {
  test('a VirtualService whose only host is the function’s Service, on no gateway', () => {
    const [gateway, mesh] = render({ mesh: true, clusterDomain: 'corp.local' }, clusterRoute('cart', SPLIT));
    expect(mesh!.metadata).toEqual({
      name: 'shop-cart-mesh',
      namespace: 'hello',
      labels: { ...gateway!.metadata.labels, 'fnmesh/mesh': 'true' },
    });
    const { http } = gateway!.spec as { http: unknown };
    expect(mesh!.spec).toEqual({ hosts: ['shop-cart.hello.svc.corp.local'], http });
  });

  test('an HTTPRoute with the function’s Service as its parent', () => {
    const [gateway, mesh] = render({ api: 'gateway-api', mesh: true }, clusterRoute('cart', SPLIT));
    expect(mesh!.metadata.name).toBe('shop-cart-mesh');
    const { rules } = gateway!.spec as { rules: unknown };
    expect(mesh!.spec).toEqual({
      parentRefs: [{ group: '', kind: 'Service', namespace: 'hello', name: 'shop-cart', port: 80 }],
      rules,
    });
  });
});

test.each([
  [{ v1: 10_000 }, [100]],
  [{ v1: 10_000, v2: 0 }, [100, 0]],
  [{ v1: 9900, v2: 100 }, [99, 1]],
  [{ v1: 9901, v2: 99 }, [9901, 99]],
  [{ v1: 3334, v2: 3333, v3: 3333 }, [3334, 3333, 3333]],
  [{ v10: 1000, v9: 2000, v1: 7000 }, [70, 20, 10]],
])('weights of %j', (split: Split, weights) => {
  for (const api of ['istio', 'gateway-api'] as const) {
    const [object] = render({ api, pin: { kind: 'off' } }, clusterRoute('cart', split));
    const spec = object!.spec as {
      http?: { route: { weight: number }[] }[];
      rules?: { backendRefs: { weight: number }[] }[];
    };
    const targets = spec.http?.[0]!.route ?? spec.rules![0]!.backendRefs;
    expect(targets.map(({ weight }) => weight)).toEqual(weights);
  }
});

test('rendered again from the same in another order, it is the same byte for byte', () => {
  const reversed = (record: Record<string, unknown>) => Object.fromEntries(Object.entries(record).reverse());
  const route = clusterRoute('cart', { v1: 5000, v2: 3000, v10: 2000 });
  const other = {
    ...(reversed(route) as Route),
    split: reversed(route.split) as Split,
    destinations: reversed(route.destinations) as Route['destinations'],
  };
  for (const api of ['istio', 'gateway-api'] as const) {
    const texts = [route, other].map((each) =>
      JSON.stringify(renderRoutes(siteOf({ api, mesh: true }), { route: each, revision: 1, history: [] })),
    );
    expect(texts[1]).toBe(texts[0]);
  }
});

const many = (count: number): Split =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`v${index + 1}`, index === 0 ? 10_000 : 0]),
  );
const cart = (more: Partial<Route> = {}) => clusterRoute('cart', SPLIT, more);
const ruled = (when: Rule['when']) => cart({ rules: [{ when, version: 'v2' }] });
const led = (endpoint?: string) => {
  const { destinations } = cart();
  const { fn, source } = destinations['v2']!;
  return cart({
    destinations: { ...destinations, v2: { fn, source, ...(endpoint !== undefined && { endpoint }) } },
  });
};

const BOTH = ['istio', 'gateway-api'] as const;
const REFUSED: {
  name: string;
  route: Route;
  site?: Parameters<typeof siteOf>[0];
  message: RegExp;
  apis?: readonly (typeof BOTH)[number][];
}[] = [
  {
    name: 'a host with an underscore',
    route: cart({ host: 'my_app.localhost' }),
    message: /"my_app\.localhost" is no host/,
  },
  { name: 'a wildcard host', route: cart({ host: '*.example.com' }), message: /is no host/ },
  { name: 'a host with a line break', route: cart({ host: 'a.example.com\n' }), message: /is no host/ },
  {
    name: 'a path with dot segments',
    route: cart({ path: '/a/../b' }),
    message: /"\/a\/\.\.\/b" is no path/,
  },
  { name: 'a path with two slashes', route: cart({ path: '//cart' }), message: /is no path/ },
  { name: 'a path with a query', route: cart({ path: '/cart?a' }), message: /is no path/ },
  { name: 'a path with an escape', route: cart({ path: '/%2Fcart' }), message: /is no path/ },
  {
    name: 'a split that does not sum',
    route: cart({ split: { v1: 9000, v2: 999 } }),
    message: /sums to 99\.99 %, not 100 %/,
  },
  {
    name: 'a version that leads nowhere',
    route: cart({ split: { ...SPLIT, v3: 0 } }),
    message: /v3 leads nowhere/,
  },
  {
    name: 'a header name with a space',
    route: ruled({ header: 'X Beta', equals: 'yes' }),
    message: /no request has a header "X Beta"/,
  },
  {
    name: 'an empty header value',
    route: ruled({ header: 'X-Beta', equals: '' }),
    message: /can match nothing/,
  },
  {
    name: 'a header value with a line break',
    route: ruled({ header: 'X-Beta', equals: 'a\nb' }),
    message: /can match nothing/,
  },
  {
    name: 'a header value with a space at its end',
    route: ruled({ header: 'X-Beta', equals: 'a ' }),
    message: /can match nothing/,
  },
  {
    name: 'a cookie value with a semicolon',
    route: ruled({ cookie: 'fn', equals: 'a;b' }),
    message: /no request has a cookie "fn"/,
  },
  {
    name: '17 versions',
    route: clusterRoute('cart', many(17)),
    message: /shop\/cart has 17 versions, and a rule of an HTTPRoute takes 16/,
    apis: ['gateway-api'],
  },
  {
    name: '16 versions with pins',
    route: clusterRoute('cart', many(16)),
    message: /shop\/cart: 17 rules, and an HTTPRoute takes 16/,
    apis: ['gateway-api'],
  },
  {
    name: 'a long value',
    route: ruled({ header: 'X-Beta', equals: 'a'.repeat(4097) }),
    message: /fnmesh-rule-1 needs 4097 characters/,
    apis: ['gateway-api'],
  },
  {
    name: 'no Fn server',
    route: led(),
    site: { proxy: 'shared' },
    message: /shop\/cart\/v2 is on no Fn server/,
  },
  {
    name: 'another app’s trigger',
    route: led('http://fn.example.com/t/other/v2'),
    site: { proxy: 'shared' },
    message: /no proxy can lead to/,
  },
  {
    name: 'a source with dot segments',
    route: led('http://fn.example.com/t/shop/../v2'),
    site: { proxy: 'shared' },
    message: /no proxy can lead to/,
  },
];

describe.each(BOTH)('%s refuses', (api) => {
  test.each(REFUSED.filter(({ apis = BOTH }) => apis.includes(api)))('$name', ({ route, site, message }) => {
    const refusal = expect.objectContaining({
      code: 'config',
      message: expect.stringMatching(message) as string,
      try: expect.stringMatching(/./) as string,
    }) as Error;
    expect(() => render({ api, ...site }, route)).toThrow(refusal);
  });
});

test('what an HTTPRoute has no room for, a VirtualService has; and without pins there is room for 16 versions', () => {
  expect(render({}, clusterRoute('cart', many(200)))).toHaveLength(1);
  expect(render({ api: 'gateway-api', pin: { kind: 'off' } }, clusterRoute('cart', many(16)))).toHaveLength(
    1,
  );
  expect(render({ api: 'gateway-api' }, clusterRoute('cart', many(15)))).toHaveLength(1);
});

test('two functions on one path of one host are refused', () => {
  const site = siteOf();
  const [a, b] = [clusterRoute('cart', SPLIT), clusterRoute('basket', SPLIT, { path: '/cart' })];
  expect(() => checkOverlap(site, [a, b])).toThrow(
    'shop: cart and basket both answer on hello.example.com/cart',
  );
  checkOverlap(site, [a, { ...b, host: 'other.example.com' }, clusterRoute('basket', SPLIT)]);
});
