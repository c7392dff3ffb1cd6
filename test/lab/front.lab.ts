// Every way in which what stands before the functions changes, under requests through a real gateway to real Pods.
import { Agent, createServer, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectCluster } from '../../src/kubernetes/client.js';
import type { Cluster } from '../../src/kubernetes/cluster.js';
import { GatewayProxies } from '../../src/kubernetes/envoy/gateways.js';
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
const CALLERS = 8;
const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
/** Says what it was asked, in place of a Fn server. */
const server = createServer((asked, response) => {
  asked.resume().on('end', () => response.end(asked.url));
});
let cluster: Cluster;
let gateway: LabGateway;
/** Another one, with Gateway objects of its own. */
let other: LabGateway;

beforeAll(async () => {
  const address = await lab.address();
  await new Promise<void>((resolve) => server.listen(8080, address, resolve));
  lab.dns.set(FN, address);
  gateway = await startGateway(lab);
  other = await startGateway(lab, {
    ...{ istio: 'istio-ingress/other', gatewayApi: 'istio-ingress/other-gw' },
    ...{ address: '10.99.0.81', adminPort: 15_001 },
  });
  cluster = await connectCluster(
    { kubeconfig: { value: lab.kubeconfig, from: 'test' }, context: null, namespace: null },
    {},
    () => undefined,
  );
});
afterAll(async () => {
  // Others look for the one gateway that fits.
  for (const name of ['gateways.gateway.networking.k8s.io/other-gw', 'gateways.networking.istio.io/other'])
    await lab.kubectl(['-n', 'istio-ingress', 'delete', name, '--ignore-not-found']);
  await gateway?.stop();
  await other?.stop();
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

/** As `fnmesh wire` does it. Of the Gateway API's proxies it knows what they have, Istio's it cannot ask. */
async function wire(site: Site, routes: readonly Route[], allowGap = false): Promise<void> {
  const router = new KubernetesRouter(cluster, () => Promise.resolve(site), { namespace: site.namespace });
  const { routes: there } = await router.read('shop');
  const { adminUrl } = site.gateway.name.startsWith('other') ? other : gateway;
  const dataPlane = site.api === 'gateway-api' ? new GatewayProxies(cluster, [adminUrl]) : null;
  const front = new KubernetesFront(
    cluster,
    site,
    { drainMs: 2_000, makeGateway: false },
    { allowGap, dataPlane, times: { pollMs: 100, readyMs: 60_000, spreadMs: 2_000 } },
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
  const nothing = { objects: [], before: [], after: [], rewrite: [], warnings: [], notes: [] };
  expect({ ...again, notes: [] }).toEqual(nothing);
}

/** Status and body of an answer; with a body the request is a POST. */
function ask(host: string, path: string, { url, body = '' } = { url: gateway.url, body: '' }) {
  return new Promise<string>((resolve) => {
    const method = body === '' ? 'GET' : 'POST';
    const sent = request(`${url}${path}`, { agent, method, headers: { host } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () => resolve(`${answer.statusCode} ${text.trim()}`));
      answer.on('error', (error) => resolve(error.message));
    });
    sent.on('error', (error) => resolve(error.message));
    sent.end(body);
  });
}

/** What was answered while something was done, how often; every second caller sends a body. */
async function during(
  { host }: Place,
  path: string,
  act: () => Promise<void>,
): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  let isOver = false;
  const callers = Array.from({ length: CALLERS }, async (_, number) => {
    const body = number % 2 === 0 ? '' : 'x'.repeat(8_192);
    while (!isOver) {
      const answer = await ask(host, path, { url: gateway.url, body });
      seen[answer] = (seen[answer] ?? 0) + 1;
      await sleep(4);
    }
  });
  try {
    await act();
  } finally {
    isOver = true;
    await Promise.all(callers);
  }
  process.stderr.write(`lab: ${expect.getState().currentTestName}: ${JSON.stringify(seen)}\n`);
  return seen;
}

async function place(prefix: string): Promise<Place> {
  const namespace = await lab.namespace(prefix);
  return { namespace, host: `${namespace}.example.com` };
}

const deployments = async ({ namespace }: Place): Promise<string[]> =>
  (await cluster.list(KINDS.Deployment, { namespace })).map(({ metadata }) => metadata.name);

const V1 = '200 /t/shop/cart/v1';
const V2 = '200 /t/shop/cart/v2';

describe.each(['gateway-api', 'istio'] as const)('%s: no request fails while', (api) => {
  const gatewayOf = (name = 'public'): Site['gateway'] => ({
    ...{ namespace: 'istio-ingress', name: api === 'istio' ? name : `${name}-gw` },
  });
  const prepared = async (name: string): Promise<{ at: Place; site: Site; routes: Route[] }> => {
    const at = await place(name);
    const site = siteIn(at, { api, gateway: gatewayOf() });
    const routes = [route(at, 'cart', ['v1', 'v2']), route(at, 'shop', ['v1'])];
    await wire(site, routes);
    return { at, site, routes };
  };

  test('an app comes: it answers as soon as that is done; and goes: nothing is left', async () => {
    const at = await place('first');
    const site = siteIn(at, { api, gateway: gatewayOf() });
    const seen = await during(at, '/cart', () => wire(site, [route(at, 'cart', ['v1'])]));
    expect(await ask(at.host, '/cart')).toBe(V1);
    // Before the route there is none.
    expect(Object.keys(seen).filter((answer) => !answer.startsWith('404') && answer !== V1)).toEqual([]);
    const going = await during(at, '/cart', () => wire(site, []));
    expect(Object.keys(going).filter((answer) => !answer.startsWith('404') && answer !== V1)).toEqual([]);
    const kinds = [
      'Deployment',
      'Service',
      'ConfigMap',
      'PodDisruptionBudget',
      'HTTPRoute',
      'VirtualService',
    ];
    for (const kind of kinds) {
      const left = { namespace: at.namespace, labels: { 'fnmesh/app': 'shop' } };
      expect(await cluster.list(KINDS[kind as keyof typeof KINDS], left)).toEqual([]);
    }
  });

  test('proxies change from dedicated to shared and back', async () => {
    const { at, site, routes } = await prepared('modes');
    const seen = await during(at, '/cart', async () => {
      await wire({ ...site, proxy: 'shared' }, routes);
      expect(await deployments(at)).toEqual(['shop-proxy']);
      await wire(site, routes);
      expect(await deployments(at)).toEqual(['shop-cart-v1', 'shop-cart-v2', 'shop-v1']);
    });
    expect(Object.keys(seen)).toEqual([V1]);
  });

  test('versions come, take over and go, and functions beside it are renamed', async () => {
    const { at, site } = await prepared('versions');
    const seen = await during(at, '/cart', async () => {
      await wire(site, [route(at, 'cart', ['v1', 'v2', 'v3']), route(at, 'price', ['v1'])]);
      expect(await ask(at.host, '/price')).toBe('200 /t/shop/price/v1');
      await wire(site, [route(at, 'cart', ['v1', 'v2'], 'v2'), route(at, 'quote', ['v1'])]);
      expect(await ask(at.host, '/quote')).toBe('200 /t/shop/quote/v1');
      await wire(site, [route(at, 'cart', ['v2'])]);
    });
    expect(Object.keys(seen).sort()).toEqual([V1, V2]);
    expect(await deployments(at)).toEqual(['shop-cart-v2']);
  });

  test('proxies are rolled: image, number of Pods, body limit, all of them', async () => {
    const { at, site, routes } = await prepared('rolls');
    const rolled = (settings: Partial<Site['settings']>): Promise<void> =>
      wire({ ...site, settings: { ...PROXY_DEFAULTS, ...settings } }, routes);
    const seen = await during(at, '/cart', async () => {
      await rolled({ image: 'example.com/nginx:2' });
      await rolled({ image: 'example.com/nginx:2', replicas: 3 });
      await rolled({ image: 'example.com/nginx:2', replicas: 2, bodyBytes: 1 << 20 });
      await rolled({});
    });
    expect(Object.keys(seen)).toEqual([V1]);
  });

  test('the mesh and pins come and go, and nothing changes', async () => {
    const { at, site, routes } = await prepared('mesh');
    const seen = await during(at, '/cart', async () => {
      await wire({ ...site, mesh: true }, routes);
      await wire({ ...site, pin: { kind: 'off' } }, routes);
      await wire(site, routes);
      await wire(site, routes);
    });
    expect(Object.keys(seen)).toEqual([V1]);
  });

  test('host and gateway change: the new ones answer as soon as that is done', async () => {
    const { at, site, routes } = await prepared('moves');
    const host = `new-${at.host}`;
    const moved = routes.map((each) => ({ ...each, host }));
    const left = await during(at, '/cart', async () => {
      await wire({ ...site, host }, moved);
      expect(await ask(host, '/cart')).toBe(V1);
    });
    const leaving = await during({ ...at, host }, '/cart', async () => {
      await wire({ ...site, host, gateway: gatewayOf('other') }, moved);
      expect(await ask(host, '/cart', { url: other.url, body: '' })).toBe(V1);
    });
    // The plan says so: where it is left, requests get 404 from then on.
    for (const seen of [left, leaving])
      expect(Object.keys(seen).filter((answer) => !answer.startsWith('404') && answer !== V1)).toEqual([]);
  });
});

test('another API takes the routes over', async () => {
  const at = await place('apis');
  const site = siteIn(at);
  const routes = [route(at, 'cart', ['v1', 'v2'], 'v2')];
  await wire(site, routes);
  const istio: Site = { ...site, api: 'istio', gateway: { namespace: 'istio-ingress', name: 'public' } };
  await expect(wire(istio, routes)).rejects.toMatchObject({ code: 'config' });
  expect(await ask(at.host, '/cart')).toBe(V2);
  await wire(istio, routes, true);
  expect(await ask(at.host, '/cart')).toBe(V2);
  expect(await cluster.list(KINDS.HTTPRoute, { namespace: at.namespace })).toEqual([]);
});
