import { readFileSync } from 'node:fs';
import { Agent, createServer, get, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KINDS, kindOf, type KubeObject } from '../../src/kubernetes/object.js';
import type { Cluster } from '../../src/kubernetes/cluster.js';
import { clustersOf, countersOf, readCounters } from '../../src/kubernetes/envoy/config-dump.js';
import { GatewayProxies } from '../../src/kubernetes/envoy/gateways.js';
import { connectCluster } from '../../src/kubernetes/client.js';
import { gatewayHttpRoute } from '../../src/kubernetes/render/http-route.js';
import { gatewayVirtualService } from '../../src/kubernetes/render/virtual-service.js';
import { RECORDED, type Recorded } from '../kubernetes/envoy-recorded.js';
import { clusterRoute, siteOf } from '../kubernetes/routes-sites.js';
import { startGateway, type LabGateway } from './gateway.js';
import { openLab } from './lab.js';

const lab = openLab();
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const servers: Server[] = [];
let gateway: LabGateway;

beforeAll(async () => {
  gateway = await startGateway(lab);
});

afterAll(async () => {
  await gateway?.stop();
  agent.destroy();
  for (const server of servers) server.close();
});

/** An endpoint that says which version it is, and what it was told. */
async function backend(version: string): Promise<string> {
  const address = await lab.address();
  const server = createServer(({ headers, url }, response) => {
    response.setHeader('answered-by', version);
    response.end(`${String(headers['fnmesh-upstream'] ?? '-')} ${url}`);
  });
  await new Promise<void>((resolve) => server.listen(8080, address, resolve));
  servers.push(server);
  return address;
}

async function write(object: KubeObject, verb: 'POST' | 'PUT' | 'DELETE'): Promise<KubeObject> {
  const { group, version, plural } = kindOf(object)!;
  const base = `${group === '' ? '/api' : `/apis/${group}`}/${version}/namespaces/${object.metadata.namespace}/${plural}`;
  return verb === 'POST'
    ? await lab.api.must('POST', base, object)
    : await lab.api.must(verb, `${base}/${object.metadata.name}`, verb === 'PUT' ? object : undefined);
}

/** A Service with endpoints that no Pod stands for. */
async function service(namespace: string, name: string, addresses: string[]): Promise<void> {
  const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
  await write({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { ports } }, 'POST');
  await write(
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
      ports: [{ name: 'http', port: 8080 }],
    },
    'POST',
  );
}

/** A namespace with Services of two versions. */
async function demo(): Promise<string> {
  const namespace = await lab.namespace('gateway');
  for (const version of ['v1', 'v2'])
    await service(namespace, `hello-app-${version}`, [await backend(version)]);
  return namespace;
}

/** A recorded object where this lab's gateway and namespace are meant, and a host of its own. */
function moved({ object }: Pick<Recorded, 'object'>, namespace: string): KubeObject {
  const text = JSON.stringify(object)
    .replaceAll('.demo.svc.', `.${namespace}.svc.`)
    .replaceAll('"demo"', JSON.stringify(namespace))
    .replaceAll('hello.example.com', `${namespace}.example.com`)
    .replaceAll('"hello-gw"', '"istio-ingress/public"')
    .replaceAll('"gw","namespace":"istio-system"', '"public-gw","namespace":"istio-ingress"');
  return JSON.parse(text) as KubeObject;
}

type Reply = { status: number; pod: string; route: string; body: string };

function ask(host: string, path = '/', headers: Record<string, string> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = get(`${gateway.url}${path}`, { agent, headers: { host, ...headers } }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (part: string) => (body += part));
      const header = (name: string) => String(answer.headers[name] ?? '-');
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({
          ...{ status: answer.statusCode!, body },
          ...{ pod: header('answered-by'), route: header('fnmesh-version') },
        }),
      );
    });
    sent.on('error', reject);
  });
}

