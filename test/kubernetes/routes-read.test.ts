import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { rulesOf } from '../../src/kubernetes/render/merge-route.js';
import { liveSplit, readRoute } from '../../src/kubernetes/render/read-route.js';
import { renderRoutes } from '../../src/kubernetes/render/routes.js';
import type { Split } from '../../src/routing/route.js';
import { changeTo, clusterRoute, siteOf } from './routes-sites.js';

const SPLIT = { v1: 9000, v2: 1000, v3: 0 };
const ROUTE = clusterRoute('cart', SPLIT);
const APIS = ['istio', 'gateway-api'] as const;

function rendered(api: (typeof APIS)[number]): KubeObject {
  return renderRoutes(siteOf({ api }), { route: ROUTE, revision: 3, history: [changeTo(SPLIT, 3)] })[0]!;
}

/** The object after somebody gave these Services these weights; undefined: none is written. */
function edited(
  api: (typeof APIS)[number],
  weights: [service: string, weight: number | undefined][],
): KubeObject {
  const object = rendered(api);
  const rules = rulesOf(object).map((rule) => {
    if (rule.name !== 'fnmesh-split') return rule;
    const written = (weight: number | undefined) => (weight === undefined ? {} : { weight });
    return api === 'istio'
      ? { ...rule, route: weights.map(([host, weight]) => ({ destination: { host }, ...written(weight) })) }
      : { ...rule, backendRefs: weights.map(([name, weight]) => ({ name, port: 80, ...written(weight) })) };
  });
  return { ...object, spec: { ...(object.spec as object), [api === 'istio' ? 'http' : 'rules']: rules } };
}

const annotated = (object: KubeObject, annotations: Record<string, string>): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, annotations },
});

describe.each(APIS)('weights that somebody changed, %s', (api) => {
  const LIVE: { name: string; weights: [string, number | undefined][]; live: Split }[] = [
    {
      name: 'other percents',
      weights: [
        ['shop-cart-v1', 50],
        ['shop-cart-v2', 50],
        ['shop-cart-v3', 0],
      ],
      live: { v1: 5000, v2: 5000, v3: 0 },
    },
    {
      name: 'weights that do not divide',
      weights: [
        ['shop-cart-v1', 1],
        ['shop-cart-v2', 1],
        ['shop-cart-v3', 1],
      ],
      live: { v1: 3334, v2: 3333, v3: 3333 },
    },
    {
      name: 'large weights',
      weights: [
        ['shop-cart-v1', 999_999],
        ['shop-cart-v2', 1],
      ],
      live: { v1: 10_000, v2: 0, v3: 0 },
    },
    {
      name: 'a destination that was taken out',
      weights: [['shop-cart-v2', 7]],
      live: { v1: 0, v2: 10_000, v3: 0 },
    },
    {
      name: 'a foreign destination',
      weights: [
        ['shop-cart-v1', 30],
        ['other', 40],
        ['shop-cart-v2', 30],
      ],
      live: { v1: 5000, v2: 5000, v3: 0 },
    },
    {
      name: 'one twice',
      weights: [
        ['shop-cart-v1', 10],
        ['shop-cart-v2', 20],
        ['shop-cart-v1', 10],
      ],
      live: { v1: 5000, v2: 5000, v3: 0 },
    },
    {
      name: 'nothing for anyone',
      weights: [
        ['shop-cart-v1', 0],
        ['shop-cart-v2', 0],
      ],
      live: { v1: 0, v2: 0, v3: 0 },
    },
    { name: 'no destination at all', weights: [], live: { v1: 0, v2: 0, v3: 0 } },
  ];

  test.each(LIVE)('$name', ({ weights, live }) => {
    const read = readRoute(edited(api, weights))!;
    expect(read.drift).toEqual({ asked: SPLIT, live });
    const serves = Object.values(live).some((points) => points > 0);
    expect(read.route.split).toEqual(serves ? live : SPLIT);
    expect(read.revision).toBe(3);
  });

  test('the same shares in other numbers are no drift', () => {
    const read = readRoute(
      edited(api, [
        ['shop-cart-v1', 9],
        ['shop-cart-v2', 1],
      ]),
    )!;
    expect(read).toMatchObject({ drift: null, route: { split: SPLIT } });
  });

  test('a rule that is gone', () => {
    const object = rendered(api);
    const gone = {
      ...object,
      spec: { ...(object.spec as object), [api === 'istio' ? 'http' : 'rules']: [] },
    };
    expect(readRoute(gone)).toMatchObject({
      drift: { asked: SPLIT, live: { v1: 0, v2: 0, v3: 0 } },
      route: { split: SPLIT },
    });
  });

  test('foreign rules are named, or counted', () => {
    const object = rendered(api);
    const rules = [{ name: 'theirs' }, ...rulesOf(object), {}];
    const shared = {
      ...object,
      spec: { ...(object.spec as object), [api === 'istio' ? 'http' : 'rules']: rules },
    };
    expect(readRoute(shared)).toMatchObject({ drift: null, foreignRules: ['theirs', `#${rules.length}`] });
  });

  test('the weights of the object for the mesh', () => {
    const [, mesh] = renderRoutes(siteOf({ api, mesh: true }), { route: ROUTE, revision: 3, history: [] });
    expect(readRoute(mesh!)).toBeNull();
    expect(liveSplit(mesh!, ROUTE)).toEqual(SPLIT);
  });

  test('without a history what is live is what was asked', () => {
    const object = renderRoutes(siteOf({ api }), { route: ROUTE, revision: 1, history: [] })[0]!;
    expect(readRoute(object)).toMatchObject({ history: [], drift: null });
  });

  test('one that was made from rendered files has neither, and is at revision 0', () => {
    const object = rendered(api);
    const { 'fnmesh/route': route } = object.metadata.annotations!;
    const read = readRoute(annotated(object, { 'fnmesh/route': route! }));
    expect(read).toMatchObject({ route: ROUTE, revision: 0, history: [], drift: null });
  });

  test('without a revision that of the newest change counts', () => {
    const rest = { ...rendered(api).metadata.annotations! };
    delete rest['fnmesh/revision'];
    expect(readRoute(annotated(rendered(api), rest))).toMatchObject({ revision: 3, drift: null });
  });

  const GARBLED: [name: string, change: Record<string, string>, missing: string[], message: string][] = [
    ['no route', {}, ['fnmesh/route'], 'annotation fnmesh/route is missing'],
    ['a cut route', { 'fnmesh/route': '{"app":' }, [], 'annotation fnmesh/route is not JSON'],
    [
      'a route of something else',
      { 'fnmesh/route': '{"app":"shop"}' },
      [],
      'annotation fnmesh/route describes no route',
    ],
    ['null for a route', { 'fnmesh/route': 'null' }, [], 'annotation fnmesh/route describes no route'],
    ['a revision in words', { 'fnmesh/revision': '"two"' }, [], 'annotation fnmesh/revision is no number'],
    ['a history that is no list', { 'fnmesh/history': '{}' }, [], 'annotation fnmesh/history is no list'],
  ];
  test.each(GARBLED)('%s', (_, change, missing, message) => {
    const object = rendered(api);
    const left = Object.entries({ ...object.metadata.annotations, ...change }).filter(
      ([key]) => !missing.includes(key),
    );
    expect(() => readRoute(annotated(object, Object.fromEntries(left)))).toThrow(
      expect.objectContaining({
        code: 'config',
        message: expect.stringContaining(`hello/shop-cart: ${message}`) as string,
        try: expect.stringContaining('fnmesh wire') as string,
      }) as Error,
    );
  });

  test.each<[string, Record<string, string>]>([
    ['one of another tool', {}],
    [
      'one of another tool that looks alike',
      { 'app.kubernetes.io/managed-by': 'Helm', 'fnmesh/function': 'cart' },
    ],
    ['another object of fnmesh', { 'app.kubernetes.io/managed-by': 'fnmesh' }],
  ])('no route of fnmesh: %s', (_, labels) => {
    const object = rendered(api);
    expect(readRoute({ ...object, metadata: { ...object.metadata, labels } })).toBeNull();
  });
});

