import { describe, expect, test } from 'vitest';
import { FnmeshError } from '../../../src/errors.js';
import type { FnmeshEvent } from '../../../src/events.js';
import { pinSecretName } from '../../../src/kubernetes/detect/pin.js';
import type { DataPlane, ProxyState } from '../../../src/kubernetes/data-plane.js';
import { KubernetesFront, type FrontOptions } from '../../../src/kubernetes/front/run.js';
import { appLabels, LABELS, versionObject } from '../../../src/kubernetes/names.js';
import { apiVersionOf, type Kind, KINDS } from '../../../src/kubernetes/object.js';
import { readRoute } from '../../../src/kubernetes/render/read-route.js';
import { renderRoutes } from '../../../src/kubernetes/render/routes.js';
import type { Site } from '../../../src/kubernetes/site.js';
import type { Route } from '../../../src/routing/route.js';
import type { RoutedFunction } from '../../../src/router/router.js';
import type { FakeCluster } from '../../helpers/fake-cluster.js';
import { GATEWAY, ISTIO_GATEWAY, living, plain } from './living.js';
import { route, site } from './sites.js';

const times = { pollMs: 1, readyMs: 2_000, spreadMs: 1 };
const frontOf = (cluster: FakeCluster, at: Site = site(), options: FrontOptions = {}, makeGateway = false) =>
  new KubernetesFront(cluster, at, { drainMs: 1, makeGateway }, { times, ...options });

const routesOf = (cluster: FakeCluster) =>
  [...cluster.objects(KINDS.HTTPRoute), ...cluster.objects(KINDS.VirtualService)].filter(
    ({ metadata }) => metadata.labels?.[LABELS.app] === 'shop',
  );
const known = (cluster: FakeCluster): RoutedFunction[] =>
  routesOf(cluster).flatMap((object) => readRoute(object) ?? []);

/** All of a wire, with routes put in as a router would. */
async function wire(cluster: FakeCluster, at: Site, routes: readonly Route[], options: FrontOptions = {}) {
  const events: FnmeshEvent[] = [];
  const front = frontOf(cluster, at, options);
  const plan = await front.plan(routes, known(cluster));
  await front.prepare(plan, (event) => events.push(event));
  for (const each of routes)
    for (const object of renderRoutes(at, { route: each, revision: 1, history: [] })) cluster.put(object);
  for (const object of routesOf(cluster))
    if (!routes.some(({ function: fn }) => fn === object.metadata.labels?.[LABELS.function]))
      cluster.drop(object);
  await front.settle(plan, (event) => events.push(event));
  return { plan, events };
}

const names = (cluster: FakeCluster, kind: Kind): string[] =>
  cluster.objects(kind).map(({ metadata }) => metadata.name);
const two = [route('cart', ['v1', 'v2']), route('shop', ['v1'])];

