// What the Envoys of a gateway have counted, summed, asked through a port-forward to each of its Pods.
import { createServer } from 'node:http';
import { duplexPair } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { GatewayCounters } from '../../src/kubernetes/envoy/counters.js';
import { GatewayProxies } from '../../src/kubernetes/envoy/gateways.js';
import { KubernetesRouter } from '../../src/router/kubernetes.js';
import { fakeCluster } from '../helpers/fake-cluster.js';
import { REASON } from '../helpers/routes.js';
import { clusterRoute, siteOf } from './routes-sites.js';

const SELECTOR = { istio: 'ingressgateway' };
const SITE = siteOf({ pin: { kind: 'off' } });
const UNTOLD = { pinned: null, p50: null, p95: null, p99: null, inFlight: null };

/** What an endpoint has counted; Envoy leaves a value of 0 out. */
const endpoint = (requests: number, errors: number) => ({
  stats: [
    { name: 'rq_total', ...(requests > 0 && { value: String(requests) }) },
    { name: 'rq_error', ...(errors > 0 && { value: String(errors) }) },
  ],
});
/** What an Envoy answers of clusters and their endpoints. */
const clusters = (all: Record<string, [requests: number, errors: number][]>) => ({
  cluster_statuses: Object.entries(all).map(([version, endpoints]) => ({
    name: `outbound|80||shop-${version}.hello.svc.cluster.local`,
    host_statuses: endpoints.map(([requests, errors]) => endpoint(requests, errors)),
  })),
});

/** A gateway of Pods of which each answers as given; `asked`: Pods and paths. */
function gatewayOf(answers: Record<string, object>) {
  const cluster = fakeCluster();
  cluster.put({
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: { name: 'public', namespace: 'istio-ingress' },
    spec: { selector: SELECTOR, servers: [] },
  });
  for (const name of Object.keys(answers)) {
    const metadata = { name, namespace: 'istio-ingress', labels: SELECTOR };
    cluster.put({ apiVersion: 'v1', kind: 'Pod', metadata, spec: {}, status: { phase: 'Running' } });
  }
  const asked: string[] = [];
  cluster.port = (_, pod) => {
    const [ours, theirs] = duplexPair();
    const admin = createServer((request, response) => {
      asked.push(`${pod} ${request.url}`);
      response.setHeader('connection', 'close').end(JSON.stringify(answers[pod]));
    });
    admin.emit('connection', theirs);
    return Promise.resolve(ours);
  };
  const counters = new GatewayCounters(new GatewayProxies(cluster, null), () => Promise.resolve(SITE));
  return { cluster, counters, asked };
}

const cart = clusterRoute('cart', { v1: 9000, v2: 1000 });
const price = clusterRoute('price', { v1: 10_000 });

describe('what a gateway has counted', () => {
  test('is summed over its Pods and the endpoints of a version; of another version nothing counts', async () => {
    const { counters } = gatewayOf({
      a: clusters({ 'cart-v1': [[10, 1], [5, 0]], 'cart-v9': [[70, 7]] }), // prettier-ignore
      b: clusters({ 'cart-v1': [[100, 0]], 'cart-v2': [[3, 3]] }),
    });
    expect(await counters.traffic('shop', 'cart', cart)).toEqual([
      { version: 'v1', requests: 115, errors: 1, ...UNTOLD },
      { version: 'v2', requests: 3, errors: 3, ...UNTOLD },
    ]);
  });

  test('is read once for all functions that are asked for together, and anew the next time', async () => {
    const { counters, asked } = gatewayOf({
      a: clusters({ 'cart-v1': [[1, 0]], 'price-v1': [[2, 0]] }),
      b: clusters({}),
    });
    const both = [counters.traffic('shop', 'cart', cart), counters.traffic('shop', 'price', price)];
    expect((await Promise.all(both)).map(([v1]) => v1!.requests)).toEqual([1, 2]);
    expect(asked.sort()).toEqual(['a /clusters?format=json', 'b /clusters?format=json']);
    await counters.traffic('shop', 'cart', cart);
    expect(asked).toHaveLength(4);
  });

  test('is nothing where there is no proxy, rather than 0', async () => {
    expect(await gatewayOf({}).counters.traffic('shop', 'cart', cart)).toEqual([]);
  });

  test('is told by the router that was given counters, and by no other', async () => {
    const { cluster, counters, asked } = gatewayOf({ a: clusters({ 'cart-v1': [[10, 2]] }) });
    const site = () => Promise.resolve({ ...SITE, pin: { kind: 'off' } as const });
    const plain = new KubernetesRouter(cluster, site, { namespace: SITE.namespace });
    await plain.write([{ kind: 'put', route: cart, ifRevision: null }], REASON);
    expect(await plain.traffic('shop')).toEqual({ cart: [] });
    expect(asked).toEqual([]);
    const counting = new KubernetesRouter(cluster, site, { namespace: SITE.namespace, counters });
    expect(await counting.traffic('shop')).toMatchObject({
      cart: [{ version: 'v1', requests: 10, errors: 2 }, { version: 'v2', requests: 0 }], // prettier-ignore
    });
  });
});
