// What the Envoys of a gateway have: a real one asked at its URL, and through a port-forward to the Pod that it stands for.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { duplexPair } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { GatewayProxies } from '../../src/kubernetes/envoy/gateways.js';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { renderRoutes } from '../../src/kubernetes/render/routes.js';
import type { Site } from '../../src/kubernetes/site.js';
import type { Route, Split } from '../../src/routing/route.js';
import { hasEnvoy, startEnvoy } from '../helpers/envoy.js';
import type { Envoy } from '../helpers/envoy.js';
import { fakeCluster } from '../helpers/fake-cluster.js';
import { routeConfigurationOf } from '../helpers/istio-routes.js';
import { clusterRoute, siteOf } from './routes-sites.js';

const SITE = siteOf();
const SELECTOR = { istio: 'ingressgateway' };
const clusterOf = (version: string) => `outbound|80||shop-cart-${version}.hello.svc.cluster.local`;

const istioGateway: KubeObject = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'Gateway',
  metadata: { name: 'public', namespace: 'istio-ingress' },
  spec: { selector: SELECTOR, servers: [] },
};

function pod(
  name: string,
  labels: Record<string, string>,
  phase = 'Running',
  namespace = 'istio-ingress',
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: {},
    status: { phase },
  };
}

function clusterOfThe(...objects: KubeObject[]) {
  const cluster = fakeCluster();
  for (const object of objects) cluster.put(object);
  return cluster;
}

/** An Envoy without routes, as far as it is asked. */
const EMPTY = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}';

/** The Pods that are asked. */
async function asked(cluster: ReturnType<typeof fakeCluster>, site: Site): Promise<string[]> {
  cluster.port = () => {
    const [ours, theirs] = duplexPair();
    theirs.once('data', () => theirs.end(EMPTY));
    return Promise.resolve(ours);
  };
  const states = await new GatewayProxies(cluster, null).proxies(site, clusterRoute('cart', { v1: 10_000 }));
  return states.map(({ proxy }) => proxy);
}

describe('the Pods of a gateway', () => {
  test('Istio: those that it selects, if they run', async () => {
    const pods = [
      pod('a', SELECTOR),
      pod('starting', SELECTOR, 'Pending'),
      pod('other', { istio: 'egressgateway' }),
    ];
    expect(await asked(clusterOfThe(istioGateway, ...pods), SITE)).toEqual(['istio-ingress/a']);
    const elsewhere = pod('b', SELECTOR, 'Running', 'istio-system');
    expect(await asked(clusterOfThe(istioGateway, elsewhere), SITE)).toEqual(['istio-system/b']);
  });

  test('Istio: no Gateway, and one that selects nothing', async () => {
    expect(await asked(clusterOfThe(pod('a', SELECTOR)), SITE)).toEqual([]);
    expect(await asked(clusterOfThe(pod('a', SELECTOR), { ...istioGateway, spec: {} }), SITE)).toEqual([]);
  });

  test('Gateway API: those that were made for it, else those of the Service that it names', async () => {
    const site = siteOf({ api: 'gateway-api' });
    const gateway: KubeObject = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'public', namespace: 'istio-ingress' },
      spec: { addresses: [{ type: 'Hostname', value: 'ingress.istio-system.svc.cluster.local' }] },
    };
    const service: KubeObject = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'ingress', namespace: 'istio-system' },
      spec: { selector: SELECTOR },
    };
    const cluster = clusterOfThe(gateway, service, pod('b', SELECTOR, 'Running', 'istio-system'));
    expect(await asked(cluster, site)).toEqual(['istio-system/b']);
    cluster.put(pod('made', { 'gateway.networking.k8s.io/gateway-name': 'public' }));
    expect(await asked(cluster, site)).toEqual(['istio-ingress/made']);
  });
});

