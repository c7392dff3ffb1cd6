// The table of routes.ts on a real Envoy, given what istiod makes of the rendered VirtualServices.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clustersOf, readEnvoy, servedRoutes } from '../../src/kubernetes/envoy/config-dump.js';
import { ROUTE_HEADER } from '../../src/kubernetes/names.js';
import { routeHeader } from '../../src/kubernetes/render/rules.js';
import { renderRoutes } from '../../src/kubernetes/render/routes.js';
import type { VirtualServiceSpec } from '../../src/kubernetes/render/virtual-service.js';
import type { Route } from '../../src/routing/route.js';
import { versionsOf } from '../../src/routing/versions.js';
import { ask } from '../helpers/data-plane.js';
import { hasEnvoy, startEnvoy } from '../helpers/envoy.js';
import type { Envoy } from '../helpers/envoy.js';
import { isPlausible } from '../helpers/interpret.js';
import { clusterOf, routeConfigurationOf } from '../helpers/istio-routes.js';
import { siteOf } from '../kubernetes/routes-sites.js';
import { HOST, rowName, SCENARIOS, sharesOf } from './routes.js';

const SITE = siteOf({ host: HOST, proxy: 'shared' });
const TRIALS = 500;

/** What versions with a share are told; Envoy lists no others, unless there is only one. */
function headersOf(route: Route): Record<string, string> {
  const versions = versionsOf(route.split);
  const listed = versions.length === 1 ? versions : versions.filter((version) => route.split[version]! > 0);
  return Object.fromEntries(listed.map((version) => [version, routeHeader(SITE, route, version)]));
}

describe.skipIf(!hasEnvoy)('Envoy with rendered VirtualServices', () => {
  let envoy: Envoy;
  let proxy: Server;
  let port: number;

  beforeAll(async () => {
    // In the place of the shared proxy: says what the route told it.
    proxy = createServer((req, res) => res.end(req.headersDistinct[ROUTE_HEADER.toLowerCase()]?.join(', ')));
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    port = (proxy.address() as AddressInfo).port;
    envoy = await startEnvoy(routeConfigurationOf('http.80', HOST, []), {});
  });
  afterAll(async () => {
    await envoy.stop();
    proxy.closeAllConnections();
    proxy.close();
  });

  describe.each(SCENARIOS)('$name', ({ routes, rows }) => {
    const objects = routes.flatMap((route) => renderRoutes(SITE, { route, revision: 1, history: [] }));

    beforeAll(async () => {
      const destinations = objects.flatMap(({ spec }) =>
        (spec as VirtualServiceSpec).http.flatMap((rule) => rule.route),
      );
      await envoy.lead(Object.fromEntries(destinations.map((each) => [clusterOf(each), port])));
      await envoy.serve(routeConfigurationOf('http.80', HOST, objects));
    });

    test.each(rows.map((row) => ({ ...row, name: rowName(row) })))(
      '$name',
      async ({ target, headers = {}, to }) => {
        const expected = sharesOf(to);
        const times = Object.keys(expected).length === 1 ? 3 : TRIALS;
        const counts = new Map<string, number>();
        for (let sent = 0; sent < times; sent++) {
          // Whatever a client sends under this name must not reach the proxy.
          const all = { Host: HOST, [ROUTE_HEADER]: 'cart/v9 t/other/cart', ...headers };
          const { status, text } = await ask(envoy.port, target, { headers: all });
          const who = status === 200 ? text.split(' ')[0]! : String(status);
          counts.set(who, (counts.get(who) ?? 0) + 1);
        }
        expect(Object.keys(expected)).toEqual(expect.arrayContaining([...counts.keys()]));
        for (const [who, share] of Object.entries(expected)) {
          const count = counts.get(who) ?? 0;
          expect([who, count, isPlausible(count, times, share)]).toEqual([who, count, true]);
        }
      },
    );

    test('it says that it has these splits', async () => {
      const state = await readEnvoy((path) => envoy.admin(path));
      for (const route of routes) {
        expect(servedRoutes(state, route, clustersOf(SITE, route))).toEqual([
          {
            config: 'http.80',
            rule: 'fnmesh-split',
            split: route.split,
            others: [],
            inactive: [],
            routeHeaders: headersOf(route),
          },
        ]);
      }
    });
  });
});
