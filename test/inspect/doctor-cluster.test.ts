import { beforeEach, describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { type ClusterPatient, doctorCluster } from '../../src/inspect/doctor-cluster.js';
import { KINDS } from '../../src/kubernetes/object.js';
import type { Route } from '../../src/routing/route.js';
import type { ClusterSettings } from '../../src/target/cluster.js';
import { type FakeCluster, fakeCluster } from '../helpers/fake-cluster.js';

const settings: ClusterSettings = {
  kubeconfig: null,
  context: null,
  namespace: { value: 'shop', from: 'test' },
  host: { value: 'shop.example.com', from: 'test' },
  api: { value: 'gateway-api', from: 'test' },
  gateway: { value: { namespace: 'edge', name: 'public', listener: null }, from: 'test' },
  makeGateway: false,
  address: null,
  proxy: 'dedicated',
  mesh: { value: false, from: 'test' },
  pin: 'off',
  clusterDomain: 'cluster.local',
  dns: { value: '10.0.0.10', from: 'test' },
  image: null,
  replicas: 2,
  autoscale: null,
  networkPolicy: false,
  bodyBytes: 1024,
  drainMs: 0,
  adminUrls: null,
};
const route: Route = {
  app: 'shop',
  function: 'cart',
  host: 'shop.example.com',
  path: '/cart',
  rules: [],
  split: { v1: 2000, v2: 8000 },
  destinations: {},
};

let cluster: FakeCluster;
let called: string[];
beforeEach(() => {
  called = [];
  cluster = fakeCluster();
  for (const name of ['shop', 'edge', 'fn'])
    cluster.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  cluster.put({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: 'httproutes.gateway.networking.k8s.io',
      annotations: { 'gateway.networking.k8s.io/bundle-version': 'v1.6.1' },
    },
  });
  cluster.put({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'public', namespace: 'edge' },
    spec: {
      gatewayClassName: 'istio',
      listeners: [
        { name: 'web', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'All' } } },
      ],
    },
    status: { addresses: [{ value: '10.1.2.3' }] },
  });
});

const doctor = async (change: Partial<ClusterPatient> = {}): Promise<Record<string, string>> => {
  const { checks } = await doctorCluster({
    app: 'shop',
    settings,
    cluster,
    fn: () => Promise.resolve('0.3.753 at https://fn.example.com'),
    invoke: 'http://fn-lb.fn.svc.cluster.local',
    router: () =>
      Promise.resolve({
        read: () => Promise.resolve({ app: 'shop', routes: [{ route, revision: 1 }] }),
        ready: ({ version }) => {
          called.push(version);
          return Promise.resolve({ ready: true });
        },
      }),
    plan: () => Promise.resolve({ objects: [] }),
    timeoutMs: 5_000,
    ...change,
  });
  return Object.fromEntries(
    checks.map(({ name, state, found, means }) => [name, `${state}: ${found} | ${means}`]),
  );
};
const states = (checks: Record<string, string>, state: string): string[] =>
  Object.keys(checks).filter((name) => checks[name]!.startsWith(`${state}:`));

test('a cluster where everything is as it should be', async () => {
  const checks = await doctor();
  expect(states(checks, 'fail')).toEqual([]);
  expect(states(checks, 'warn')).toEqual([]);
  expect(Object.keys(checks)).toEqual([
    'Kubernetes',
    'namespace',
    'Gateway API',
    'gateway',
    'gateway address',
    'mesh',
    'gateway → proxy',
    'proxy → Fn, mTLS',
    'proxy → Fn',
    'GitOps',
    'drift',
    'Fn API',
    'permissions',
    'further permissions',
  ]);
  expect(checks['gateway address']).toContain('http://10.1.2.3');
  // One call of one function, and nothing is written.
  expect(called).toEqual(['v2']);
  expect(cluster.requests.filter(({ verb }) => /create|replace|apply|remove/.test(verb))).toEqual([]);
});

