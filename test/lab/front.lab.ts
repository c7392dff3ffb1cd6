// Every way in which what stands before the functions changes, under requests through a real gateway to real Pods.
import { Agent, createServer, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectCluster } from '../../src/kubernetes/client.js';
import type { Cluster } from '../../src/kubernetes/cluster.js';
import { KubernetesFront } from '../../src/kubernetes/front/run.js';
import { KINDS } from '../../src/kubernetes/object.js';
import { PROXY_DEFAULTS } from '../../src/kubernetes/render/defaults.js';
import type { Site } from '../../src/kubernetes/site.js';
import { KubernetesRouter } from '../../src/router/kubernetes.js';
import type { RouteChange } from '../../src/router/router.js';
import { pathOf } from '../../src/routing/match.js';
import type { Route } from '../../src/routing/route.js';
import { startGateway, type LabGateway } from './gateway.js';
import { openLab } from './lab.js';

const lab = openLab();
const FN = 'fn.fn-front.svc.cluster.local';
const agent = new Agent({ keepAlive: true, maxSockets: 4 });
/** Says what it was asked, in place of a Fn server. */
const server = createServer((request, response) => response.end(request.url));
let cluster: Cluster;
let gateway: LabGateway;

beforeAll(async () => {
  const address = await lab.address();
  await new Promise<void>((resolve) => server.listen(8080, address, resolve));
  lab.dns.set(FN, address);
  gateway = await startGateway(lab);
  cluster = await connectCluster(
    { kubeconfig: { value: lab.kubeconfig, from: 'test' }, context: null, namespace: null },
    {},
    () => undefined,
  );
});
afterAll(async () => {
  await gateway?.stop();
  agent.destroy();
  server.close();
  cluster?.close();
});

type Place = { namespace: string; host: string };

function siteIn({ namespace, host }: Place, changes: Partial<Site> = {}): Site {
  return {
    ...{ app: 'shop', namespace, host, api: 'gateway-api', proxy: 'dedicated', mesh: false },
    ...{ gateway: { namespace: 'istio-ingress', name: 'public-gw', listener: 'http' }, pin: { kind: 'on' } },
    ...{ clusterDomain: 'cluster.local', dns: lab.dns.address, settings: PROXY_DEFAULTS },
    ...changes,
  };
}

function route({ host }: Place, fn: string, versions: readonly string[], first = versions[0]!): Route {
  const destination = (version: string): [string, Route['destinations'][string]] => {
    const source = fn === 'shop' ? `/${version}` : `/${fn}/${version}`;
    return [version, { fn: `${fn}-${version}`, source, endpoint: `http://${FN}:8080/t/shop${source}` }];
  };
  return {
    ...{ app: 'shop', function: fn, host, path: pathOf('shop', fn), rules: [] },
    split: Object.fromEntries(versions.map((version) => [version, version === first ? 10_000 : 0])),
    destinations: Object.fromEntries(versions.map(destination)),
  };
}

/** As `fnmesh wire` does it. */
async function wire(site: Site, routes: readonly Route[], allowGap = false): Promise<void> {
  const router = new KubernetesRouter(cluster, () => Promise.resolve(site), { namespace: site.namespace });
  const { routes: there } = await router.read('shop');
  const front = new KubernetesFront(
    cluster,
    site,
    { drainMs: 2_000, makeGateway: false },
    { allowGap, times: { pollMs: 100, readyMs: 60_000, spreadMs: 2_000 } },
  );
  const plan = await front.plan(routes, there);
  const revisions = new Map(there.map(({ route: { function: fn }, revision }) => [fn, revision]));
  const known = new Map(there.map((each) => [each.route.function, JSON.stringify(each.route)]));
  const changes: RouteChange[] = routes
    .filter(
      (each) => known.get(each.function) !== JSON.stringify(each) || plan.rewrite.includes(each.function),
    )
    .map((each) => ({ kind: 'put', route: each, ifRevision: revisions.get(each.function) ?? null }));
  for (const [fn, ifRevision] of revisions)
    if (!routes.some((each) => each.function === fn))
      changes.push({ kind: 'remove', app: 'shop', function: fn, ifRevision });
  await front.prepare(plan, () => undefined);
  if (changes.length > 0) await router.write(changes, { verb: 'wire', by: 'lab' });
  await front.settle(plan, () => undefined);
  const again = await front.plan(routes, (await router.read('shop')).routes);
  expect({ ...again, notes: [] }).toEqual({
    objects: [],
    before: [],
    after: [],
    rewrite: [],
    warnings: [],
    notes: [],
  });
}

