import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cookieIn, cookiePattern } from '../../src/kubernetes/render/cookie-pattern.js';
import { salvageRoute } from '../../src/kubernetes/render/salvage-route.js';
import { renderRoutes } from '../../src/kubernetes/render/routes.js';
import { changeTo, clusterRoute, siteOf } from './routes-sites.js';

const LONG = 'v1-of-a-branch-with-a-name-that-no-label-of-kubernetes-could-ever-hold';

describe.each(['istio', 'gateway-api'] as const)('%s', (api) => {
  test.each(['/basket', '/'])(
    'of a route whose notes are garbled all but destinations is known: %s',
    (path) => {
      const route = clusterRoute(
        'cart',
        { v1: 7500, [LONG]: 2500, v3: 0 },
        {
          path,
          rules: [
            { when: { header: 'x-beta', equals: 'yes' }, version: LONG },
            { when: { cookie: 'a.b', equals: '1+1=2' }, version: 'v3' },
          ],
        },
      );
      const history = [changeTo(route.split, 4)];
      const object = renderRoutes(siteOf({ api }), { route, revision: 4, history })[0]!;
      Object.assign(object.metadata.annotations!, { 'fnmesh/route': '{"app"', 'fnmesh/revision': 'four' });
      const found = salvageRoute(object, 'shop', 'cart');
      const unknown = { fn: '', source: '' };
      expect(found).toEqual({
        route: { ...route, destinations: { v1: unknown, [LONG]: unknown, v3: unknown } },
        revision: 4,
        history,
      });
    },
  );

  test('notes that can be read count', () => {
    const route = clusterRoute('cart', { v1: 10_000 });
    const object = renderRoutes(siteOf({ api }), { route, revision: 4, history: [] })[0]!;
    Object.assign(object.metadata.annotations!, { 'fnmesh/history': 'none' });
    expect(salvageRoute(object, 'shop', 'cart')).toEqual({ route, revision: 4, history: [] });
    expect(salvageRoute(object, 'shop', 'price').route.destinations).toEqual({});
  });
});

const cookieName = fc.string({ unit: fc.constantFrom(...'abX-.*+|'), minLength: 1, maxLength: 6 });
const cookieValue = fc.string({ unit: fc.constantFrom(...'abv2.*+?|()[]{}^$/='), maxLength: 8 });

test('the cookie of a pattern is that which it was made for', () => {
  fc.assert(
    fc.property(cookieName, cookieValue, (cookie, equals) => {
      expect(cookieIn(cookiePattern(cookie, equals))).toEqual({ cookie, equals });
    }),
  );
  expect(cookieIn('^.*$')).toBeNull();
  expect(cookieIn(`${cookiePattern('a', 'b')}|x`)).toBeNull();
});
