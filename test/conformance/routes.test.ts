// The table of routes.ts on the embedded gateway by real sockets, and on what is rendered for both route APIs.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROUTE_HEADER, versionObject } from '../../src/kubernetes/names.js';
import { renderRoutes } from '../../src/kubernetes/render/routes.js';
import type { Site } from '../../src/kubernetes/site.js';
import type { Route } from '../../src/routing/route.js';
import { ask, testPlane } from '../helpers/data-plane.js';
import type { TestPlane } from '../helpers/data-plane.js';
import { interpretHttpRoutes } from '../helpers/interpret-http-route.js';
import { interpretVirtualServices } from '../helpers/interpret-virtual-service.js';
import { siteOf } from '../kubernetes/routes-sites.js';
import { HOST, rowName, SCENARIOS, sharesOf } from './routes.js';
import type { Row } from './routes.js';

describe('the embedded gateway', () => {
  let plane: TestPlane;
  let backend: Server;
  let origin: string;

  beforeAll(async () => {
    plane = await testPlane();
    // Says which path it was asked for, by which each version is known.
    backend = createServer((req, res) => res.end(req.url));
    backend.listen(0, '127.0.0.1');
    await once(backend, 'listening');
    origin = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await plane.close();
    backend.closeAllConnections();
    backend.close();
  });

  describe.each(SCENARIOS)('$name', ({ routes, rows }) => {
    beforeAll(() => {
      for (const route of routes) plane.catalog.putRoute(locally(route, origin));
    });
    afterAll(() => {
      for (const route of routes) plane.catalog.removeRoute(route.app, route.function);
    });

    test.each(named(rows))('$name', async ({ target, headers = {}, to }) => {
      const expected = sharesOf(to);
      const times = Object.keys(expected).length === 1 ? 3 : 200;
      const counts = new Map<string, number>();
      for (let sent = 0; sent < times; sent++) {
        const { status, text } = await ask(plane.gatewayPort, target, {
          headers: { Host: HOST, ...headers },
        });
        const who = status === 200 ? versionAt(text) : String(status);
        counts.set(who, (counts.get(who) ?? 0) + 1);
      }
      expect(Object.keys(expected)).toEqual(expect.arrayContaining([...counts.keys()]));
      for (const [who, share] of Object.entries(expected)) {
        // The gateway is never more than 2 from the exact share of all requests so far: between two moments, than 4.
        expect(Math.abs((counts.get(who) ?? 0) - share * times)).toBeLessThanOrEqual(share === 1 ? 0 : 4);
      }
    });
  });
});

const RENDERED = [
  { api: 'istio', proxy: 'dedicated' },
  { api: 'istio', proxy: 'shared' },
  { api: 'gateway-api', proxy: 'dedicated' },
  { api: 'gateway-api', proxy: 'shared' },
] as const;

describe.each(RENDERED)('rendered for $api, $proxy proxies', (settings) => {
  describe.each(SCENARIOS)('$name', ({ routes, rows }) => {
    test.each(named(rows))('$name', (row) => {
      const shares = interpreted(siteOf({ host: HOST, ...settings }), routes, row);
      const expected = sharesOf(row.to);
      expect(Object.keys(shares).sort()).toEqual(Object.keys(expected).sort());
      for (const [who, share] of Object.entries(expected)) expect(shares[who]).toBeCloseTo(share, 9);
    });
  });
});

describe.each(RENDERED)('pins, rendered for $api, $proxy proxies', (settings) => {
  const [{ routes }] = SCENARIOS.filter(({ name }) => name.startsWith('a request can ask')) as [
    (typeof SCENARIOS)[number],
  ];
  const asked = (pin: Site['pin'], value: string) =>
    interpreted(siteOf({ host: HOST, ...settings, pin }), routes, {
      target: '/cart',
      headers: { 'Fnmesh-Version': value },
    });

  test('secret: only with the secret', () => {
    const pin = { kind: 'secret', secret: '0a1b' } as const;
    expect(asked(pin, 'v2.0a1b')).toEqual({ 'cart/v2': 1 });
    for (const value of ['v2', 'v2.', 'v2.0A1B', 'v2.0a1b0', 'v2x0a1b', '0a1b']) {
      expect(asked(pin, value)).toEqual({ 'cart/v1': 1 });
    }
  });

  test('off: never', () => {
    expect(asked({ kind: 'off' }, 'v2')).toEqual({ 'cart/v1': 1 });
  });
});

/** Who answers by the rendered objects, and in which share. */
function interpreted(
  site: Site,
  routes: readonly Route[],
  { target, headers = {} }: Omit<Row, 'to'>,
): Record<string, number> {
  const objects = routes.flatMap((route) => renderRoutes(site, { route, revision: 1, history: [] }));
  const names = new Map(
    routes.flatMap((route) =>
      Object.keys(route.split).map((version) => {
        return [versionObject(route.app, route.function, version), { route, version }] as const;
      }),
    ),
  );
  const interpret = site.api === 'istio' ? interpretVirtualServices : interpretHttpRoutes;
  // Whatever a client sends under this name must not reach the proxy.
  const sent = { [ROUTE_HEADER]: 'cart/v9 t/other/cart', ...headers };
  const outcomes = interpret(objects, { host: HOST, target, headers: sent }, new Set(names.keys()));
  return Object.fromEntries(
    outcomes.map(({ share, service, status, request }) => {
      if (service === null) return [String(status), share];
      const { route, version } = names.get(service)!;
      const who = `${route.function}/${version}`;
      const path = `t/shop${route.destinations[version]!.source}`;
      expect(request).toEqual(
        site.proxy === 'shared' ? { [ROUTE_HEADER.toLowerCase()]: `${who} ${path}` } : {},
      );
      return [who, share];
    }),
  );
}

function named(rows: readonly Row[]): (Row & { name: string })[] {
  return rows.map((row) => ({ ...row, name: rowName(row) }));
}

/** The route with its versions on this server. */
function locally(route: Route, origin: string): Route {
  const destinations = Object.entries(route.destinations).map(([version, destination]) => {
    return [version, { ...destination, endpoint: `${origin}/t/shop${destination.source}` }];
  });
  return { ...route, destinations: Object.fromEntries(destinations) as Route['destinations'] };
}

/** `/t/shop/cart/v2?id=1` → `cart/v2`, `/t/shop/v1` → `shop/v1`. */
function versionAt(url: string): string {
  const [first = '', second] = url.split('?', 1)[0]!.split('/').slice(3);
  return second === undefined ? `shop/${first}` : `${first}/${second}`;
}
