// The reader of Envoy's admin interface on a real Envoy that was given the recorded routes, and traffic through it.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { countersOf, readCounters, readEnvoy, servedRoutes } from '../../src/kubernetes/envoy/config-dump.js';
import { ask } from '../helpers/data-plane.js';
import { hasEnvoy, startEnvoy } from '../helpers/envoy.js';
import type { Envoy, RouteConfiguration } from '../helpers/envoy.js';
import { isPlausible } from '../helpers/interpret.js';
import { recorded, RECORDED } from './envoy-recorded.js';

const HOST = 'hello.example.com';
const clusterOf = (version: string) => `outbound|80||hello-app-${version}.demo.svc.cluster.local`;
const CLUSTERS = { v1: clusterOf('v1'), v2: clusterOf('v2') };
const TRIALS = 400;

describe.skipIf(!hasEnvoy)('a real Envoy with recorded routes', () => {
  const backends: Server[] = [];
  let ports: Record<string, number>;
  let envoy: Envoy;

  beforeAll(async () => {
    ports = Object.fromEntries(
      await Promise.all(
        Object.entries(CLUSTERS).map(
          async ([version, cluster]) => [cluster, await backend(version, backends)] as const,
        ),
      ),
    );
    envoy = await startEnvoy(configOf('vs-90-10'), ports);
  });
  afterAll(async () => {
    await envoy.stop();
    for (const server of backends) {
      server.closeAllConnections();
      server.close();
    }
  });

  const served = async (clusters: Record<string, string> = CLUSTERS, path = '/') =>
    servedRoutes(await readEnvoy((asked) => envoy.admin(asked)), { host: HOST, path }, clusters);

  test.each(RECORDED.filter(({ name }) => /-(90-10|100-0|basis-points|pin-then-split)$/.test(name)))(
    '$name: it has the split that was recorded, and divides by it',
    async ({ name, traffic }) => {
      await envoy.serve(configOf(name));
      const [route, ...more] = await served();
      expect(more).toEqual([]);
      expect(route).toMatchObject({ config: 'http.8081', rule: 'split', others: [], inactive: [] });

      const before = countersOf(await readCounters((asked) => envoy.admin(asked)), CLUSTERS);
      for (let sent = 0; sent < TRIALS; sent++) await ask(envoy.port, '/', { headers: { Host: HOST } });
      const after = countersOf(await readCounters((asked) => envoy.admin(asked)), CLUSTERS);
      for (const version of ['v1', 'v2'] as const) {
        const rise = after[version]!.requests - before[version]!.requests;
        expect([version, rise, isPlausible(rise, TRIALS, route!.split![version]! / 10_000)]).toEqual([
          version,
          rise,
          true,
        ]);
      }
      const pinned = await ask(envoy.port, '/', { headers: { Host: HOST, 'Fnmesh-Version': 'v2' } });
      if (Object.keys(traffic['pinned']!).length === 1) {
        expect(Object.keys(traffic['pinned']!)[0]).toMatch(new RegExp(`^200 ${pinned.text} `));
      }
    },
  );

  test('a change of weights is seen once it is there', async () => {
    await envoy.serve(configOf('vs-100-0'));
    expect(await served()).toMatchObject([{ split: { v1: 10_000, v2: 0 } }]);
    await envoy.serve(configOf('vs-basis-points'));
    expect(await served()).toMatchObject([{ split: { v1: 9950, v2: 50 } }]);
  });

  test('a route to a cluster that is not there, and one that goes', async () => {
    await envoy.serve(configOf('vs-missing-service'));
    const clusters = { v1: clusterOf('v1'), v9: clusterOf('v9') };
    expect(await served(clusters)).toMatchObject([{ split: { v1: 5000, v9: 5000 }, inactive: ['v9'] }]);
    expect(countersOf(await readCounters((asked) => envoy.admin(asked)), clusters)).toMatchObject({
      v9: { requests: 0, errors: 0 },
    });
    await envoy.lead({ [clusterOf('v1')]: ports[clusterOf('v1')]! });
    expect(await served()).toMatchObject([{ inactive: ['v2'] }]);
    await envoy.lead(ports);
    expect(await served()).toMatchObject([{ inactive: [] }]);
  });

  test('answers of 500 and more are counted as errors', async () => {
    await envoy.serve(configOf('vs-pin-then-split'));
    const headers = { Host: HOST, 'Fnmesh-Version': 'v2' };
    const before = countersOf(await readCounters((asked) => envoy.admin(asked)), CLUSTERS);
    for (const status of [200, 404, 500, 503]) {
      expect((await ask(envoy.port, `/?status=${status}`, { headers })).status).toBe(status);
    }
    const after = countersOf(await readCounters((asked) => envoy.admin(asked)), CLUSTERS);
    expect(after.v2!.requests - before.v2!.requests).toBe(4);
    expect(after.v2!.errors - before.v2!.errors).toBe(2);
  });

  test('paths and hosts that it does not have', async () => {
    await envoy.serve(configOf('vs-prefix-two-functions'));
    expect(await served(CLUSTERS, '/cart')).toMatchObject([{ rule: 'cart', split: { v1: 7000, v2: 3000 } }]);
    expect(await served(CLUSTERS, '/cartx')).toMatchObject([{ rule: null, split: null }]);
    const state = await readEnvoy((asked) => envoy.admin(asked));
    expect(servedRoutes(state, { host: 'other.example.com', path: '/' }, CLUSTERS)).toEqual([]);
  });
});

/** A function's version: answers with its name, and with the status that is asked for. */
async function backend(version: string, servers: Server[]): Promise<number> {
  const server = createServer((req, res) => {
    res.statusCode = Number(new URL(req.url!, 'http://backend').searchParams.get('status') ?? 200);
    res.end(version);
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** The recorded route configuration with the host, by the one name that this Envoy asks for. */
function configOf(name: string): RouteConfiguration {
  const { configs } = recorded(name).envoy.routes as { configs: { route_config: RouteConfiguration }[] };
  const { route_config: found } = configs.find(({ route_config: config }) =>
    JSON.stringify(config).includes(HOST),
  )!;
  return { ...found, name: 'http.8081' };
}