test.each([
  ['gateway-api', false, ['HTTPRoute hello/shop-cart']],
  ['istio', true, ['VirtualService hello/shop-cart', 'VirtualService hello/shop-cart-mesh']],
] as const)("a route's objects, %s, mesh %s", (api, mesh, expected) => {
  const objects = frontOf(living(), site({ api, mesh })).routeObjects('cart');
  expect(objects.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`)).toEqual(expected);
});

describe('a wire', () => {
  test('makes, changes, switches and removes what stands before the functions', async () => {
    const cluster = living();
    await wire(cluster, site(), two);
    expect(names(cluster, KINDS.Deployment)).toEqual(['shop-cart-v1', 'shop-cart-v2', 'shop-v1']);
    await wire(cluster, site({ proxy: 'shared' }), two);
    expect(names(cluster, KINDS.Deployment)).toEqual(['shop-proxy']);
    expect(names(cluster, KINDS.Service)).toEqual(['shop-cart-v1', 'shop-cart-v2', 'shop-v1']);
    await wire(cluster, site(), two);
    expect(names(cluster, KINDS.Deployment)).toEqual(['shop-cart-v1', 'shop-cart-v2', 'shop-v1']);
    cluster.put(plain(KINDS.Secret, 'hello', pinSecretName('shop'), appLabels('shop')));
    await wire(cluster, site(), []);
    const left = cluster.objects().map(({ kind }) => kind);
    expect(new Set(left)).toEqual(new Set(['Gateway', 'EndpointSlice', 'Pod']));
  });

  test('unchanged, 200 functions take no write, and at most one list of a kind', async () => {
    const cluster = living();
    const routes = Array.from({ length: 200 }, (_, at) => route(`fn-${at}`, ['v1', 'v2']));
    const at = site({ proxy: 'shared' });
    await wire(cluster, at, routes);
    const before = cluster.requests.length;
    const { plan } = await wire(cluster, at, routes);
    expect(plan).toMatchObject({ objects: [], before: [], after: [], rewrite: [] });
    const asked = cluster.requests.slice(before).map(({ verb, kind }) => `${verb} ${kind}`);
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked.filter((each) => !/^(list|get|may) /.test(each))).toEqual([]);
  });

  test("what has the name already and is somebody else's is left alone, and nothing is written", async () => {
    for (const labels of [{}, appLabels('other')]) {
      const cluster = living();
      cluster.put(plain(KINDS.Service, 'hello', versionObject('shop', 'cart', 'v1'), labels));
      await expect(frontOf(cluster).plan(two, [])).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining('Service hello/shop-cart-v1') as string,
      });
      expect(cluster.requests.filter(({ verb }) => verb === 'apply')).toEqual([]);
    }
  });

  test('what a GitOps tool manages is left alone', async () => {
    const cluster = living();
    await wire(cluster, site(), two);
    const [deployment] = cluster.objects(KINDS.Deployment);
    cluster.edit(deployment!, (it) => {
      it.metadata.annotations = { 'argocd.argoproj.io/tracking-id': 'shop:apps/Deployment:hello/x' };
    });
    await expect(
      frontOf(cluster, site({}, { image: 'example.com/b' })).plan(two, known(cluster)),
    ).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('Argo CD (shop)') as string,
    });
    expect((await frontOf(cluster).plan(two, known(cluster))).objects).toEqual([]);
  });

  test('a Deployment given over to an autoscaler keeps its number of Pods until that has set one', async () => {
    const cluster = living();
    await wire(cluster, site({}, { replicas: 4 }), two);
    const scaled = site({}, { replicas: 4, autoscale: { min: 2, max: 9, cpuPercent: 70 } });
    await wire(cluster, scaled, two);
    const replicas = () =>
      cluster.objects(KINDS.Deployment).map(({ spec }) => (spec as { replicas: number }).replicas);
    expect(replicas()).toEqual([4, 4, 4]);
    for (const each of cluster.objects(KINDS.Deployment))
      cluster.edit(
        each,
        (it) => ((it['spec'] as { replicas: number }).replicas = 7),
        'kube-controller-manager',
      );
    await wire(cluster, scaled, two);
    expect(replicas()).toEqual([7, 7, 7]);
    expect((await frontOf(cluster, scaled).plan(two, known(cluster))).objects).toEqual([]);
  });
});

describe('what does not come up', () => {
  const broken = (status: object, log: string[] = []) => {
    const cluster = living((name) => name !== 'shop-cart-v1');
    const labels = { ...appLabels('shop'), [LABELS.proxy]: 'shop-cart-v1' };
    cluster.put({ ...plain(KINDS.Pod, 'hello', 'shop-cart-v1-x', labels), status });
    cluster.log = () => log;
    return cluster;
  };
  const container = (rest: object) => ({ containerStatuses: [{ name: 'nginx', ready: false, ...rest }] });

  test.each<[string, object, string[], RegExp]>([
    [
      'no image',
      container({ state: { waiting: { reason: 'ImagePullBackOff', message: 'not found' } } }),
      [],
      /0 of 2 Pods are ready: Pod shop-cart-v1-x: ImagePullBackOff: not found/,
    ],
    [
      'it ends',
      container({
        restartCount: 3,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 1 } },
      }),
      ['nginx: [emerg] no'],
      /ended 3 times \(exit code 1\)\n {2}nginx: \[emerg\] no/,
    ],
    [
      'no node',
      { conditions: [{ type: 'PodScheduled', status: 'False', message: 'no room' }] },
      [],
      /has no node: no room/,
    ],
    [
      'only slow',
      container({ state: { waiting: { reason: 'ContainerCreating' } } }),
      [],
      /its Pods give no reason/,
    ],
  ])('%s', async (_, status, log, message) => {
    const front = frontOf(broken(status, log), site(), { times: { ...times, readyMs: 20 } });
    const plan = await front.plan(two, []);
    await expect(front.prepare(plan, () => undefined)).rejects.toMatchObject({
      code: 'not_ready',
      message: expect.stringMatching(message) as string,
    });
  });

  test('Pods that are refused, and a rollout that says itself that it is stuck, are not waited for', async () => {
    const cluster = living(() => false);
    cluster.before(
      { verb: 'list', kind: 'Pod' },
      () => {
        for (const each of cluster.objects(KINDS.Deployment))
          cluster.edit(each, (it) => {
            it['status'] = {
              observedGeneration: it.metadata.generation,
              conditions: [
                { type: 'ReplicaFailure', status: 'True', message: 'pods are forbidden: exceeded quota' },
                { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' },
              ],
            };
          });
      },
      Infinity,
    );
    const front = frontOf(cluster, site(), { times: { ...times, readyMs: 600_000 } });
    const plan = await front.plan(two, []);
    await expect(front.prepare(plan, () => undefined)).rejects.toMatchObject({
      code: 'not_ready',
      message: expect.stringContaining('exceeded quota') as string,
    });
  });
});

describe('the gateway', () => {
  test('is made when settings say so and there is one class', async () => {
    const cluster = living();
    cluster.drop(GATEWAY);
    await expect(frontOf(cluster).plan(two, [])).rejects.toMatchObject({ code: 'config' });
    cluster.put({
      apiVersion: apiVersionOf(KINDS.GatewayClass),
      kind: 'GatewayClass',
      metadata: { name: 'istio' },
    });
    const front = frontOf(cluster, site(), {}, true);
    const plan = await front.plan(two, []);
    expect(plan.objects[0]).toMatchObject({ action: 'create', kind: 'Gateway', name: 'public' });
    await front.prepare(plan, () => undefined);
    expect(cluster.objects(KINDS.Gateway)).toMatchObject([
      { spec: { gatewayClassName: 'istio', listeners: [{ name: 'http', hostname: 'shop.example.com' }] } },
    ]);
  });

  test('that fnmesh made stays when the app goes, and it is said who uses it or how it goes', async () => {
    for (const api of ['gateway-api', 'istio'] as const) {
      const cluster = living();
      const made = api === 'istio' ? ISTIO_GATEWAY : GATEWAY;
      cluster.put(ISTIO_GATEWAY);
      const notes = async (): Promise<string[]> => {
        await wire(cluster, site({ api }), two);
        return (await wire(cluster, site({ api }), [])).plan.notes;
      };
      expect(await notes()).toEqual([]);
      cluster.edit(made, (it) => (it.metadata.labels = { [LABELS.managedBy]: 'fnmesh' }));
      const resource =
        api === 'istio' ? 'gateways.networking.istio.io' : 'gateways.gateway.networking.k8s.io';
      const stays = 'Gateway istio-ingress/public, which fnmesh made, stays: ';
      expect(await notes()).toEqual([
        `${stays}other apps may use it. If none does: kubectl delete ${resource} -n istio-ingress public`,
      ]);
      const other = { app: 'blog', namespace: 'blog', host: 'blog.example.com', api };
      const [theirs] = renderRoutes(site(other), {
        route: { ...route('blog', ['v1']), app: 'blog', host: 'blog.example.com' },
        revision: 1,
        history: [],
      });
      cluster.put(theirs!);
      expect(await notes()).toEqual([`${stays}${theirs!.kind} blog/blog is bound to it`]);
      expect(cluster.objects(api === 'istio' ? KINDS.IstioGateway : KINDS.Gateway)).toHaveLength(1);
    }
  });

  test('still has an old route: what that leads to stays', async () => {
    const cluster = living();
    await wire(cluster, site(), two);
    const dataPlane: DataPlane = {
      proxies: () => Promise.resolve([{ proxy: 'gw-1', split: { v1: 5_000, v2: 5_000 }, inactive: [] }]),
    };
    const options = { dataPlane, times: { ...times, readyMs: 10 } };
    await expect(wire(cluster, site(), [route('cart', ['v1']), two[1]!], options)).rejects.toMatchObject({
      code: 'not_ready',
      message: expect.stringContaining('gw-1 still has the old route of shop/cart') as string,
    });
    expect(names(cluster, KINDS.Deployment)).toContain('shop-cart-v2');
  });

  test('has the routes of a first deploy, and takes requests for them, before it is done', async () => {
    const answers: ProxyState[] = [
      { proxy: 'gw-1', split: null, inactive: [] },
      { proxy: 'gw-1', split: { v1: 10_000 }, inactive: ['outbound|80||shop-cart-v1'] },
      { proxy: 'gw-1', split: { v1: 10_000 }, inactive: [] },
    ];
    const asked: Route[] = [];
    const dataPlane: DataPlane = {
      proxies: (_, each) => Promise.resolve([answers[asked.push(each) - 1]!]),
    };
    const first = [route('cart', ['v1'])];
    // Who does not show the route is asked for four times this.
    const options = { dataPlane, times: { ...times, spreadMs: 500 } };
    const { events } = await wire(living(), site(), first, options);
    expect(asked).toEqual([first[0], first[0], first[0]]);
    expect(events).toContainEqual({
      type: 'note',
      text: 'waiting until the gateway has the route of cart as written (at least 0.5 s)',
    });
  });

  test('changes the mode of the proxies: what it tells them is waited for, there and back', async () => {
    const cluster = living();
    await wire(cluster, site(), [two[0]!]);
    const told = { v1: ['cart/v1 t/shop/cart/v1'] };
    const plain = { proxy: 'gw-1', split: { v1: 10_000, v2: 0 }, inactive: [] };
    const states: Record<string, ProxyState> = {
      none: plain,
      'another one': { ...plain, routeHeaders: { v1: ['cart/v1 t/shop/cart/old'] } },
      'none on one port': { ...plain, routeHeaders: { v1: ['', 'cart/v1 t/shop/cart/v1'] } },
      'the right one': { ...plain, routeHeaders: told },
    };
    const switched = async (at: Site, answers: string[]): Promise<string[]> => {
      const asked: string[] = [];
      const dataPlane: DataPlane = {
        proxies: () => {
          const state = answers[Math.min(asked.length, answers.length - 1)]!;
          asked.push(state);
          return Promise.resolve([states[state]!]);
        },
      };
      await wire(cluster, at, [two[0]!], { dataPlane, times: { ...times, readyMs: 500 } });
      return asked;
    };
    const shared = site({ proxy: 'shared' });
    const toShared = ['none', 'another one', 'none on one port', 'the right one'];
    expect(await switched(shared, toShared)).toEqual(toShared);
    const toDedicated = ['the right one', 'none'];
    expect(await switched(site(), toDedicated)).toEqual(toDedicated);
    await expect(switched(shared, ['none'])).rejects.toMatchObject({
      code: 'not_ready',
      message: expect.stringContaining('gw-1 still has the old route of shop/cart') as string,
    });
    expect(names(cluster, KINDS.Deployment)).toContain('shop-cart-v1');
  });

  test('before Services lead elsewhere it is asked for the routes as they were, not for those to come', async () => {
    const cluster = living();
    await wire(cluster, site(), [two[0]!]);
    // A run that was broken off has made the Service of v3, and not its part of the route.
    const [service] = cluster.objects(KINDS.Service);
    cluster.put({ ...service!, metadata: { ...service!.metadata, uid: 'v3', name: 'shop-cart-v3' } });
    const asked: Route[] = [];
    const old = { proxy: 'gw-1', split: { v1: 10_000, v2: 0 }, inactive: [] };
    const dataPlane: DataPlane = {
      proxies: (_, each) => {
        asked.push(each);
        const routeHeaders = { v1: ['cart/v1 t/shop/cart/v1'] };
        const now = { ...old, split: { ...old.split, v3: 0 }, routeHeaders };
        return Promise.resolve([asked.length === 1 ? old : now]);
      },
    };
    const next = route('cart', ['v1', 'v2', 'v3']);
    await wire(cluster, site({ proxy: 'shared' }), [next], { dataPlane });
    expect(asked).toEqual([two[0], next]);
  });

  test('keeps an old split: wire says so, and nothing goes', async () => {
    const old = { proxy: 'gw-1', split: { v1: 1, v2: 9_999 }, inactive: [] };
    const dataPlane: DataPlane = { proxies: () => Promise.resolve([old]) };
    const options = { dataPlane, times: { ...times, readyMs: 10 } };
    await expect(wire(living(), site(), two, options)).rejects.toMatchObject({
      code: 'not_ready',
      message: expect.stringMatching(/gw-1 still has the old route of shop\/(cart|shop)/) as string,
    });
  });

  test.each<[string, DataPlane['proxies'], string]>([
    [
      'does not show routes as Istio does',
      () => Promise.resolve([{ proxy: 'gw-1', split: null, inactive: [] }]),
      'gw-1 does not show it',
    ],
    [
      'does not answer',
      () => Promise.reject(new FnmeshError('unreachable', 'gw-1 broke off')),
      'gw-1 broke off',
    ],
  ])('%s: a bounded time is waited, and said', async (_, proxies, why) => {
    const { events } = await wire(living(), site(), two, { dataPlane: { proxies } });
    expect(events).toContainEqual({
      type: 'warning',
      text: `not seen, waited 0 s instead, that the gateway has the routes of cart, shop as written: ${why}`,
    });
  });

  test('of a route that goes, and of one that is written: each is said as it is', async () => {
    const cluster = living();
    await wire(cluster, site(), two);
    const waits = async (routes: readonly Route[]): Promise<string> => {
      const { events } = await wire(cluster, site(), routes);
      const texts = events.flatMap((event) => (event.type === 'note' ? [event.text] : []));
      return texts.find((text) => text.startsWith('waiting until'))!;
    };
    const how = '(0 s, for it cannot be asked)';
    const cart = route('cart', ['v1']);
    expect(await waits([cart])).toBe(
      `waiting until the gateway has the route of cart as written and no longer has the route of shop ${how}`,
    );
    expect(await waits([])).toBe(`waiting until the gateway no longer has the route of cart ${how}`);
  });

  test('cannot be asked: it is waited for as long as it takes to hear of something', async () => {
    const { events } = await wire(living(), site(), two);
    expect(events).toContainEqual({
      type: 'note',
      text: 'waiting until the gateway has the routes of cart, shop as written (0 s, for it cannot be asked)',
    });
  });
});

describe('another API', () => {
  test('is refused without leave, and then the old routes go', async () => {
    const cluster = living();
    await wire(cluster, site(), two);
    cluster.put(ISTIO_GATEWAY);
    const istio = site({ api: 'istio' });
    await expect(frontOf(cluster, istio).plan(two, known(cluster))).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('requests get 404') as string,
      try: expect.stringContaining('--allow-gap') as string,
    });
    const { plan } = await wire(cluster, istio, two, { allowGap: true });
    expect(plan.warnings).toEqual([expect.stringContaining('requests get 404') as string]);
    expect(names(cluster, KINDS.HTTPRoute)).toEqual([]);
    expect(names(cluster, KINDS.VirtualService)).toEqual(['shop', 'shop-cart']);
  });

  test('would not take the shares over: a conflict', async () => {
    const cluster = living();
    await wire(cluster, site(), two);
    const moved = two.map((each) => ({ ...each, split: { v2: 10_000 } }));
    await expect(
      frontOf(cluster, site({ api: 'istio' }), { allowGap: true }).plan(
        [{ ...moved[0]!, split: { v1: 0, v2: 10_000 } }],
        known(cluster),
      ),
    ).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('splits v1=100 v2=0') as string,
    });
  });
});

test('routes of other namespaces that may not be listed are said to be unchecked', async () => {
  const cluster = living();
  cluster.allows = ({ namespace }) => namespace !== null;
  const events: FnmeshEvent[] = [];
  const plan = await frontOf(cluster, site(), { emit: (event) => events.push(event) }).plan(two, []);
  expect(plan.notes).toEqual([
    'HTTPRoutes of other namespaces for shop.example.com were not checked: they may not be listed',
    'VirtualServices of other namespaces for shop.example.com were not checked: they may not be listed',
  ]);
  expect(events).toHaveLength(2);
});