/** As the recorded counts are keyed. */
async function traffic(count: number, ...request: Parameters<typeof ask>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const replies = await Promise.all(Array.from({ length: count }, () => ask(...request)));
  for (const { status, pod, route } of replies) {
    const key = `${status} ${pod} header=${route}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** The same answers, each within five standard deviations of a recorded share that is itself a sample. */
function expectLike(found: Record<string, number>, like: Record<string, number>, total: number): void {
  const whole = Object.values(like).reduce((sum, count) => sum + count, 0);
  // What happens once in 200 need not have been seen in both.
  const keys = new Set([...Object.keys(found), ...Object.keys(like)]);
  for (const key of keys) {
    const share = (like[key] ?? 0) / whole;
    const spread = 5 * Math.sqrt(total * Math.max(share * (1 - share), 0.005) * (1 + total / whole));
    const count = found[key] ?? 0;
    if (share === 1) expect({ key, count }).toEqual({ key, count: total });
    else expect({ key, off: Math.abs(count - share * total) <= spread, count }).toMatchObject({ off: true });
  }
}

const PATHS: Record<string, string> = {
  cart: '/cart/x',
  price: '/price',
  other: '/other',
  plain: '/',
  pinned: '/',
};

test.each(RECORDED)('$name: the traffic that istiod and Envoy gave it', async (each) => {
  const namespace = await demo();
  const object = moved(each, namespace);
  await write(object, 'POST');
  await gateway.updated();
  for (const [kind, like] of Object.entries(each.traffic)) {
    const headers: Record<string, string> = kind === 'pinned' ? { 'fnmesh-version': 'v2' } : {};
    expectLike(await traffic(500, `${namespace}.example.com`, PATHS[kind], headers), like, 500);
  }
  await write(object, 'DELETE');
});

test('a request header that the route sets replaces what the client sent', async () => {
  const namespace = await demo();
  const object = moved(
    RECORDED.find(({ name }) => name === 'vs-request-header-per-destination')!,
    namespace,
  );
  await write(object, 'POST');
  await gateway.updated();
  const headers = { 'fnmesh-upstream': 'mine' };
  for (let count = 0; count < 50; count++) {
    const { pod, body } = await ask(`${namespace}.example.com`, '/?q=1', headers);
    expect(body).toBe(`hello-app-${pod} /?q=1`);
  }
  await write(object, 'DELETE');
});

test.each(['vs-90-10', 'httproute-90-10'])(
  '%s: weights change under load, and no request fails',
  async (name) => {
    const namespace = await demo();
    const object = moved(
      RECORDED.find((each) => each.name === name)!,
      namespace,
    );
    let live = await write(object, 'POST');
    await gateway.updated();
    const seen: Record<string, number> = {};
    let done = false;
    const load = Array.from({ length: 8 }, async () => {
      while (!done) {
        const { status, pod } = await ask(`${namespace}.example.com`);
        const key = `${status} ${pod}`;
        seen[key] = (seen[key] ?? 0) + 1;
      }
    });
    for (const weight of [50, 0, 100, 30, 90]) {
      const text = JSON.stringify(live.spec).replace(/"weight":\d+/, `"weight":${weight}`);
      const spec = JSON.parse(text) as object;
      const fresh = await lab.api.must('GET', pathOf(live));
      live = await write({ ...fresh, spec }, 'PUT');
      await gateway.updated();
      for (let count = 0; count < 20; count++) await ask(`${namespace}.example.com`);
    }
    done = true;
    await Promise.all(load);
    expect(Object.keys(seen).sort()).toEqual(['200 v1', '200 v2']);
    await write(live, 'DELETE');
  },
);

test('a Service and its endpoints come, go and come again: 503 NC without it, 503 UH without endpoints', async () => {
  const namespace = await demo();
  const host = `${namespace}.example.com`;
  const object = moved(
    RECORDED.find(({ name }) => name === 'vs-missing-service')!,
    namespace,
  );
  await write(object, 'POST');
  await gateway.updated();
  expect(Object.keys(await traffic(100, host)).sort()).toEqual(['200 v1 header=v1', '503 - header=v9']);
  await expect.poll(() => logged(`503 NC GET ${host}/ split`)).toBe(true);

  await service(namespace, 'hello-app-v9', [await backend('v9')]);
  await gateway.updated();
  expect(Object.keys(await traffic(100, host)).sort()).toEqual(['200 v1 header=v1', '200 v9 header=v9']);

  await write(
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: 'hello-app-v9',
        namespace,
        labels: { 'kubernetes.io/service-name': 'hello-app-v9' },
      },
      addressType: 'IPv4',
      endpoints: [],
      ports: [{ name: 'http', port: 8080 }],
    },
    'PUT',
  );
  await gateway.updated();
  await traffic(50, host);
  await expect.poll(() => logged(`503 UH GET ${host}/ split`)).toBe(true);

  const metadata = { name: 'hello-app-v9', namespace };
  await write({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata }, 'DELETE');
  await write({ apiVersion: 'v1', kind: 'Service', metadata }, 'DELETE');
  await gateway.updated();
  await service(namespace, 'hello-app-v9', [await backend('v10')]);
  await gateway.updated();
  expect(Object.keys(await traffic(100, host)).sort()).toEqual(['200 v1 header=v1', '200 v10 header=v9']);

  await write(object, 'DELETE');
  await gateway.updated();
  expect(await traffic(10, host)).toEqual({ '404 - header=-': 10 });
});

test('a change arrives without being asked for, and an HTTPRoute is told how it is', async () => {
  const namespace = await demo();
  const [good, bad] = ['httproute-90-10', 'httproute-missing-service'].map((name) =>
    moved(
      RECORDED.find((each) => each.name === name)!,
      namespace,
    ),
  ) as [KubeObject, KubeObject];
  const live = await write(good, 'POST');
  await expect.poll(async () => (await ask(`${namespace}.example.com`)).status).toBe(200);
  const conditions = async (): Promise<unknown> => {
    const { status } = await lab.api.must('GET', pathOf(live));
    const { parents = [] } = (status ?? {}) as { parents?: { conditions: object[] }[] };
    return parents[0]?.conditions;
  };
  const is = (type: string, status: string, observedGeneration: number) =>
    expect.objectContaining({ type, status, observedGeneration }) as unknown;
  await expect.poll(conditions).toEqual([is('Accepted', 'True', 1), is('ResolvedRefs', 'True', 1)]);
  const fresh = await lab.api.must('GET', pathOf(live));
  await write({ ...fresh, spec: bad.spec }, 'PUT');
  await expect.poll(conditions).toEqual([is('Accepted', 'True', 2), is('ResolvedRefs', 'False', 2)]);
  await write(live, 'DELETE');
  await expect.poll(async () => (await ask(`${namespace}.example.com`)).status).toBe(404);
});

test.each<'istio' | 'gateway-api'>(['istio', 'gateway-api'])(
  '%s: what fnmesh renders for all functions of a large app is what it reads out of this Envoy',
  async (api) => {
    const namespace = await lab.namespace('gateway');
    const host = `${namespace}.example.com`;
    const name = api === 'istio' ? 'public' : 'public-gw';
    const site = siteOf({ namespace, host, api, gateway: { namespace: 'istio-ingress', name } });
    const address = await backend('v1');
    const functions = Array.from({ length: 70 }, (_, number) => `f${number}`);
    await Promise.all(
      functions.map(async (fn, number) => {
        const split = { v1: 9_950 - number, v2: 50 + number };
        for (const version of ['v1', 'v2']) await service(namespace, `shop-${fn}-${version}`, [address]);
        const route = clusterRoute(fn, split, { host });
        const spec = api === 'istio' ? gatewayVirtualService(site, route) : gatewayHttpRoute(site, route);
        const { group, kind } = api === 'istio' ? KINDS.VirtualService : KINDS.HTTPRoute;
        await write(
          { apiVersion: `${group}/v1`, kind, metadata: { name: `shop-${fn}`, namespace }, spec },
          'POST',
        );
      }),
    );
    await gateway.updated();
    const cluster = await connected();
    for (const [urls, proxy] of [
      [null, 'istio-ingress/istio-ingress-0'],
      [[gateway.adminUrl], '127.0.0.1:15000'],
    ] as const) {
      const proxies = new GatewayProxies(cluster, urls);
      const states = await Promise.all(
        functions.map((fn, number) =>
          proxies.proxies(site, clusterRoute(fn, { v1: 9_950 - number, v2: 50 + number }, { host })),
        ),
      );
      expect(states).toEqual(
        functions.map((_, number) => [
          { proxy, split: { v1: 9_950 - number, v2: 50 + number }, inactive: [] },
        ]),
      );
    }
    cluster.close();
    expect(await ask(host, '/f69')).toMatchObject({ status: 200, pod: 'v1' });
    expect((await ask(host, '/f69/x')).status).toBe(404);
    const get = async (path: string) => (await fetch(`${gateway.adminUrl}${path}`)).text();
    const counters = countersOf(
      await readCounters(get),
      clustersOf(site, clusterRoute('f69', { v1: 1, v2: 1 })),
    );
    expect(counters.v1!.requests + counters.v2!.requests).toBe(1);
    await lab.api.must('DELETE', `/api/v1/namespaces/${namespace}`);
  },
);

test('the gateway is found as an installation of Istio would be', async () => {
  const { stdout } = await lab.kubectl(['get', 'gateways.gateway.networking.k8s.io', '-A', '-o', 'wide']);
  expect(stdout).toMatch(/istio-ingress\s+public-gw\s+istio\s+10\.99\.0\.80\s+True/);
  const addresses = async () => {
    const { items } = await lab.api.must<{ items: KubeObject[] }>(
      'GET',
      '/apis/discovery.k8s.io/v1/namespaces/istio-ingress/endpointslices',
    );
    return items.flatMap(({ endpoints }) =>
      (endpoints as { addresses: string[] }[]).map((endpoint) => endpoint.addresses[0]),
    );
  };
  // One of Istio's own Service, one of each Gateway's: those that other files made have theirs too.
  await expect.poll(async () => (await addresses()).length).toBeGreaterThanOrEqual(2);
  expect(new Set(await addresses())).toEqual(new Set(['10.99.0.80']));
});

test('its admin interface is to be had by port-forward through the API server, and its log', async () => {
  const cluster = await connected();
  const [pod] = await cluster.list(KINDS.Pod, { namespace: null, labels: { istio: 'ingress' } });
  const { namespace = '', name } = pod!.metadata;
  const stream = await cluster.connect(namespace, name, 15_000);
  // Envoy does not take HTTP/1.0.
  stream.write('GET /ready HTTP/1.1\r\nHost: envoy\r\nConnection: close\r\n\r\n');
  let text = '';
  for await (const part of stream) text += String(part);
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\nLIVE\n/);

  await ask('logged.example.com', '/here');
  const log = async () => (await lab.kubectl(['logs', name, '-n', namespace, '--tail=5'])).stdout;
  await expect.poll(log).toContain('404 NR GET logged.example.com/here');
  cluster.close();
});

function connected(): Promise<Cluster> {
  const kubeconfig = { value: lab.kubeconfig, from: 'test' };
  return connectCluster({ kubeconfig, context: null, namespace: null }, {}, () => undefined);
}

function logged(line: string): boolean {
  return readFileSync(gateway.accessLog, 'utf8').includes(line);
}

function pathOf(object: KubeObject): string {
  const { group, version, plural } = kindOf(object)!;
  return `/apis/${group}/${version}/namespaces/${object.metadata.namespace}/${plural}/${object.metadata.name}`;
}
