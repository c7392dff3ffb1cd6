import { describe, expect, test } from 'vitest';
import {
  clustersOf,
  countersIn,
  countersOf,
  envoyState,
  readCounters,
  readEnvoy,
  servedRoutes,
} from '../../src/kubernetes/envoy/config-dump.js';
import { recorded } from './envoy-recorded.js';
import { clusterRoute, siteOf } from './routes-sites.js';

const clusterOf = (version: string) => `outbound|80||hello-app-${version}.demo.svc.cluster.local`;
const CLUSTERS = { v1: clusterOf('v1'), v2: clusterOf('v2') };
const HELLO = { host: 'hello.example.com', path: '/' };

function served(name: string, clusters: Record<string, string> = CLUSTERS, path = '/') {
  const { envoy } = recorded(name);
  return servedRoutes(envoyState(envoy.routes, envoy.active_clusters), { ...HELLO, path }, clusters);
}

const SPLITS = [
  { name: 'vs-90-10', config: 'http.8081', split: { v1: 9000, v2: 1000 } },
  { name: 'vs-basis-points', config: 'http.8081', split: { v1: 9950, v2: 50 } },
  { name: 'vs-100-0', config: 'http.8081', split: { v1: 10_000, v2: 0 } },
  { name: 'vs-mirror-50', config: 'http.8081', split: { v1: 10_000, v2: 0 } },
  { name: 'vs-pin-then-split', config: 'http.8081', split: { v1: 5000, v2: 5000 } },
  { name: 'vs-abort-and-delay', config: 'http.8081', split: { v1: 5000, v2: 5000 } },
  { name: 'vs-request-header-per-destination', config: 'http.8081', split: { v1: 5000, v2: 5000 } },
  { name: 'httproute-90-10', config: 'http.8082', split: { v1: 9000, v2: 1000 } },
  { name: 'httproute-100-0', config: 'http.8082', split: { v1: 10_000, v2: 0 } },
  { name: 'httproute-pin-then-split', config: 'http.8082', split: { v1: 5000, v2: 5000 } },
  { name: 'httproute-mirror-25', config: 'http.8082', split: { v1: 10_000, v2: 0 } },
];

describe('the split that a recorded Envoy has', () => {
  test.each(SPLITS)('$name', ({ name, config, split }) => {
    expect(served(name)).toEqual([{ config, rule: 'split', split, others: [], inactive: [] }]);
  });

  test.each(['vs-missing-service', 'httproute-missing-service'])(
    '%s: a cluster that is not there',
    (name) => {
      expect(served(name, { v1: clusterOf('v1'), v9: clusterOf('v9') })).toMatchObject([
        { split: { v1: 5000, v9: 5000 }, inactive: ['v9'] },
      ]);
    },
  );

  test('what is no version is told, and no split then', () => {
    expect(served('vs-90-10', { v1: clusterOf('v1') })).toMatchObject([
      { split: null, others: [clusterOf('v2')] },
    ]);
  });

  test('all weights 0 on the Gateway API: Envoy answers by itself', () => {
    expect(served('httproute-all-zero')).toMatchObject([{ rule: 'split', split: null, others: [] }]);
  });

  test.each([
    ['/cart', 'cart', { v1: 7000, v2: 3000 }],
    ['/cart/', 'cart', { v1: 7000, v2: 3000 }],
    ['/price', 'price', { v1: 10_000, v2: 0 }],
    ['/cartx', null, null],
    ['/', null, null],
  ])('two functions: %s', (path, rule, split) => {
    expect(served('vs-prefix-two-functions', CLUSTERS, path)).toMatchObject([{ rule, split }]);
  });

  test('a host that Envoy does not have', () => {
    const { envoy } = recorded('vs-90-10');
    const state = envoyState(envoy.routes, envoy.active_clusters);
    expect(servedRoutes(state, { host: 'other.example.com', path: '/' }, CLUSTERS)).toEqual([]);
  });

  test('the clusters of a rendered route are named as Istio names them', () => {
    const site = siteOf({ app: 'hello-app', namespace: 'demo' });
    const route = { ...clusterRoute('hello-app', { v1: 5000, v2: 5000 }), app: 'hello-app' };
    expect(clustersOf(site, route)).toEqual(CLUSTERS);
  });
});

test('between two readings the counters rise by the traffic', () => {
  const read = (name: string) =>
    countersOf(countersIn(recorded(name).envoy.clusters), { ...CLUSTERS, v9: clusterOf('v9') });
  // Recorded one after the other.
  const [before, after] = [read('vs-90-10'), read('vs-basis-points')];
  const { plain, pinned } = recorded('vs-basis-points').traffic;
  for (const version of ['v1', 'v2'] as const) {
    const key = `200 ${version} header=${version}`;
    const rise = after[version]!.requests - before[version]!.requests;
    expect(rise).toBe(plain![key]! + pinned![key]!);
  }
  expect(after.v9).toEqual({ requests: 0, errors: 0 });
});

test('what is no Envoy is said to be none', async () => {
  const get = () => Promise.resolve('<html>');
  await expect(readEnvoy(get)).rejects.toMatchObject({ code: 'unreachable' });
  await expect(readCounters(get)).rejects.toMatchObject({ code: 'unreachable' });
});
