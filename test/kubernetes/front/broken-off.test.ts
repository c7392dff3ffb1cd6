// wire with the real router and the real front, ended after any request that changes the cluster: a switch of API, whose
// routes are in the objects of both for a while.
import { describe, expect, test } from 'vitest';
import { wire } from '../../../src/deploy/wire.js';
import type { Fn, Trigger } from '../../../src/fn/model.js';
import { versionAnnotations } from '../../../src/fn/notes.js';
import { type Observed, observed } from '../../../src/fn/observe.js';
import type { Cluster } from '../../../src/kubernetes/cluster.js';
import { isParked } from '../../../src/kubernetes/front/live-routes.js';
import { idOf } from '../../../src/kubernetes/front/live.js';
import { KubernetesFront } from '../../../src/kubernetes/front/run.js';
import { KINDS, type KubeObject } from '../../../src/kubernetes/object.js';
import { readRoute } from '../../../src/kubernetes/render/read-route.js';
import type { Site } from '../../../src/kubernetes/site.js';
import { KubernetesRouter } from '../../../src/router/kubernetes.js';
import type { OpenSite } from '../../../src/router/kubernetes-pin.js';
import type { FakeCluster } from '../../helpers/fake-cluster.js';
import { ISTIO_GATEWAY, living } from './living.js';
import { site } from './sites.js';

const times = { pollMs: 1, readyMs: 2_000, spreadMs: 0 };
const journal = { renewMs: 1_000, leaseMs: 10_000, pollMs: 1, waitMs: 2_000 };

class Killed extends Error {}

/** What is on the Fn server, as `function/version`. */
function server(...labels: string[]): Observed {
  const fns = labels.map((label) => {
    const [name = '', version = ''] = label.split('/');
    const stamps = { created_at: '', updated_at: '' };
    const put = { config: [], annotations: [], limits: [] };
    const annotations = versionAnnotations({ function: name, version, hash: '', put });
    const source = `/${name}/${version}`;
    const trigger: Trigger = {
      id: label,
      name: 't',
      app_id: '',
      fn_id: label,
      source,
      type: 'http',
      annotations,
      ...stamps,
    };
    return observed({ id: label, name: `${name}-${version}`, config: {}, ...stamps } as Fn, [trigger]);
  });
  return { app: null, fns, releases: [] };
}

/** A client of the cluster whose process ends once so many writes were carried out. */
function mortal(cluster: FakeCluster, writes: number): Cluster & { isDead: boolean } {
  let left = writes;
  const alive = async <T>(act: () => Promise<T>): Promise<T> => {
    if (left <= 0) throw new Killed();
    return act();
  };
  const writing = async <T>(act: () => Promise<T>): Promise<T> => {
    const answer = await alive(act);
    left--;
    return alive(() => Promise.resolve(answer));
  };
  return {
    ...cluster,
    get isDead() {
      return left <= 0;
    },
    get: (...args) => alive(() => cluster.get(...args)),
    list: (...args) => alive(() => cluster.list(...args)),
    create: (...args) => writing(() => cluster.create(...args)),
    replace: (...args) => writing(() => cluster.replace(...args)),
    apply: (...args) => writing(() => cluster.apply(...args)),
    remove: (...args) => writing(() => cluster.remove(...args)),
  };
}

const placed = (changes: Partial<Site>): Site => site({ pin: { kind: 'off' }, ...changes });
const ON = server('cart/v1', 'cart/v2', 'shop/v1');
const locate = (_: string, { source }: Trigger): string => `http://fn.fn.svc.cluster.local/t/shop${source}`;

const routerOn = (cluster: Cluster, at: Site): KubernetesRouter =>
  new KubernetesRouter(cluster, () => Promise.resolve(at as OpenSite), {
    namespace: at.namespace,
    drainMs: 0,
    journal,
  });

function wired(cluster: Cluster, at: Site) {
  const options = { times, allowGap: true };
  const front = new KubernetesFront(cluster, at, { drainMs: 0, makeGateway: false }, options);
  const ports = { router: routerOn(cluster, at), front, locate, emit: () => undefined };
  return wire('shop', ON, ports, { verb: 'wire', by: 'test', message: '' });
}

async function standing(at: Site): Promise<FakeCluster> {
  const cluster = living();
  cluster.put(ISTIO_GATEWAY);
  await wired(cluster, at);
  const router = routerOn(cluster, at);
  const { routes } = await router.read('shop');
  const cart = routes.find(({ route }) => route.function === 'cart')!;
  const route = { ...cart.route, split: { v1: 2_500, v2: 7_500 } };
  await router.write([{ kind: 'put', route, ifRevision: cart.revision }], {
    verb: 'shift',
    by: 'test',
    message: '',
  });
  return cluster;
}

const routesOf = (cluster: FakeCluster): KubeObject[] =>
  [KINDS.HTTPRoute, KINDS.VirtualService].flatMap((kind) => cluster.objects(kind));

/** What there is, but what only tells when and in which try it was made. */
function stateOf(cluster: FakeCluster): unknown {
  return cluster
    .objects()
    .filter(({ kind }) => kind !== 'EndpointSlice' && kind !== 'Pod')
    .map((object) => ({
      id: idOf(object),
      labels: object.metadata.labels,
      spec: object['spec'],
      ...(object['data'] !== undefined && { data: object['data'] }),
      route: routesOf(cluster).some((one) => idOf(one) === idOf(object)) ? readRoute(object)?.route : null,
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

const SWITCHES: [string, Partial<Site>, Partial<Site>][] = [
  ['istio to gateway-api', { api: 'istio' }, { api: 'gateway-api' }],
  ['gateway-api to istio in a mesh', { api: 'gateway-api', mesh: true }, { api: 'istio', mesh: true }],
  [
    'istio to gateway-api, out of a mesh and to shared proxies',
    { api: 'istio', mesh: true },
    { api: 'gateway-api', proxy: 'shared' },
  ],
  ['gateway-api to istio, and into a mesh', { api: 'gateway-api' }, { api: 'istio', mesh: true }],
];

describe.each(SWITCHES)('broken off after any write: from %s', (_, from, to) => {
  test.each([
    ['the same again completes it', to],
    ['the way back leads back', from],
  ])('%s', async (_name, then) => {
    const whole = await standing(placed(from));
    if (then === to) await wired(whole, placed(to));
    for (let writes = 1; ; writes++) {
      const cluster = await standing(placed(from));
      const client = mortal(cluster, writes);
      await wired(client, placed(to)).catch((error: unknown) => {
        if (!client.isDead) throw error;
      });
      if (!client.isDead) {
        expect(writes).toBeGreaterThan(7);
        break;
      }
      // Whoever reads meanwhile sees all functions, with the shares that were asked for.
      const { routes } = await routerOn(cluster, placed(to)).read('shop');
      const splits = Object.fromEntries(routes.map(({ route }) => [route.function, route.split]));
      expect({ writes, splits }).toEqual({
        writes,
        splits: { cart: { v1: 2_500, v2: 7_500 }, shop: { v1: 10_000 } },
      });
      await wired(cluster, placed(then));
      expect({ writes, state: stateOf(cluster) }).toEqual({ writes, state: stateOf(whole) });
      expect(routesOf(cluster).filter(isParked)).toEqual([]);
    }
  });
});
