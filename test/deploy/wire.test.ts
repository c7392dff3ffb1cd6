import { describe, expect, test } from 'vitest';
import { versionAnnotations } from '../../src/fn/notes.js';
import type { Observed } from '../../src/fn/observe.js';
import { observed } from '../../src/fn/observe.js';
import { planRoutes, wire } from '../../src/deploy/wire.js';
import { FnmeshError } from '../../src/errors.js';
import type { Fn } from '../../src/fn/model.js';
import type { RouteTable } from '../../src/router/router.js';
import type { Route, Split } from '../../src/routing/route.js';
import { memoryRouter } from '../helpers/memory-router.js';

/** Of the embedded server's triggers routes need no address. */
const embedded = () => undefined;

const STAMPS = { created_at: '', updated_at: '' };

/** Versions as `function/version`, with a `!` for what cannot run and a `-` for what has no trigger. */
function server(...labels: string[]): Observed {
  const fns = labels.map((label) => {
    const [name = '', version = ''] = label.replace(/[!-]$/, '').split('/');
    const fn = { id: label, name: `${name}-${version}`, config: {}, ...STAMPS } as Fn;
    const put = { config: [], annotations: [], limits: [] };
    const notes = { function: name, version, hash: '', ...(label.endsWith('!') && { cannotRun: 'no' }), put };
    const annotations = versionAnnotations(notes);
    if (label.endsWith('-')) return observed({ ...fn, annotations }, []);
    const trigger = {
      id: label,
      name: 't',
      app_id: '',
      fn_id: label,
      source: `/${name}/${version}`,
      annotations,
      ...STAMPS,
    };
    return observed(fn, [{ ...trigger, type: 'http' }]);
  });
  return { app: null, fns, releases: [] };
}

function table(routes: Record<string, Split>): RouteTable {
  return {
    app: 'shop',
    routes: Object.entries(routes).map(([name, split]) => {
      const versions = Object.keys(split);
      const destinations = Object.fromEntries(
        versions.map((version) => [version, { fn: `${name}-${version}`, source: `/${name}/${version}` }]),
      );
      return {
        revision: 7,
        route: { app: 'shop', function: name, host: 'my.host', path: '/own', rules: [], split, destinations },
      };
    }),
  };
}

describe('the routes of what is on the server', () => {
  test.each<[string, string[], Record<string, Split>, Record<string, Split>]>([
    ['the first time: the lowest version', ['cart/v10', 'cart/v2'], {}, { cart: { v2: 10_000, v10: 0 } }],
    ['the lowest that can run', ['cart/v1!', 'cart/v2'], {}, { cart: { v1: 0, v2: 10_000 } }],
    ['none that can run: no route', ['cart/v1!'], {}, {}],
    ['none with a trigger: no route', ['cart/v1-'], {}, {}],
    [
      'a new version: weight 0',
      ['cart/v1', 'cart/v2', 'cart/v3'],
      { cart: { v1: 2_500, v2: 7_500 } },
      { cart: { v1: 2_500, v2: 7_500, v3: 0 } },
    ],
    [
      'a lower one later: weight 0',
      ['cart/v1', 'cart/v2'],
      { cart: { v2: 10_000 } },
      { cart: { v1: 0, v2: 10_000 } },
    ],
    ['a vanished one keeps its share', ['cart/v1'], { cart: { v1: 5_000, v2: 5_000 } }, {}],
    ['a vanished function keeps its route', [], { cart: { v1: 10_000 } }, {}],
    ['all as it should be: no write', ['cart/v1', 'cart/v2'], { cart: { v1: 1, v2: 9_999 } }, {}],
    ['several functions', ['cart/v1', 'price/v1'], { cart: { v1: 10_000 } }, { price: { v1: 10_000 } }],
  ])('%s', (_, there, before, written) => {
    const { changes } = planRoutes('shop', server(...there), table(before), { locate: embedded });
    const splits = changes.map((change) =>
      change.kind === 'put' ? [change.route.function, change.route.split] : [],
    );
    expect(Object.fromEntries(splits)).toEqual(written);
  });

  test('host and path of an existing route are kept; a new one gets its own', () => {
    const plan = planRoutes(
      'shop',
      server('shop/v1', 'cart/v1', 'cart/v2', 'price/v1'),
      table({ cart: { v1: 10_000 } }),
      { locate: embedded },
    );
    expect(plan.functions.map(({ function: name, host, path }) => [name, host, path])).toEqual([
      ['cart', 'my.host', '/own'],
      ['price', 'shop.localhost', '/price'],
      ['shop', 'shop.localhost', '/'],
    ]);
    expect(plan.changes.map(({ ifRevision }) => ifRevision)).toEqual([7, null, null]);
  });

  test('says what is missing and what cannot be routed', () => {
    const [cart] = planRoutes('shop', server('cart/v2', 'cart/v3-'), table({ cart: { v1: 10_000 } }), {
      locate: embedded,
    }).functions;
    expect(cart).toMatchObject({
      added: ['v2'],
      missing: ['v1'],
      unrouted: [{ version: 'v3', why: 'it has no http trigger' }],
      before: { v1: 10_000 },
      after: { v1: 10_000, v2: 0 },
    });
  });

  test('a destination follows its trigger, rules stay', () => {
    const before = table({ cart: { v1: 10_000 } });
    const rules: Route['rules'] = [{ when: { header: 'x', equals: 'y' }, version: 'v1' }];
    const [routed] = before.routes;
    const old = { ...routed!.route, rules, destinations: { v1: { fn: 'cart-v1', source: '/old' } } };
    const there = { app: 'shop', routes: [{ revision: 7, route: old }] };
    const { changes } = planRoutes('shop', server('cart/v1'), there, { locate: embedded });
    expect(changes).toMatchObject([
      { route: { rules, destinations: { v1: { source: '/cart/v1' } }, split: { v1: 10_000 } } },
    ]);
  });

  test('a destination on another Fn server says where; when it moves, the route is written', () => {
    const at = (base: string) => (app: string, trigger: { source: string }) =>
      `${base}/t/${app}${trigger.source}`;
    const first = planRoutes('shop', server('cart/v1'), table({}), { locate: at('http://fn:8080') })
      .changes[0];
    const route = first?.kind === 'put' ? first.route : undefined;
    expect(route?.destinations).toEqual({
      v1: { fn: 'cart-v1', source: '/cart/v1', endpoint: 'http://fn:8080/t/shop/cart/v1' },
    });
    const there = { app: 'shop', routes: [{ revision: 1, route: route! }] };
    expect(planRoutes('shop', server('cart/v1'), there, { locate: at('http://fn:8080') }).changes).toEqual(
      [],
    );
    expect(
      planRoutes('shop', server('cart/v1'), there, { locate: at('http://new:8080') }).changes,
    ).toHaveLength(1);
  });

  test('what did not answer on another server does not take the traffic of what serves', () => {
    const at = (app: string, trigger: { source: string }) => `http://fn:8080/t/${app}${trigger.source}`;
    const observedThere = server('cart/v1', 'cart/v2');
    observedThere.fns[0]!.notes!.unready = true;
    const plan = planRoutes('shop', observedThere, table({ cart: { v1: 5_000, v2: 5_000 } }), { locate: at });
    expect(plan.functions[0]).toMatchObject({
      moved: [{ version: 'v2', from: null, to: 'http://fn:8080' }],
      unrouted: [
        {
          version: 'v1',
          why: 'it did not answer there; its part of the route stays with the embedded server',
        },
      ],
    });
    expect(plan.changes).toMatchObject([
      {
        route: {
          destinations: {
            v1: { fn: 'cart-v1', source: '/cart/v1' },
            v2: { endpoint: 'http://fn:8080/t/shop/cart/v2' },
          },
        },
      },
    ]);
  });

  test('only the functions asked for', () => {
    const plan = planRoutes('shop', server('cart/v1', 'price/v1'), table({}), {
      locate: embedded,
      only: ['price'],
    });
    expect(plan.functions.map(({ function: name }) => name)).toEqual(['price']);
  });
});

