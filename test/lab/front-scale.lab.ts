// An app of 200 functions on a real API server: what it takes to see that nothing has changed.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { expect, test } from 'vitest';
import { placeOn } from '../../src/compose-cluster.js';
import { connectCluster } from '../../src/kubernetes/client.js';
import type { Cluster } from '../../src/kubernetes/cluster.js';
import { apiVersionOf, KINDS } from '../../src/kubernetes/object.js';
import { renderWorkloads } from '../../src/kubernetes/render/workloads.js';
import { parallel } from '../../src/process/parallel.js';
import { pathOf } from '../../src/routing/match.js';
import type { Route } from '../../src/routing/route.js';
import { type ClusterSettings, OPEN_CLUSTER } from '../../src/target/cluster.js';
import { openLab } from './lab.js';

const FUNCTIONS = 200;
const VERSIONS = ['v1', 'v2'];
const lab = openLab();
const said = <T>(value: T) => ({ value, from: 'test' });

function route(number: number, host: string): Route {
  const [app, fn] = ['shop', `fn-${number}`];
  const source = (version: string) => `/${fn}/${version}`;
  return {
    ...{ app, function: fn, host, path: pathOf(app, fn), rules: [], split: { v1: 10_000, v2: 0 } },
    destinations: Object.fromEntries(
      VERSIONS.map((version) => [
        version,
        {
          fn: `${fn}-${version}`,
          source: source(version),
          endpoint: `http://fn.fn.svc.cluster.local/t/${app}${source(version)}`,
        },
      ]),
    ),
  };
}

/** The target with a connection of its own, as each command has one. */
async function openPlace(settings: ClusterSettings) {
  const cluster = await connectCluster(settings, {}, () => undefined);
  return placeOn(cluster, settings, { name: said('lab'), probe: 'none' }, () => undefined);
}

/** What was sent while something was done: `GET /path`, without its query. */
async function sentDuring(act: () => Promise<void>): Promise<string[]> {
  const sent: string[] = [];
  const heard = (message: unknown): void => {
    const { method, path } = (message as { request: ClientRequest }).request;
    sent.push(`${method} ${path.replace(/\?.*/, '')}`);
  };
  subscribe('http.client.request.start', heard);
  try {
    await act();
  } finally {
    unsubscribe('http.client.request.start', heard);
  }
  return sent;
}

/** Lists by their kind; a page more is a list more. */
function listsOf(sent: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const each of sent) {
    const kind = /^GET \/(?:api|apis\/[^/]+)\/v\d\w*(?:\/namespaces\/[^/]+)?\/([a-z]+)$/.exec(each)?.[1];
    if (kind !== undefined) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** No gateway of the lab runs: Services and routes are all that this needs. */
async function makeGateway(cluster: Cluster): Promise<void> {
  await cluster.apply({
    apiVersion: apiVersionOf(KINDS.IstioGateway),
    kind: KINDS.IstioGateway.kind,
    metadata: { name: 'scale', namespace: 'default' },
    spec: {
      selector: { istio: 'none' },
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
    },
  });
}

// Without Pods: the dedicated proxies would be more than two cores can run, and no plan looks at Pods.
test.each<ClusterSettings['proxy']>(['shared', 'dedicated'])(
  `a wire of ${FUNCTIONS} functions that nothing has changed lists each kind twice at most (%s)`,
  async (proxy) => {
    const namespace = await lab.namespace('scale');
    const host = `${namespace}.example.com`;
    const settings: ClusterSettings = {
      ...OPEN_CLUSTER,
      ...{ kubeconfig: said(lab.kubeconfig), namespace: said(namespace), host: said(host) },
      ...{ api: said('istio'), gateway: said({ namespace: 'default', name: 'scale', listener: null }) },
      ...{ proxy, replicas: 0, mesh: said(false), pin: 'on', dns: said(lab.dns.address) },
    };
    const routes = Array.from({ length: FUNCTIONS }, (_, number) => route(number, host));
    const made = await openPlace(settings);
    await makeGateway(made.cluster);
    await parallel(16, renderWorkloads(await made.site('shop'), routes), (each) => made.cluster.apply(each));
    const changes = routes.map((each) => ({ kind: 'put' as const, route: each, ifRevision: null }));
    await made.router.write(changes, { verb: 'wire', by: 'lab' });
    made.close();

    const times: number[] = [];
    for (let run = 0; run < 5; run++) {
      const began = performance.now();
      const sent = await sentDuring(async () => {
        const place = await openPlace(settings);
        const { routes: there } = await place.router.read('shop');
        const again = await (await place.front('shop')).plan(routes, there);
        times.push(Math.round(performance.now() - began));
        place.close();
        expect(again).toMatchObject({ objects: [], after: [], rewrite: [] });
      });
      const lists = listsOf(sent);
      expect(Object.keys(lists)).toEqual(expect.arrayContaining(['services', 'virtualservices']));
      expect(Object.entries(lists).filter(([, count]) => count > 2)).toEqual([]);
      if (run === 0)
        process.stderr.write(`lab: ${proxy}, ${sent.length} requests, lists: ${JSON.stringify(lists)}\n`);
    }
    process.stderr.write(`lab: ${proxy}, ${FUNCTIONS} unchanged functions: ${times.join(', ')} ms\n`);
  },
  180_000,
);