describe('what is wrong', () => {
  test('an API server that does not answer is asked once, and Fn all the same', async () => {
    cluster.before({ verb: 'version' }, () => {
      throw new FnmeshError('unreachable', 'https://fake.example:6443 refused', {
        try: 'kubectl cluster-info',
      });
    });
    const checks = await doctor();
    expect(checks).toEqual({
      Kubernetes: 'fail: https://fake.example:6443 refused | kubectl cluster-info',
      'Fn API': expect.stringMatching(/^ok:/) as string,
    });
    expect(cluster.requests).toHaveLength(1);
  });

  test('an answer that does not come holds up its own check only', async () => {
    cluster.before({ verb: 'get', kind: 'Gateway' }, () => new Promise(() => undefined), 99);
    const checks = await doctor({ timeoutMs: 200 });
    expect(states(checks, 'warn')).toEqual(expect.arrayContaining(['gateway', 'gateway address']));
    expect(checks['gateway']).toContain('no answer within 0.2 s');
    expect(checks['drift']).toMatch(/^ok/);
    expect(checks['permissions']).toMatch(/^ok/);
  });

  test('a target that says too little: what can be checked without it is', async () => {
    const checks = await doctor({
      settings: {
        ...settings,
        gateway: { ...settings.gateway!, value: { namespace: 'edge', name: 'other', listener: null } },
        host: null,
      },
    });
    expect(checks['target']).toMatch(/^fail: there is no Gateway edge\/other/);
    expect(checks['permissions']).toMatch(/^ok/);
    expect(checks['gateway']).toBeUndefined();
  });

  test('no namespace', async () => {
    cluster.drop({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    expect((await doctor())['namespace']).toMatch(/^fail: there is no shop \| kubectl create namespace shop/);
  });

  test('an uninjected proxy before an Fn that wants mutual TLS', async () => {
    cluster.edit({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'fn' } }, ({ metadata }) => {
      metadata.labels = { 'istio-injection': 'enabled' };
    });
    cluster.put({
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      metadata: { name: 'default', namespace: 'istio-system' },
      spec: { mtls: { mode: 'STRICT' } },
    });
    const checks = await doctor();
    expect(checks['proxy → Fn, mTLS']).toMatch(/^fail: none → sidecar, mTLS STRICT/);
    expect(checks['gateway → proxy']).toMatch(/^ok/);
  });

  test("a gateway that is not Istio's before injected proxies", async () => {
    cluster.put({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GatewayClass',
      metadata: { name: 'istio' },
      spec: { controllerName: 'gateway.envoyproxy.io/gatewayclass-controller' },
    });
    cluster.put({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'shop-cart-v1-x',
        namespace: 'shop',
        labels: { 'app.kubernetes.io/managed-by': 'fnmesh', 'fnmesh/app': 'shop' },
      },
      spec: { containers: [{ name: 'nginx' }, { name: 'istio-proxy' }] },
    });
    cluster.put({
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      metadata: { name: 'default', namespace: 'shop' },
      spec: { mtls: { mode: 'STRICT' } },
    });
    const checks = await doctor();
    expect(checks['gateway → proxy']).toMatch(/^fail: none → sidecar, mTLS STRICT/);
    expect(checks['mesh']).toMatch(/^warn:.*rollout restart/);
  });

  test('a cluster without Istio has no rows of a mesh, but for mesh: true', async () => {
    const without = [KINDS.PeerAuthentication];
    cluster = fakeCluster({ without });
    expect((await doctor())['mesh']).toBe('ok: the cluster has no Istio | only the gateway splits');
    const mesh = { value: true, from: 'test' };
    expect((await doctor({ settings: { ...settings, mesh } }))['mesh']).toMatch(/^warn/);
  });

  test('what may not be done', async () => {
    cluster.allows = ({ verb, kind }) => verb !== 'update' && kind !== KINDS.Secret;
    const checks = await doctor();
    expect(checks['permissions']).toMatch(
      /^fail: tester may not update configmaps in shop; update httproutes\.gateway\.networking\.k8s\.io in shop; get, delete secrets fnmesh-pin-shop in shop; create secrets in shop/,
    );
  });

  test('who may not read outside the namespace is told what is not checked', async () => {
    const denied = (): never => {
      throw new FnmeshError('config', 'forbidden');
    };
    cluster.before(
      ({ verb, kind }) => verb === 'get' && /^(Namespace|Gateway|Custom)/.test(kind),
      denied,
      99,
    );
    cluster.before(({ verb, namespace }) => verb === 'list' && namespace === null, denied, 99);
    const checks = await doctor();
    expect(states(checks, 'fail')).toEqual([]);
    for (const name of ['gateway', 'gateway address', 'Gateway API', 'proxy → Fn, mTLS'])
      expect(checks[name]).toMatch(/^warn/);
  });

  test('an Fn that does not answer, a proxy that does not reach it, and drift', async () => {
    const gone = new FnmeshError('unreachable', 'https://fn.example.com refused', { try: 'fnmesh forward' });
    const readiness = { ready: false, why: '502', try: 'kubectl logs' } as const;
    const checks = await doctor({
      fn: () => Promise.reject(gone),
      router: () =>
        Promise.resolve({
          read: () => Promise.resolve({ app: 'shop', routes: [{ route, revision: 1 }] }),
          ready: () => Promise.resolve(readiness),
        }),
      plan: () => Promise.reject(new FnmeshError('config', 'two functions share /cart')),
    });
    expect(checks['Fn API']).toBe('fail: https://fn.example.com refused | fnmesh forward');
    expect(checks['proxy → Fn']).toBe('fail: cart/v2: 502 | kubectl logs');
    expect(checks['drift']).toBe('warn: two functions share /cart | not checked');
  });
});