test.each([
  [undefined, 'host shop.localhost → shop.example.com'],
  ['moving', 'moving'],
])('a new host: the history says so, unless somebody says why (%s)', async (message, expected) => {
  const router = memoryRouter();
  const reason = { verb: 'wire', by: 'me@here', ...(message !== undefined && { message }) } as const;
  const ports = { router, locate: embedded, emit: () => undefined };
  await wire('shop', server('cart/v1'), ports, { verb: 'deploy', by: 'me@here' });
  const steps = { objects: [], before: [], after: [], rewrite: [], warnings: [], notes: [] };
  const front = {
    host: 'shop.example.com',
    routeObjects: () => [{ kind: 'HTTPRoute', namespace: 'hello', name: 'shop-cart' }],
    plan: () => Promise.resolve(steps),
    prepare: () => Promise.resolve(),
    settle: () => Promise.resolve(),
  };
  const plan = await wire('shop', server('cart/v1'), { ...ports, front }, reason);
  const at = { kind: 'HTTPRoute', namespace: 'hello', name: 'shop-cart' };
  const routes = [{ action: 'write', ...at, function: 'cart', host: 'shop.example.com', path: '/cart' }];
  expect(plan.front).toEqual({ objects: [], warnings: [], routes });
  expect((await router.history('shop')).map((change) => change.message)).toEqual([undefined, expected]);
});

test('a route that somebody writes meanwhile is read again, and kept', async () => {
  const router = memoryRouter();
  const reason = { verb: 'wire', by: 'me@here' } as const;
  const write = router.write.bind(router);
  let first = true;
  router.write = async (changes, why) => {
    if (first) {
      first = false;
      const [change] = changes;
      if (change?.kind === 'put')
        await write([{ ...change, route: { ...change.route, split: { v1: 4_000, v2: 6_000 } } }], why);
    }
    return write(changes, why);
  };
  const plan = await wire(
    'shop',
    server('cart/v1', 'cart/v2', 'cart/v3'),
    { router, locate: embedded, emit: () => undefined },
    reason,
  );
  expect(plan.functions[0]?.before).toEqual({ v1: 4_000, v2: 6_000 });
  expect((await router.read('shop')).routes[0]?.route.split).toEqual({ v1: 4_000, v2: 6_000, v3: 0 });
  router.write = () => Promise.reject(new FnmeshError('conflict', 'always'));
  await expect(
    wire('shop', server('new/v1'), { router, locate: embedded, emit: () => undefined }, reason),
  ).rejects.toThrow('always');
});
