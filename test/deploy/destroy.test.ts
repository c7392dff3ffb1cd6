import { describe, expect, test } from 'vitest';
import { deploy } from '../../src/deploy/deploy.js';
import { applyDestroy, foreseeDestroy } from '../../src/deploy/destroy.js';
import { observe } from '../../src/fn/observe.js';
import type { DestroyTarget } from '../../src/deploy/plan-destroy.js';
import { planDestroy } from '../../src/deploy/plan-destroy.js';
import type { ObjectChange } from '../../src/kubernetes/front.js';
import { appFolder, requestFor, stage } from './stage.js';

const REASON = { verb: 'destroy', by: 'me@here' } as const;

async function deployed() {
  const all = await stage();
  const { ports, router, server } = all;
  const project = appFolder({ 'cart/v1': {}, 'cart/v2': {}, 'cart/v3': {}, 'price/v1': {} });
  await deploy(requestFor(project), ports);
  const plan = async (target: Omit<DestroyTarget, 'app'>) => {
    const table = await router.read('shop');
    const doom = planDestroy({ app: 'shop', ...target }, await observe(server, 'shop'), table);
    return foreseeDestroy(doom, table, ports.front);
  };
  const destroy = async (target: Omit<DestroyTarget, 'app'>) =>
    applyDestroy(await plan(target), ports, REASON, 1000);
  const left = async () => (await observe(server, 'shop')).fns.map(({ fn }) => fn.name);
  return { ...all, plan, destroy, left };
}

describe('a version', () => {
  test('without weight: out of the route, then gone', async () => {
    const { destroy, left, router } = await deployed();
    const result = await destroy({ function: 'cart', version: 'v2' });
    expect(result).toMatchObject({
      removed: [{ version: 'v2', share: 0 }],
      appRemoved: false,
      undrained: [],
    });
    expect(await left()).toEqual(['cart-v1', 'cart-v3', 'price-v1']);
    const { route } = (await router.read('shop')).routes[0]!;
    expect([route.split, Object.keys(route.destinations)]).toEqual([{ v1: 10_000, v3: 0 }, ['v1', 'v3']]);
  });

  test.each([
    [
      'with weight',
      { function: 'cart', version: 'v1' },
      'conflict',
      'serves 100 % of cart',
      'fnmesh shift cart/v2=100',
    ],
    [
      'the only one',
      { function: 'price', version: 'v1' },
      'conflict',
      'only version',
      'fnmesh destroy price',
    ],
    [
      'unknown',
      { function: 'cart', version: 'v9' },
      'not_found',
      'cart/v1, cart/v2, cart/v3',
      'fnmesh status',
    ],
    ['of an unknown function', { function: 'x' }, 'not_found', 'no function x', 'fnmesh status'],
  ])('%s: refused', async (_, target, code, message, way) => {
    const { plan } = await deployed();
    await expect(plan(target)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
      try: way,
    });
  });

  test('that a rule leads to: refused', async () => {
    const { plan, router } = await deployed();
    const { route, revision } = (await router.read('shop')).routes[0]!;
    const rules = [{ when: { header: 'x', equals: 'y' }, version: 'v2' }];
    await router.write([{ kind: 'put', route: { ...route, rules }, ifRevision: revision }], REASON);
    await expect(plan({ function: 'cart', version: 'v2' })).rejects.toMatchObject({ code: 'conflict' });
  });

  test('that is missing on the server, and has no weight: leaves the route', async () => {
    const { destroy, server, router, left } = await deployed();
    const app = (await server.app('shop'))!;
    await server.deleteFn((await server.fn(app.id, 'cart-v3'))!.id);
    await destroy({ function: 'cart', version: 'v3' });
    expect((await router.read('shop')).routes[0]?.route.split).toEqual({ v1: 10_000, v2: 0 });
    expect(await left()).toEqual(['cart-v1', 'cart-v2', 'price-v1']);
  });
});

