// The Router port's contract before a real API server, and what only such a one can show: who wins, and what a change of
// several objects leaves behind.
import { describe, expect, test } from 'vitest';
import { connectCluster } from '../../src/kubernetes/client.js';
import type { Cluster } from '../../src/kubernetes/cluster.js';
import { liveSplit } from '../../src/kubernetes/render/read-route.js';
import { routeKind } from '../../src/kubernetes/render/routes.js';
import { functionObject } from '../../src/kubernetes/names.js';
import { KINDS } from '../../src/kubernetes/object.js';
import type { Site } from '../../src/kubernetes/site.js';
import type { DataPlane } from '../../src/kubernetes/data-plane.js';
import { KubernetesRouter } from '../../src/router/kubernetes.js';
import type { Split } from '../../src/routing/route.js';
import { put, REASON } from '../helpers/routes.js';
import { routerContract } from '../router/contract.js';
import { NO_TRAFFIC, siteOf, TIMES } from '../router/kubernetes-site.js';
import { openLab } from './lab.js';

const lab = openLab();
const A: Split = { v1: 10_000, v2: 0 };
const B: Split = { v1: 9000, v2: 1000 };
const NAMES = Array.from({ length: 12 }, (_, at) => `fn${at}`);

const connect = (): Promise<Cluster> =>
  connectCluster(
    { kubeconfig: { value: lab.kubeconfig, from: 'test' }, context: null, namespace: null },
    {},
    () => undefined,
  );

/** Gateways that have at once what the cluster has: there are none here. */
function prompt(cluster: Cluster): DataPlane {
  return {
    async proxies({ api, namespace }, route) {
      const object = await cluster.get(routeKind(api), namespace, functionObject(route.app, route.function));
      return [{ proxy: 'gateway-0', split: object ? liveSplit(object, route) : null, inactive: [] }];
    },
  };
}

function routerOn(cluster: Cluster, namespace: string, site: Partial<Site> = {}): KubernetesRouter {
  return new KubernetesRouter(cluster, (app) => Promise.resolve(siteOf(app, { namespace, ...site })), {
    namespace,
    drainMs: 10,
    dataPlane: prompt(cluster),
    counters: NO_TRAFFIC,
    journal: TIMES,
  });
}

describe.each<Partial<Site>>([
  { api: 'gateway-api', mesh: false },
  { api: 'istio', mesh: true },
])('$api, mesh $mesh', (site) => {
  routerContract('a real API server', async () => {
    const cluster = await connect();
    const namespace = await lab.namespace('router');
    const close = () => Promise.resolve(cluster.close());
    return { router: routerOn(cluster, namespace, site), close };
  });

  test('a change of many functions is there at once, and its journal gone', async () => {
    const cluster = await connect();
    const namespace = await lab.namespace('many');
    const router = routerOn(cluster, namespace, site);
    await router.write(
      NAMES.map((name) => put(name, A, null)),
      REASON,
    );
    await router.write(
      NAMES.map((name) => put(name, B, 1)),
      REASON,
    );
    expect((await router.read('shop')).routes.map(({ route }) => route.split)).toEqual(NAMES.map(() => B));
    const maps = await cluster.list(KINDS.ConfigMap, { namespace, labels: { 'fnmesh/app': 'shop' } });
    expect(maps).toEqual([]);
    await router.write(
      NAMES.map((name) => ({ kind: 'remove', app: 'shop', function: name, ifRevision: 2 })),
      { verb: 'destroy', by: 'ann@box' },
    );
    await expect
      .poll(() => cluster.list(routeKind(site.api!), { namespace, labels: { 'fnmesh/app': 'shop' } }))
      .toEqual([]);
    cluster.close();
  });

  test('of clients at once on one function one wins; on different ones all do', async () => {
    const namespace = await lab.namespace('clients');
    const clusters = await Promise.all(Array.from({ length: 4 }, connect));
    const routers = clusters.map((cluster) => routerOn(cluster, namespace, site));
    await routers[0]!.write(
      NAMES.slice(0, 4).map((name) => put(name, A, null)),
      REASON,
    );
    await Promise.all(routers.map((router) => router.read('shop')));
    const same = await Promise.allSettled(routers.map((router) => router.write([put('fn0', B, 1)], REASON)));
    expect(same.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of same)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'conflict' });
    await Promise.all(routers.map((router) => router.read('shop')));
    await Promise.all(
      routers.map((router, at) => router.write([put(`fn${at}`, B, at === 0 ? 2 : 1)], REASON)),
    );
    const { routes } = await routers[0]!.read('shop');
    expect(routes.map(({ route }) => route.split)).toEqual([B, B, B, B]);
    for (const cluster of clusters) cluster.close();
  });
});
