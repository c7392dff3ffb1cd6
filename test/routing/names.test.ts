import { describe, expect, test } from 'vitest';
import { hostOf, isHost, isNamedLikeApp, pathOf, pathOfTarget, routeUrl } from '../../src/routing/match.js';
import { editDistance, nearest } from '../../src/routing/near.js';
import { globMatches, resolveFunctions } from '../../src/routing/resolve.js';
import { compareVersions, isFunctionName, isVersionName, versionsOf } from '../../src/routing/versions.js';

describe('names', () => {
  test.each([
    ['shop.localhost', true],
    ['hello_app.localhost', true],
    ['a', true],
    ['Shop.localhost', false],
    ['-shop.localhost', false],
    ['shop-.localhost', false],
    ['shop..localhost', false],
    [`${'a'.repeat(64)}.localhost`, false],
    [`${'a'.repeat(63)}.localhost`, true],
    [`${'a.'.repeat(127)}a`, false],
    ['привет.localhost', false],
    ['shop.localhost:80', false],
    ['', false],
  ])('%s can be a host: %s', (text, fits) => expect(isHost(text)).toBe(fits));

  test.each([
    ['hello', 'hello', true],
    ['Hello_App', 'hello-app', true],
    ['hello', 'cart', false],
  ])('in app %s the function %s is named like the app: %s', (app, fn, like) => {
    expect(isNamedLikeApp(app, fn)).toBe(like);
  });

  test.each(['v1', 'v0', 'v10', 'v3-beta', 'v1-rc-2', 'v01'])('%s is a version', (text) => {
    expect(isVersionName(text)).toBe(true);
    expect(isFunctionName(text)).toBe(false);
  });

  test.each(['cart', 'a', 'v', 'vat', 'cart-2', 'v1x', 'a'.repeat(40)])('%s is a function', (text) => {
    expect(isVersionName(text)).toBe(false);
    expect(isFunctionName(text)).toBe(true);
  });

  test.each([
    '',
    'Cart',
    'V1',
    'v1-',
    'cart-',
    '-cart',
    '1cart',
    'ca_rt',
    'cart/v1',
    'a'.repeat(41),
    'v1-Beta',
  ])('"%s" is neither', (text) => {
    expect(isVersionName(text)).toBe(false);
    expect(isFunctionName(text)).toBe(false);
  });

  test('versions are ordered by number, then suffix', () => {
    const ordered = ['v01', 'v1', 'v1-fix', 'v2', 'v2-rc2', 'v2-rc10', 'v3', 'v10'];
    expect(versionsOf(Object.fromEntries(ordered.toReversed().map((version) => [version, 0])))).toEqual(
      ordered,
    );
    expect(compareVersions('v1', 'v1')).toBe(0);
  });
});

describe('nearest', () => {
  test.each([
    ['', '', 0],
    ['cart', 'cart', 0],
    ['cart', '', 4],
    ['', 'cart', 4],
    ['crat', 'cart', 1],
    ['cart', 'carts', 1],
    ['kitten', 'sitting', 3],
    ['ab', 'ba', 1],
  ])('"%s" to "%s" takes %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  test.each<[string, string[], string[]]>([
    ['prcie', ['cart', 'price'], ['price']],
    ['v22', ['v1', 'v2', 'v12'], ['v2', 'v12']],
    ['Cart', ['cart'], ['cart']],
    ['zebra', ['cart', 'price'], []],
    ['v9', ['v1', 'v2', 'v3', 'v4'], ['v1', 'v2', 'v3']],
  ])('for %s of %o: %o', (name, known, near) => {
    expect(nearest(name, known)).toEqual(near);
  });
});

describe('hosts and paths', () => {
  test('a function answers on its own path, the one named like the app on /', () => {
    expect([hostOf('Shop'), pathOf('shop', 'cart'), pathOf('shop', 'shop')]).toEqual([
      'shop.localhost',
      '/cart',
      '/',
    ]);
  });

  test.each(['Hello_App', 'hello-app', '1-Hello.App_'])(
    'of the app %s the function hello-app has /',
    (app) => {
      expect([pathOf(app, 'hello-app'), pathOf(app, 'hello')]).toEqual(['/', '/hello']);
    },
  );

  test.each([
    ['/cart', '/cart'],
    ['/cart?x=/y?z', '/cart'],
    ['/?', '/'],
    ['//cart', '//cart'],
    ['/%2Fcart/', '/%2Fcart/'],
    ['http://shop.localhost/cart?x', '/cart'],
    ['HTTPS://shop.localhost:1//cart', '//cart'],
    ['http://shop.localhost', '/'],
    ['http://shop.localhost?x=/y', '/'],
    ['*', '*'],
    ['cart', 'cart'],
  ])('target %s has path %s', (target, path) => {
    expect(pathOfTarget(target)).toBe(path);
  });
});

describe('the address of a route', () => {
  test.each([
    [null, 'http://shop.localhost/cart'],
    ['http://127.0.0.1:8081', 'http://shop.localhost:8081/cart'],
    ['https://gateway.example.com:8443/x', 'https://shop.localhost:8443/cart'],
    ['https://gateway.example.com', 'https://shop.localhost/cart'],
  ])('behind %s: %s', (gateway, url) => {
    expect(routeUrl(gateway, { host: 'shop.localhost', path: '/cart' })).toBe(url);
  });
});

describe('resolveFunctions', () => {
  const command = (fn: string) => `fnmesh undo ${fn}`;
  const resolve = (names: string[], pattern: string | null) =>
    resolveFunctions('shop', names, pattern, command);

  test.each<[string, string, boolean]>([
    ['cart', 'cart', true],
    ['cart', 'carts', false],
    ['cart*', 'cart', true],
    ['cart*', 'cart-old', true],
    ['*', 'cart', true],
    ['*art', 'cart', true],
    ['c*t', 'cart', true],
    ['c*r*t', 'cart', true],
    ['c*x*t', 'cart', false],
    ['p*t', 'cart', false],
    ['ca*art', 'cart', false],
    ['c.rt', 'cart', false],
  ])('%s against %s: %s', (pattern, name, matched) => {
    expect(globMatches(pattern, name)).toBe(matched);
  });

  test('takes the only function, a named one, or all that a glob matches', () => {
    expect(resolve(['cart'], null)).toEqual(['cart']);
    expect(resolve(['cart', 'price'], 'price')).toEqual(['price']);
    expect(resolve(['cart', 'cart-old', 'price'], 'cart*')).toEqual(['cart', 'cart-old']);
  });

  test.each<[string[], string | null, string, string, string]>([
    [[], null, 'not_found', 'no function of shop has a route', 'fnmesh deploy --all'],
    [
      ['cart', 'price'],
      null,
      'usage',
      'shop has several functions (cart, price): say which one',
      'fnmesh undo cart',
    ],
    [
      ['cart', 'price'],
      'prize',
      'not_found',
      'prize: no such function in shop; did you mean price?',
      'fnmesh undo price',
    ],
    [
      ['cart', 'price'],
      'x*',
      'not_found',
      'x*: no such function in shop; there are cart, price',
      'fnmesh undo cart',
    ],
  ])('of %o, %s is an error %s', (names, pattern, code, message, suggestion) => {
    expect(() => resolve(names, pattern)).toThrow(
      expect.objectContaining({ code, message, try: suggestion }),
    );
  });
});
