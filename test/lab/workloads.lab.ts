// What stands before the functions, on a real cluster: taken by the API server, rolled out, and leading where it should.
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectCluster } from '../../src/kubernetes/client.js';
import type { Cluster, ServiceAnswer } from '../../src/kubernetes/cluster.js';
import { callFnService } from '../../src/kubernetes/fn-service.js';
import { LABELS, ROUTE_HEADER, sharedProxy, versionObject } from '../../src/kubernetes/names.js';
import { KINDS } from '../../src/kubernetes/object.js';
import { PROXY_DEFAULTS } from '../../src/kubernetes/render/defaults.js';
import { renderWorkloads } from '../../src/kubernetes/render/workloads.js';
import type { Site } from '../../src/kubernetes/site.js';
import type { Route } from '../../src/routing/route.js';
import { openLab } from './lab.js';
import { until } from './until.js';

const lab = openLab();
const FN = 'fn.fn-system.svc.cluster.local';

/** Says what it was asked, in place of a Fn server. */
const server = createServer((request, response) => {
  response.end(JSON.stringify({ url: request.url, host: request.headers.host }));
});
let cluster: Cluster;
let address: string;

beforeAll(async () => {
  address = await lab.address();
  await new Promise<void>((resolve) => server.listen(8080, address, resolve));
  cluster = await connectCluster(
    { kubeconfig: { value: lab.kubeconfig, from: 'test' }, context: null, namespace: null },
    {},
    () => undefined,
  );
});
afterAll(() => {
  server.close();
  cluster.close();
});

function site(namespace: string, more: Partial<Site> = {}): Site {
  return {
    ...{
      app: 'shop',
      namespace,
      host: 'shop.example.com',
      api: 'gateway-api',
      mesh: true,
      proxy: 'dedicated',
    },
    ...{ gateway: { namespace: 'gateways', name: 'public' }, pin: { kind: 'off' }, settings: PROXY_DEFAULTS },
    ...{ clusterDomain: 'cluster.local', dns: lab.dns.address },
    ...more,
  };
}

function route(fn: string): Route {
  const destination = (version: string): [string, Route['destinations'][string]] => {
    const source = fn === 'shop' ? `/${version}` : `/${fn}/${version}`;
    return [version, { fn: `${fn}-${version}`, source, endpoint: `http://${FN}:8080/t/shop${source}` }];
  };
  return {
    ...{ app: 'shop', function: fn, host: 'shop.example.com', path: fn === 'shop' ? '/' : `/${fn}` },
    ...{ rules: [], split: { v1: 10_000, v2: 0 } },
    destinations: Object.fromEntries(['v1', 'v2'].map(destination)),
  };
}

async function applied(of: Site, routes: readonly Route[]): Promise<void> {
  for (const object of renderWorkloads(of, routes)) {
    const { warnings } = await cluster.apply(object);
    expect(warnings).toEqual([]);
  }
  for (const { metadata } of await cluster.list(KINDS.Deployment, { namespace: of.namespace })) {
    const args = ['rollout', 'status', `deployment/${metadata.name}`, '-n', of.namespace, '--timeout=60s'];
    expect(await lab.kubectl(args)).toMatchObject({ code: 0 });
  }
}