test('on Istio a single destination gets everything, and beside others one without weight gets nothing', () => {
  expect(readRoute(edited('istio', [['shop-cart-v2', 0]]))!.route.split).toEqual({
    v1: 0,
    v2: 10_000,
    v3: 0,
  });
  const weights: [string, undefined | number][] = [
    ['shop-cart-v1', undefined],
    ['shop-cart-v2', 1],
  ];
  expect(readRoute(edited('istio', weights))!.route.split).toEqual({ v1: 0, v2: 10_000, v3: 0 });
});

test('on the Gateway API a weight that is not written is 1', () => {
  const weights: [string, undefined | number][] = [
    ['shop-cart-v1', undefined],
    ['shop-cart-v2', 1],
  ];
  expect(readRoute(edited('gateway-api', weights))!.route.split).toEqual({ v1: 5000, v2: 5000, v3: 0 });
});

test.each([
  ['shop-cart-v1', 'ours'],
  ['shop-cart-v1.hello', 'ours'],
  ['shop-cart-v1.hello.svc.cluster.local', 'ours'],
  ['shop-cart-v1.other.svc.cluster.local', 'theirs'],
])('on Istio %s is %s', (host, whose) => {
  const { v1 } = readRoute(
    edited('istio', [
      [host, 50],
      ['shop-cart-v2', 50],
    ]),
  )!.route.split;
  expect(v1).toBe(whose === 'ours' ? 5000 : 0);
});

test('the last 20 changes are kept, fewer when they are long', () => {
  const changes = Array.from({ length: 30 }, (_, index) => changeTo(SPLIT, index + 1));
  const kept = (message: string) => {
    const history = changes.map((change) => ({ ...change, message }));
    const [object] = renderRoutes(siteOf(), { route: ROUTE, revision: 30, history });
    const size = Object.values(object!.metadata.annotations!).reduce(
      (sum, text) => sum + Buffer.byteLength(text),
      0,
    );
    expect(size).toBeLessThan(256 * 1024);
    return readRoute(object!)!.history.map(({ number }) => number);
  };
  expect(kept('')).toEqual(changes.slice(-20).map(({ number }) => number));
  expect(kept('ä'.repeat(10_000))).toEqual([25, 26, 27, 28, 29, 30]);
});

test('a route whose notes alone are too long is refused', () => {
  const split = Object.fromEntries(
    Array.from({ length: 1500 }, (_, index) => [`v${index}`, index === 0 ? 10_000 : 0]),
  );
  const route = clusterRoute('cart', split);
  expect(() => renderRoutes(siteOf(), { route, revision: 1, history: [] })).toThrow(
    /shop\/cart: 1500 versions need \d+ KiB/,
  );
});