test('a function: shows the shares, takes the route away before its versions', async () => {
  const { plan, destroy, left, router, ports, writes } = await deployed();
  expect((await plan({ function: 'cart' })).versions.map(({ version, share }) => [version, share])).toEqual([
    ['v1', 10_000],
    ['v2', 0],
    ['v3', 0],
  ]);
  writes.length = 0;
  const write = ports.router.write.bind(ports.router);
  ports.router.write = (changes, reason) => {
    writes.push('route');
    return write(changes, reason);
  };
  await destroy({ function: 'cart' });
  expect(writes.map((entry) => entry.split(' ')[0])).toEqual(['route', 'deleteFn', 'deleteFn', 'deleteFn']);
  expect(await left()).toEqual(['price-v1']);
  expect((await router.read('shop')).routes.map(({ route }) => route.function)).toEqual(['price']);
});

test('all: the app goes too, and can be deployed again', async () => {
  const { destroy, server, ports } = await deployed();
  expect(await destroy({})).toMatchObject({ appRemoved: true, kept: [] });
  expect(await server.app('shop')).toBeUndefined();
  const again = await deploy(requestFor(appFolder({ 'cart/v1': {} })), ports);
  expect(again.functions[0]?.after).toEqual({ v1: 10_000 });
});

test('all: what somebody else made stays, and the app with it', async () => {
  const { destroy, server, left } = await deployed();
  const app = (await server.app('shop'))!;
  await server.createFn({ app_id: app.id, name: 'theirs', image: 'x' });
  expect(await destroy({})).toMatchObject({ appRemoved: false, kept: ['theirs'] });
  expect(await left()).toEqual(['theirs']);
});

test('routes that changed since the plan: nothing is done', async () => {
  const { plan, ports, router, left } = await deployed();
  const old = await plan({});
  const { route, revision } = (await router.read('shop')).routes[0]!;
  const split = { v1: 5_000, v2: 5_000, v3: 0 };
  await router.write([{ kind: 'put', route: { ...route, split }, ifRevision: revision }], REASON);
  await expect(applyDestroy(old, ports, REASON, 1000)).rejects.toMatchObject({ code: 'conflict' });
  expect(await left()).toHaveLength(4);
});

test('on a cluster: the plan and the result name the routes and objects that go, workloads after the routes', async () => {
  const { plan, ports, router, left } = await deployed();
  const done: string[] = [];
  const gone: ObjectChange = {
    action: 'remove',
    kind: 'Deployment',
    namespace: 'hello',
    name: 'x',
    fields: [],
  };
  const steps = { objects: [gone], before: [], after: [], rewrite: [], warnings: ['odd'], notes: [] };
  ports.front = {
    host: 'shop.example.com',
    routeObjects: (fn) => [{ kind: 'HTTPRoute', namespace: 'hello', name: `shop-${fn}` }],
    plan: (routes, there) => {
      done.push(`plan ${routes.length} of ${there.length}`);
      return Promise.resolve(steps);
    },
    prepare: () => Promise.resolve(void done.push('prepare')),
    settle: () => Promise.resolve(void done.push('settle')),
  };
  const write = router.write.bind(router);
  ports.router.write = (changes, reason) => {
    done.push('route');
    return write(changes, reason);
  };
  const row = { kind: 'HTTPRoute', namespace: 'hello', host: 'shop.localhost' };
  const cart = { ...row, name: 'shop-cart', function: 'cart', path: '/cart' };

  expect((await plan({ function: 'cart', version: 'v2' })).front).toEqual({
    objects: [gone],
    routes: [{ ...cart, action: 'write' }],
    warnings: ['odd'],
  });
  done.length = 0;
  const all = await plan({});
  const result = await applyDestroy(all, ports, REASON, 1000);
  expect(result.front).toEqual(all.front);
  expect(result.front?.routes).toEqual([
    { ...cart, action: 'remove' },
    { ...row, name: 'shop-price', function: 'price', path: '/price', action: 'remove' },
  ]);
  expect(done).toEqual(['plan 0 of 2', 'prepare', 'route', 'settle']);
  expect(await left()).toEqual([]);
});
