import { describe, expect, test } from 'vitest';
import { wire } from '../../src/deploy/wire.js';
import { observed } from '../../src/fn/observe.js';
import { versionAnnotations } from '../../src/fn/notes.js';
import { parked } from '../../src/kubernetes/front/live-routes.js';
import { KINDS } from '../../src/kubernetes/object.js';
import { renderRoutes } from '../../src/kubernetes/render/routes.js';
import { ANNOTATIONS } from '../../src/kubernetes/names.js';
import type { Split } from '../../src/routing/route.js';
import { fakeCluster } from '../helpers/fake-cluster.js';
import { REASON } from '../helpers/routes.js';
import { clusterRoute } from '../kubernetes/routes-sites.js';
import { failure, routerOn, siteOf } from './kubernetes-site.js';

const A: Split = { v1: 7500, v2: 2500 };
const INVOKE = 'http://fn-lb.fn.svc.cluster.local/t/shop';

/** What an Fn server has: these versions of `cart`. */
const on = (...versions: string[]) => ({
  app: null,
  releases: [],
  fns: versions.map((version) => {
    const stamps = { created_at: '', updated_at: '' };
    const put = { config: [], annotations: [], limits: [] };
    const annotations = versionAnnotations({ function: 'cart', version, hash: '', put });
    const fn = { id: version, name: `cart-${version}`, app_id: '', config: {}, annotations, ...stamps };
    const trigger = { id: version, name: 't', app_id: '', fn_id: version, annotations, ...stamps };
    return observed(fn as never, [{ ...trigger, type: 'http', source: `/cart/${version}` }]);
  }),
});

describe('a route object whose notes somebody garbled', () => {
  const garbled = async (split = A) => {
    const cluster = fakeCluster();
    const rules = [{ when: { header: 'x-beta', equals: 'yes' }, version: 'v2' }];
    const route = clusterRoute('cart', split, { rules });
    await routerOn(cluster).write([{ kind: 'put', route, ifRevision: null }], REASON);
    const object = cluster.objects(KINDS.HTTPRoute)[0]!;
    const foreign = { name: 'theirs', matches: [{ path: { type: 'Exact', value: '/own' } }] };
    const spec = object['spec'] as { rules: unknown[] };
    const annotations = { ...object.metadata.annotations, [ANNOTATIONS.route]: 'garbled', other: 'stays' };
    cluster.put({
      ...object,
      metadata: { ...object.metadata, annotations },
      spec: { ...spec, rules: [...spec.rules, foreign] },
    });
    const router = routerOn(cluster);
    const ports = {
      router,
      front: undefined,
      emit: () => undefined,
      locate: (_: string, { source }: { source: string }) => `${INVOKE}${source}`,
    };
    return { cluster, route, router, ports };
  };

  test('is not read, and wire writes it anew: weights, conditions, history and what is others’ stay', async () => {
    const { cluster, route, router, ports } = await garbled();
    expect(await failure(router.read('shop'))).toMatchObject({
      code: 'config',
      try: expect.stringContaining('fnmesh wire') as string,
    });
    await wire('shop', on('v1', 'v2'), ports, { verb: 'wire', by: 'ann@box' });
    expect(await router.read('shop')).toEqual({ app: 'shop', routes: [{ route, revision: 2 }] });
    expect((await router.history('shop')).map(({ verb }) => verb)).toEqual(['shift', 'wire']);
    const after = cluster.objects(KINDS.HTTPRoute)[0]!;
    expect(after.metadata.annotations).toMatchObject({ other: 'stays' });
    expect(JSON.stringify(after['spec'])).toContain('theirs');
  });

  test('a version that is nowhere goes if nobody gets it, and is not shifted away from else', async () => {
    const idle = await garbled({ v1: 10_000, v2: 0 });
    await wire('shop', on('v1'), idle.ports, REASON);
    expect((await idle.router.read('shop')).routes[0]!.route.split).toEqual({ v1: 10_000 });

    const { cluster, ports } = await garbled();
    const before = cluster.objects(KINDS.HTTPRoute);
    expect(await failure(wire('shop', on('v1'), ports as never, REASON))).toMatchObject({
      code: 'config',
      message: expect.stringContaining('cart/v2') as string,
      try: 'fnmesh deploy cart/v2',
    });
    expect(cluster.objects(KINDS.HTTPRoute)).toEqual(before);
  });
});

describe('route objects of both APIs', () => {
  const object = (api: 'istio' | 'gateway-api', split: Split) => {
    const route = clusterRoute('cart', split);
    return renderRoutes(siteOf('shop', { api }), { route, revision: 1, history: [] })[0]!;
  };
  const B: Split = { v1: 0, v2: 10_000 };
  test.each([
    ['only the other', null, object('istio', B), B],
    ['only the other, and it is parked', null, parked(object('istio', B)), B],
    ['both serve: the own one', object('gateway-api', A), object('istio', B), A],
    ['the own one is parked', parked(object('gateway-api', A)), object('istio', B), B],
    ['both are parked: the own one', parked(object('gateway-api', A)), parked(object('istio', B)), A],
  ])('%s', async (_, own, other, split) => {
    const cluster = fakeCluster();
    if (own) cluster.put(own);
    cluster.put(other);
    const { routes } = await routerOn(cluster, { api: 'gateway-api' }).read('shop');
    expect(routes.map(({ route }) => route.split)).toEqual([split]);
  });

  test('one function of each', async () => {
    const cluster = fakeCluster();
    cluster.put(parked(object('gateway-api', A)));
    const price = renderRoutes(siteOf('shop', { api: 'gateway-api' }), {
      ...{ route: clusterRoute('price', A), revision: 1, history: [] },
    })[0]!;
    cluster.put(price);
    cluster.put(object('istio', B));
    const { routes } = await routerOn(cluster, { api: 'gateway-api' }).read('shop');
    expect(routes.map(({ route }) => [route.function, route.split])).toEqual([
      ['cart', B],
      ['price', A],
    ]);
  });
});

test('a destroy reads no pin and makes none', async () => {
  const cluster = fakeCluster();
  await routerOn(cluster).write([{ kind: 'put', route: clusterRoute('cart', A), ifRevision: null }], REASON);
  const pin = {
    kind: 'secret',
    secret: () => Promise.reject(new Error('the secret was asked for')),
  } as never;
  await routerOn(cluster, { pin }).write([{ kind: 'remove', app: 'shop', function: 'cart', ifRevision: 1 }], {
    verb: 'destroy',
    by: 'ann@box',
  });
  expect(cluster.objects(KINDS.HTTPRoute)).toEqual([]);
});
