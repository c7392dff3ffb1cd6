// What is rendered, applied by kubectl to the real API server, is what is wanted: no differences, for any site.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectCluster } from '../../src/kubernetes/client.js';
import type { Cluster } from '../../src/kubernetes/cluster.js';
import { differences } from '../../src/kubernetes/compare.js';
import { kindOf, type KubeObject } from '../../src/kubernetes/object.js';
import { asStream, renderFiles } from '../../src/kubernetes/render/files.js';
import { renderRoutes } from '../../src/kubernetes/render/routes.js';
import { renderWorkloads } from '../../src/kubernetes/render/workloads.js';
import { PROXY_DEFAULTS } from '../../src/kubernetes/render/defaults.js';
import type { Site } from '../../src/kubernetes/site.js';
import { changeTo, clusterRoute, siteOf } from '../kubernetes/routes-sites.js';
import { openLab } from './lab.js';

const lab = openLab();
let cluster: Cluster;
beforeAll(async () => {
  const settings = { kubeconfig: { value: lab.kubeconfig, from: 'test' }, context: null, namespace: null };
  cluster = await connectCluster(settings, {}, () => undefined);
});
afterAll(() => cluster?.close());

const ROUTES = [clusterRoute('shop', { v1: 10_000 }), clusterRoute('cart', { v1: 9_950, v2: 50 })];

function rendered(site: Site): { workloads: KubeObject[]; routes: KubeObject[] } {
  const routes = ROUTES.flatMap((route) =>
    renderRoutes(site, { route, revision: 1, history: [changeTo(route.split)] }),
  );
  return { workloads: renderWorkloads(site, ROUTES), routes };
}

const read = async (objects: readonly KubeObject[]): Promise<KubeObject[]> => {
  const found = await Promise.all(
    objects.map((object) =>
      cluster.get(kindOf(object)!, object.metadata.namespace ?? null, object.metadata.name),
    ),
  );
  return found.filter((object) => object !== null);
};

/** What of them is not as it shall be, by object. */
async function differing(desired: readonly KubeObject[]) {
  const live = await read(desired);
  return desired.flatMap((object) => {
    const there = live.find(
      ({ kind, metadata }) => kind === object.kind && metadata.name === object.metadata.name,
    );
    const fields = there === undefined ? null : differences(object, there);
    return fields?.length === 0 ? [] : [{ kind: object.kind, name: object.metadata.name, fields }];
  });
}

test.each<[string, Partial<Site>]>([
  ['dedicated proxies, Istio', { api: 'istio', proxy: 'dedicated' }],
  ['a shared one, Gateway API, with a mesh', { api: 'gateway-api', proxy: 'shared', mesh: true }],
  [
    'autoscaled, with a policy, Istio and a mesh',
    {
      api: 'istio',
      proxy: 'shared',
      mesh: true,
      settings: {
        ...PROXY_DEFAULTS,
        autoscale: { min: 2, max: 5, cpuPercent: 80 },
        networkPolicy: true,
        resources: { requests: { cpu: '0.02', memory: '64Mi' }, limits: { cpu: '1000m', memory: '1024Mi' } },
      },
    },
  ],
])('%s', async (_, more) => {
  const namespace = await lab.namespace('render');
  const site = siteOf({ settings: PROXY_DEFAULTS, ...more, namespace, dns: lab.dns.address });
  const { workloads, routes } = rendered(site);
  const desired = [...workloads, ...routes];
  expect((await differing(desired)).map(({ fields }) => fields)).toEqual(desired.map(() => null));

  const input = asStream(renderFiles({ app: 'shop', target: 'prod', workloads, routes }));
  const ran = await lab.kubectl(['apply', '--server-side', '--validate=strict', '-f', '-'], { input });
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  expect(await differing(desired)).toEqual([]);

  // fnmesh's own apply over it changes nothing either, and what somebody edits shows up.
  for (const object of workloads) await cluster.apply(object, { force: true });
  expect(await differing(desired)).toEqual([]);
  const proxy = workloads.find(({ kind }) => kind === 'Deployment')!;
  const args = ['-n', namespace, 'set', 'image', `deployment/${proxy.metadata.name}`, '*=nginx:edited'];
  expect(await lab.kubectl(args)).toMatchObject({ code: 0 });
  const found = await differing(desired);
  expect(found).toMatchObject([{ kind: 'Deployment', name: proxy.metadata.name }]);
  expect(found[0]!.fields).toEqual([
    {
      field: expect.stringMatching(/containers\[\w+\]\.image$/) as string,
      from: 'nginx:edited',
      to: site.settings.image,
    },
  ]);
  // Who comes after has the host to itself.
  for (const object of routes) await cluster.remove(kindOf(object)!, namespace, object.metadata.name);
});
