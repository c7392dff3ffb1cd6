// What a cluster's Services and gateways say of a version: whether it is ready, served, drained.
import { describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import type { ServiceAnswer, ServiceCall } from '../../src/kubernetes/cluster.js';
import { ROUTE_HEADER } from '../../src/kubernetes/names.js';
import type { ProxyState } from '../../src/kubernetes/data-plane.js';
import type { Site } from '../../src/kubernetes/site.js';
import type { KubernetesRouterOptions } from '../../src/router/kubernetes.js';
import type { Split } from '../../src/routing/route.js';
import { fakeCluster } from '../helpers/fake-cluster.js';
import type { FakeCluster } from '../helpers/fake-cluster.js';
import { put, REASON } from '../helpers/routes.js';
import { failure, promptDataPlane, putEndpoints, routerOn } from './kubernetes-site.js';

const A: Split = { v1: 10_000, v2: 0 };
const B: Split = { v1: 9000, v2: 1000 };
const V2 = { app: 'shop', function: 'cart', version: 'v2' };
const endpoint = (version: string) => `http://fn-lb.fn.svc.cluster.local/t/shop/cart/${version}`;
const destinations = Object.fromEntries(
  ['v1', 'v2'].map((version) => {
    return [version, { fn: `cart-${version}`, source: `/cart/${version}`, endpoint: endpoint(version) }];
  }),
);

async function prepared(
  site: Partial<Site> = {},
  options: Partial<KubernetesRouterOptions> = {},
): Promise<{ cluster: FakeCluster; calls: ServiceCall[]; router: ReturnType<typeof routerOn> }> {
  const cluster = fakeCluster();
  const calls: ServiceCall[] = [];
  cluster.answer = (call) => {
    calls.push(call);
    return { status: 200, headers: { 'fn-call-id': '01' }, body: 'hello' };
  };
  putEndpoints(cluster, 'shop', 'cart', 'v2', [true]);
  const router = routerOn(cluster, site, options);
  await router.write([put('cart', A, null, { destinations })], REASON);
  return { cluster, calls, router };
}

describe('ready', () => {
  test('its proxy is called by the route’s own path', async () => {
    const { calls, router } = await prepared();
    expect(await router.ready(V2)).toEqual({ ready: true });
    expect(calls).toEqual([
      {
        namespace: 'hello',
        service: 'shop-cart-v2',
        port: 'http',
        method: 'GET',
        path: '/cart',
        headers: { 'Fnmesh-Probe': '1' },
        timeoutMs: 60_000,
      },
    ]);
  });

  test('a shared proxy is told where to go, as the route does', async () => {
    const { calls, router } = await prepared({ proxy: 'shared' });
    expect(await router.ready(V2)).toEqual({ ready: true });
    expect(calls[0]!.headers).toEqual({ 'Fnmesh-Probe': '1', [ROUTE_HEADER]: 'cart/v2 t/shop/cart/v2' });
  });

  test('with a probe of its own; with none only the proxy is asked', async () => {
    const probe = { method: 'POST', headers: { 'X-A': 'b' }, body: '{}' };
    const { calls, router } = await prepared({}, { probe, timeoutMs: 500 });
    await router.ready(V2);
    expect(calls[0]).toMatchObject({ method: 'POST', headers: { 'X-A': 'b' }, body: '{}', timeoutMs: 500 });

    const silent = await prepared({}, { probe: 'none' });
    expect(await silent.router.ready(V2)).toEqual({ ready: true });
    expect(silent.calls).toMatchObject([{ method: 'GET', path: '/.fnmesh/ready', headers: {} }]);
    silent.cluster.answer = () => ({ status: 503, headers: {}, body: '' });
    expect(await silent.router.ready(V2)).toMatchObject({
      ready: false,
      why: expect.stringContaining('answered 503') as unknown,
    });
  });

  test.each<[string, (boolean | undefined)[], boolean]>([
    ['none', [], false],
    ['none that is ready', [false, false], false],
    ['one of two', [false, true], true],
    ['one that says nothing of it', [undefined], true],
  ])('endpoints: %s', async (_, endpoints, ready) => {
    const { cluster, calls, router } = await prepared();
    putEndpoints(cluster, 'shop', 'cart', 'v2', endpoints);
    const readiness = await router.ready(V2);
    expect(readiness.ready).toBe(ready);
    if (!readiness.ready) expect(readiness.why).toBe('Service hello/shop-cart-v2 has no ready endpoints');
    expect(calls).toHaveLength(ready ? 1 : 0);
  });

  const called = { 'fn-call-id': '01' };
  test.each<[string, ServiceAnswer, RegExp | null]>([
    ['an error of the function’s own', { status: 500, headers: called, body: 'no' }, null],
    [
      'a function that cannot be started',
      { status: 502, headers: called, body: '{"message":"Container failed to initialize, please …"}' },
      /^"Container failed to initialize/,
    ],
    [
      'an image that cannot be pulled',
      { status: 502, headers: called, body: '{"message":"Failed to pull image \'a\': denied"}' },
      /registry is private/,
    ],
    [
      'a function that is too slow',
      { status: 504, headers: called, body: '{"message":"Timed out"}' },
      /timeout/,
    ],
    [
      'the proxy without Fn',
      { status: 502, headers: {}, body: '' },
      /hello\/shop-cart-v2 answered 502 without/,
    ],
  ])('%s', async (_, answer, why) => {
    const { cluster, router } = await prepared();
    cluster.answer = () => answer;
    const readiness = await router.ready(V2);
    expect(readiness.ready).toBe(why === null);
    if (!readiness.ready) expect(readiness.why).toMatch(why!);
  });

  test('no answer in time is not ready; no cluster is an error', async () => {
    const { cluster, router } = await prepared();
    cluster.answer = () => Promise.reject(new FnmeshError('not_ready', 'late'));
    expect(await router.ready(V2)).toMatchObject({
      ready: false,
      why: expect.stringContaining('60 s') as unknown,
    });
    cluster.answer = () => Promise.reject(new FnmeshError('unreachable', 'gone'));
    expect((await failure(router.ready(V2))).code).toBe('unreachable');
  });

  test('a version that has no route is an error', async () => {
    const { router } = await prepared();
    expect((await failure(router.ready({ ...V2, version: 'v9' }))).code).toBe('not_found');
    expect((await failure(router.ready({ ...V2, function: 'tax' }))).code).toBe('not_found');
  });
});

describe('served', () => {
  const proxies = (...states: ProxyState[]) => ({ dataPlane: { proxies: () => Promise.resolve(states) } });
  const has = (split: Split | null): ProxyState => ({ proxy: 'a', split, inactive: [] });

  test.each<[string, ProxyState[], unknown]>([
    ['all have it', [has(B), has(B)], { function: 'cart', revision: 2, split: B }],
    ['one has the one before', [has(B), has(A)], { function: 'cart', revision: 1, split: A }],
    ['one has none that is known', [has({ v1: 1, v2: 9999 })], { revision: 0 }],
    ['one has nothing', [has(B), has(null)], null],
    ['there are none', [], null],
  ])('%s', async (_, states, served) => {
    const { router } = await prepared({}, proxies(...states));
    await router.write([put('cart', B, 1, { destinations })], REASON);
    const answer = await router.served('shop', 'cart');
    if (served === null) expect(answer).toBeNull();
    else expect(answer).toMatchObject(served as object);
  });

  test('nobody can ask', async () => {
    const refused = () => Promise.reject(new FnmeshError('config', 'ann may not port-forward'));
    for (const dataPlane of [null, { proxies: refused }]) {
      const { router } = await prepared({}, { dataPlane });
      expect(await router.served('shop', 'cart')).toBeNull();
      expect(await router.traffic('shop')).toEqual({ cart: [] });
    }
  });
});

describe('drained', () => {
  test('not while it has weight', async () => {
    const { router } = await prepared();
    expect(await router.drained({ ...V2, version: 'v1' }, 10)).toBe(false);
  });

  test('not while a proxy still gives it a share', async () => {
    let split: Split = B;
    const dataPlane = { proxies: () => Promise.resolve([{ proxy: 'a', split, inactive: [] }]) };
    const { router } = await prepared({}, { dataPlane });
    expect(await router.drained(V2, 10)).toBe(false);
    split = A;
    expect(await router.drained(V2, 1000)).toBe(true);
  });

  test('a removed function: not while a proxy still has its route', async () => {
    let split: Split | null = A;
    const dataPlane = { proxies: () => Promise.resolve([{ proxy: 'a', split, inactive: [] }]) };
    const { router } = await prepared({}, { dataPlane });
    await router.write([{ kind: 'remove', app: 'shop', function: 'cart', ifRevision: 1 }], REASON);
    expect(await router.drained(V2, 10)).toBe(false);
    split = null;
    expect(await router.drained(V2, 1000)).toBe(true);
  });

  test('not when the time that requests may take is longer than one waits', async () => {
    const { cluster, router } = await prepared({}, { drainMs: 60_000 });
    expect(await router.drained(V2, 10)).toBe(false);
    const dataPlane = promptDataPlane(cluster);
    expect(await routerOn(cluster, {}, { dataPlane, drainMs: 20 }).drained(V2, 1000)).toBe(true);
  });
});