function ask(host: string, path: string): Promise<string> {
  return new Promise((resolve) => {
    const sent = get(`${gateway.url}${path}`, { agent, headers: { host } }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (part: string) => (body += part));
      answer.on('end', () => resolve(`${answer.statusCode} ${body.trim()}`));
      answer.on('error', (error) => resolve(error.message));
    });
    sent.on('error', (error) => resolve(error.message));
  });
}

/** What was answered while something was done, how often. */
async function during(host: string, path: string, act: () => Promise<void>): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  let isOver = false;
  const callers = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const answer = await ask(host, path);
      seen[answer] = (seen[answer] ?? 0) + 1;
      await sleep(3);
    }
  });
  try {
    await act();
  } finally {
    isOver = true;
    await Promise.all(callers);
  }
  return seen;
}

async function place(prefix: string): Promise<Place> {
  const namespace = await lab.namespace(prefix);
  return { namespace, host: `${namespace}.example.com` };
}

const deployments = async ({ namespace }: Place): Promise<string[]> =>
  (await cluster.list(KINDS.Deployment, { namespace })).map(({ metadata }) => metadata.name);

describe('no request fails while', () => {
  test.each(['gateway-api', 'istio'] as const)(
    'proxies change from dedicated to shared and back (%s)',
    async (api) => {
      const at = await place('modes');
      const gatewayOf = { namespace: 'istio-ingress', name: api === 'istio' ? 'public' : 'public-gw' };
      const site = siteIn(at, { api, gateway: gatewayOf });
      const routes = [route(at, 'cart', ['v1', 'v2']), route(at, 'shop', ['v1'])];
      await wire(site, routes);
      expect(await ask(at.host, '/cart')).toBe('200 /t/shop/cart/v1');
      const seen = await during(at.host, '/cart', async () => {
        await wire({ ...site, proxy: 'shared' }, routes);
        expect(await deployments(at)).toEqual(['shop-proxy']);
        await wire(site, routes);
        expect(await deployments(at)).toEqual(['shop-cart-v1', 'shop-cart-v2', 'shop-v1']);
      });
      expect(Object.keys(seen)).toEqual(['200 /t/shop/cart/v1']);
    },
  );

  test('versions come and go, the proxies get other settings, and functions around it are renamed', async () => {
    const at = await place('versions');
    const site = siteIn(at);
    await wire(site, [route(at, 'cart', ['v1']), route(at, 'shop', ['v1'])]);
    await gateway.updated();
    const seen = await during(at.host, '/cart', async () => {
      await wire(site, [route(at, 'cart', ['v1', 'v2']), route(at, 'price', ['v1'])]);
      await wire({ ...site, settings: { ...PROXY_DEFAULTS, bodyBytes: 1 << 20 } }, [
        route(at, 'cart', ['v1', 'v2'], 'v2'),
        route(at, 'price', ['v1']),
      ]);
      await wire(site, [route(at, 'cart', ['v2'])]);
    });
    expect(Object.keys(seen).sort()).toEqual(['200 /t/shop/cart/v1', '200 /t/shop/cart/v2']);
    expect(await deployments(at)).toEqual(['shop-cart-v2']);
  });
});

test('the first deploy answers as soon as it is done; what has gone leaves nothing', async () => {
  const at = await place('first');
  const site = siteIn(at);
  const seen = await during(at.host, '/cart', () => wire(site, [route(at, 'cart', ['v1'])]));
  await gateway.updated();
  // Before the route there is none; then no request fails.
  expect(Object.keys(seen).filter((answer) => !/^(404|200) /.test(answer))).toEqual([]);
  expect(await ask(at.host, '/cart')).toBe('200 /t/shop/cart/v1');
  await wire(site, []);
  for (const kind of [
    KINDS.Deployment,
    KINDS.Service,
    KINDS.ConfigMap,
    KINDS.PodDisruptionBudget,
    KINDS.HTTPRoute,
  ]) {
    const labels = { 'fnmesh/app': 'shop' };
    expect(await cluster.list(kind, { namespace: at.namespace, labels })).toEqual([]);
  }
});

test('another API takes the routes over', async () => {
  const at = await place('apis');
  const site = siteIn(at);
  const routes = [route(at, 'cart', ['v1', 'v2'], 'v2')];
  await wire(site, routes);
  await gateway.updated();
  const istio: Site = { ...site, api: 'istio', gateway: { namespace: 'istio-ingress', name: 'public' } };
  await expect(wire(istio, routes)).rejects.toMatchObject({ code: 'config' });
  expect(await ask(at.host, '/cart')).toBe('200 /t/shop/cart/v2');
  await wire(istio, routes, true);
  await gateway.updated();
  expect(await ask(at.host, '/cart')).toBe('200 /t/shop/cart/v2');
  expect(await cluster.list(KINDS.HTTPRoute, { namespace: at.namespace })).toEqual([]);
});