describe.skipIf(!hasEnvoy)('a real Envoy', () => {
  const route = (split: Split): Route => clusterRoute('cart', split);
  const configOf = (split: Split) => {
    const objects = renderRoutes(SITE, { route: route(split), revision: 1, history: [] });
    return routeConfigurationOf('http.80', SITE.host, objects);
  };
  let envoy: Envoy;

  beforeAll(async () => {
    envoy = await startEnvoy(configOf({ v1: 10_000, v2: 0 }), { [clusterOf('v1')]: 9 });
  });
  afterAll(() => envoy.stop());

  test('asked at its URL', async () => {
    const proxies = new GatewayProxies(fakeCluster(), [envoy.adminUrl]);
    const proxy = new URL(envoy.adminUrl).host;
    expect(await proxies.proxies(SITE, route({ v1: 10_000, v2: 0 }))).toEqual([
      { proxy, split: { v1: 10_000, v2: 0 }, inactive: [] },
    ]);
    await envoy.serve(configOf({ v1: 9950, v2: 50 }));
    expect(await proxies.proxies(SITE, route({ v1: 10_000, v2: 0 }))).toEqual([
      { proxy, split: { v1: 9950, v2: 50 }, inactive: [clusterOf('v2')] },
    ]);
    expect(await proxies.proxies(SITE, { ...route({ v1: 10_000 }), host: 'other.example.com' })).toEqual([
      { proxy, split: null, inactive: [] },
    ]);
  });

  test('says what a shared proxy is told, and that dedicated ones are told nothing any more', async () => {
    const split = { v1: 9000, v2: 1000 };
    const shared = siteOf({ proxy: 'shared' });
    const objects = renderRoutes(shared, { route: route(split), revision: 1, history: [] });
    const proxies = new GatewayProxies(fakeCluster(), [envoy.adminUrl]);
    const alone = routeConfigurationOf('http.80', SITE.host, objects);
    await envoy.serve(alone);
    const [state] = await proxies.proxies(shared, route(split));
    expect(state).toMatchObject({
      split,
      routeHeaders: { v1: ['cart/v1 t/shop/cart/v1'], v2: ['cart/v2 t/shop/cart/v2'] },
    });
    const single = renderRoutes(shared, { route: route({ v1: 10_000 }), revision: 1, history: [] });
    await envoy.serve(routeConfigurationOf('http.80', SITE.host, single));
    expect((await proxies.proxies(shared, route({ v1: 10_000 })))[0]!.routeHeaders).toEqual({
      v1: ['cart/v1 t/shop/cart/v1'],
    });
    await envoy.serve(configOf(split));
    expect((await proxies.proxies(SITE, route(split)))[0]!.routeHeaders).toBeUndefined();
  });

  test('asked through a port-forward to each of its Pods, once for all that ask together', async () => {
    const cluster = clusterOfThe(istioGateway, pod('a', SELECTOR), pod('b', SELECTOR));
    const forwarded: string[] = [];
    cluster.port = async (namespace, name, port) => {
      forwarded.push(`${namespace}/${name}:${port}`);
      const socket = connect(Number(new URL(envoy.adminUrl).port), '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    };
    await envoy.serve(configOf({ v1: 5000, v2: 5000 }));
    const proxies = new GatewayProxies(cluster, null);
    const asked = Array.from({ length: 50 }, () => proxies.proxies(SITE, route({ v1: 5000, v2: 5000 })));
    for (const states of await Promise.all(asked)) {
      expect(states).toEqual([
        { proxy: 'istio-ingress/a', split: { v1: 5000, v2: 5000 }, inactive: [clusterOf('v2')] },
        { proxy: 'istio-ingress/b', split: { v1: 5000, v2: 5000 }, inactive: [clusterOf('v2')] },
      ]);
    }
    const [a, b] = ['istio-ingress/a:15000', 'istio-ingress/b:15000'];
    expect(forwarded.sort()).toEqual([a, a, b, b]);
  });

  test('who asks after a change sees it, also while another reading is under way', async () => {
    const proxies = new GatewayProxies(fakeCluster(), [envoy.adminUrl]);
    await envoy.serve(configOf({ v1: 10_000, v2: 0 }));
    const early = proxies.proxies(SITE, route({ v1: 10_000, v2: 0 }));
    await envoy.serve(configOf({ v1: 0, v2: 10_000 }));
    const late = await proxies.proxies(SITE, route({ v1: 10_000, v2: 0 }));
    expect(late[0]!.split).toEqual({ v1: 0, v2: 10_000 });
    await early;
  });
});

describe('what cannot be asked', () => {
  const route = clusterRoute('cart', { v1: 10_000 });

  test('nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const proxies = new GatewayProxies(fakeCluster(), [`http://user:secret@127.0.0.1:${port}`]);
    await expect(proxies.proxies(SITE, route)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(new RegExp(`^Envoy at 127\\.0\\.0\\.1:${port} did not say`)) as string,
      try: expect.stringContaining('adminUrl') as string,
    });
  });

  test('something else answers, below a path', async () => {
    const paths: (string | undefined)[] = [];
    const server = createServer((req, res) => {
      paths.push(req.url);
      res.writeHead(404).end('no');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/envoy/`;
    const proxies = new GatewayProxies(fakeCluster(), [url]);
    await expect(proxies.proxies(SITE, route)).rejects.toMatchObject({ code: 'unreachable' });
    expect(paths).toContain('/envoy/config_dump?resource=dynamic_route_configs');
    server.closeAllConnections();
    server.close();
  });

  test('port-forward is not permitted', async () => {
    const cluster = clusterOfThe(istioGateway, pod('a', SELECTOR));
    cluster.port = () => Promise.reject(new FnmeshError('config', 'no port-forward for you'));
    await expect(new GatewayProxies(cluster, null).proxies(SITE, route)).rejects.toMatchObject({
      code: 'config',
    });
  });

  test('a gateway without Pods has no proxies', async () => {
    expect(await new GatewayProxies(clusterOfThe(istioGateway), null).proxies(SITE, route)).toEqual([]);
  });
});