/** One call through the API server's proxy of a version's Service. */
function called(
  namespace: string,
  service: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<ServiceAnswer> {
  return cluster.call({ namespace, service, port: 'http', method: 'GET', path, headers, timeoutMs: 10_000 });
}

describe.each(['dedicated', 'shared'] as const)('a %s proxy', (proxy) => {
  test('leads to the trigger of each version, and finds the Fn server whenever it comes', async () => {
    const namespace = await lab.namespace('proxy');
    lab.dns.remove(FN);
    await applied(site(namespace, { proxy }), [route('cart'), route('shop')]);
    const deployments = await cluster.list(KINDS.Deployment, { namespace });
    expect(deployments.map(({ metadata }) => metadata.name)).toEqual(
      proxy === 'shared' ? [sharedProxy('shop')] : ['shop-cart-v1', 'shop-cart-v2', 'shop-v1', 'shop-v2'],
    );
    const as = (of: string): Record<string, string> => (proxy === 'shared' ? { [ROUTE_HEADER]: of } : {});
    const cart = (path: string): Promise<ServiceAnswer> =>
      called(namespace, versionObject('shop', 'cart', 'v1'), path, as('cart/v1 t/shop/cart/v1'));
    const absent = await cart('/cart');
    expect(absent.status).toBe(502);
    expect(absent.body).toContain('was not found by the DNS server');

    lab.dns.set(FN, address);
    await until(async () => (await cart('/cart')).status === 200);
    const answer = await cart('/cart?n=1');
    expect(JSON.parse(answer.body)).toEqual({ url: '/t/shop/cart/v1?n=1', host: `${FN}:8080` });
    expect(answer.headers).toMatchObject({ 'fnmesh-function': 'cart', 'fnmesh-version': 'v1' });
    expect((await cart('/cart/')).status).toBe(404);
    const second = await called(namespace, versionObject('shop', 'shop', 'v2'), '/', as('shop/v2 t/shop/v2'));
    expect(JSON.parse(second.body)).toMatchObject({ url: '/t/shop/v2' });
    if (proxy === 'shared') {
      const direct = await called(namespace, versionObject('shop', 'cart', 'v1'), '/cart');
      expect(direct.status).toBe(421);
    }
  });
});

test('autoscaling, network policy and disruption budget are taken too', async () => {
  const namespace = await lab.namespace('guards');
  const settings = { ...PROXY_DEFAULTS, networkPolicy: true, autoscale: { min: 2, max: 5, cpuPercent: 70 } };
  await applied(site(namespace, { settings }), [route('cart')]);
  for (const kind of [KINDS.HorizontalPodAutoscaler, KINDS.NetworkPolicy, KINDS.PodDisruptionBudget]) {
    expect((await cluster.list(kind, { namespace })).length).toBeGreaterThan(0);
  }
});

test('applied again nothing changes, and nothing rolls', async () => {
  const namespace = await lab.namespace('again');
  await applied(site(namespace), [route('cart')]);
  const versions = async (): Promise<unknown[]> =>
    (await cluster.list(KINDS.Deployment, { namespace })).map(({ metadata: { name, generation } }) => [
      name,
      generation,
    ]);
  const before = await versions();
  await applied(site(namespace), [route('cart')]);
  expect(await versions()).toEqual(before);
});

test('an Fn Service that is called and does not answer is told from one that cannot be called', async () => {
  const namespace = await lab.namespace('fn-service');
  await applied(site(namespace), [route('cart')]);
  const ports = [{ name: 'http', port: 80, targetPort: 8081 }];
  const selector = { [LABELS.proxy]: versionObject('shop', 'cart', 'v1') };
  const service = (name: string, spec: object) =>
    cluster.create({ apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec });
  await service('refuses', { ports, selector });
  await service('without-pods', { ports, selector: { app: 'nobody' } });
  await service('by-hand', { ports });
  await service('elsewhere', { type: 'ExternalName', externalName: 'fn.example.com' });
  const called = (name: string, port = '80') =>
    callFnService(
      cluster,
      { namespace, service: name, port, path: '/t/shop/v1' },
      { method: 'GET', headers: {} },
      10_000,
    );

  // Its endpoints come a moment after it.
  await until(async () => JSON.stringify(await called('refuses')).includes('error trying to reach service'));
  for (const [name, port] of [['refuses'], ['without-pods'], ['refuses', '81'], ['is-not-there']] as const)
    expect([name, await called(name, port)]).toEqual([
      name,
      expect.objectContaining({ ready: false, kind: 'unreachable' }),
    ]);
  for (const name of ['by-hand', 'elsewhere'])
    expect([name, await called(name)]).toEqual([name, { uncalled: expect.any(String) as string }]);
});
