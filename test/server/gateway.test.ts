// The gateway with real processes: which function and version answers, what the reply says, what is counted.
import { Agent } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Fn } from '../../src/fn/model.js';
import type { Route } from '../../src/routing/route.js';
import { ask, testPlane, until, type TestPlane } from '../helpers/data-plane.js';

let plane: TestPlane;
const fns: Record<string, Fn> = {};
const message = (text: string) => (JSON.parse(text) as { message: string }).message;

beforeAll(async () => {
  plane = await testPlane();
  for (const version of ['v1', 'v2']) fns[version] = plane.add(`cart-${version}`, { GREETING: version });
});
afterAll(() => plane.close());
beforeEach(() => plane.route('cart', { v1: 10_000, v2: 0 }));
afterEach(() => plane.catalog.removeRoute('shop', 'cart'));

const get = (path: string, headers: Record<string, string> = {}) => ask(plane.gatewayPort, path, { headers });
const version = (answer: { headers: Record<string, unknown> }) => answer.headers['fnmesh-version'];

function change(part: Partial<Route>): void {
  const { route } = plane.catalog.route('shop', 'cart')!;
  plane.catalog.putRoute({ ...route, ...part });
}

describe('which function', () => {
  test.each(['/cart', '/cart?x=1', '/cart?', '/cart?a=/b'])('%s is it', async (path) => {
    const answer = await get(path);
    expect([answer.status, answer.headers['fnmesh-function'], version(answer)]).toEqual([200, 'cart', 'v1']);
    expect(answer.text).toMatch(/^v1 /);
  });

  test.each(['/', '/cart/', '/cartx', '//cart', '/cart%2F', '/%63art', '/Cart', '/cart/x', '/cart;x'])(
    '%s is not',
    async (path) => {
      const answer = await get(path);
      expect(answer.status).toBe(404);
      expect(message(answer.text)).toMatch(/^Route not found: no app has a function at /);
      expect(answer.headers['fnmesh-function']).toBeUndefined();
    },
  );

  test('the reason names the path that was meant', async () => {
    for (const path of ['/cart/', '//cart', '/cart/x', '/cart%2F']) {
      expect(message((await get(path)).text)).toMatch(/; paths match exactly, and there is \/cart$/);
    }
  });

  test.each([
    'shop.localhost',
    'SHOP.LocalHost:99',
    'shop.localhost.',
    '127.0.0.1',
    'nosuch.localhost',
    'x.test:1',
  ])('host %s', async (host) => {
    expect((await get('/cart', { Host: host })).status).toBe(200);
  });

  test('several apps with the path: the host decides, and is asked for', async () => {
    plane.catalog.addApp('Other');
    const { route } = plane.catalog.route('shop', 'cart')!;
    plane.catalog.putRoute({ ...route, app: 'Other', host: 'other.localhost' });
    expect((await get('/cart', { Host: 'shop.localhost' })).status).toBe(200);
    const other = await get('/cart', { Host: 'other.localhost' });
    // That app has no such trigger; the route is known all the same.
    expect([other.status, message(other.text), version(other)]).toEqual([404, 'Trigger not found', 'v1']);
    const open = await get('/cart');
    expect(open.status).toBe(404);
    expect(message(open.text)).toMatch(/send one of these as Host: other\.localhost, shop\.localhost$/);
    plane.catalog.removeRoute('Other', 'cart');
  });

  test('an app that has not the path does not fall back to one that has', async () => {
    plane.catalog.addApp('empty');
    const answer = await get('/cart', { Host: 'empty.localhost' });
    expect([answer.status, message(answer.text)]).toEqual([
      404,
      'Route not found: empty has no function at /cart',
    ]);
  });
});

describe('an app named in the path', () => {
  beforeEach(() => {
    const { route } = plane.catalog.route('shop', 'cart')!;
    plane.catalog.putRoute({ ...route, app: 'far', host: 'far.localhost' });
    plane.catalog.putRoute({ ...route, function: 'shop', path: '/' });
  });
  afterEach(() => {
    plane.catalog.removeRoute('far', 'cart');
    plane.catalog.removeRoute('shop', 'shop');
  });

  test.each([
    ['/.app/shop/cart', 'cart'],
    ['/.app/shop/cart?x=/.app/y', 'cart'],
    ['/.app/SHOP/cart', 'cart'],
    ['/.app/shop', 'shop'],
    ['/.app/shop/', 'shop'],
    ['/.app/shop?x=1', 'shop'],
    ['http://any.test/.app/shop/cart', 'cart'],
  ])('%s', async (path, name) => {
    for (const Host of ['127.0.0.1:8082', 'host.docker.internal', 'far.localhost']) {
      const answer = await get(path, { Host });
      expect([answer.status, answer.headers['fnmesh-function'], answer.text.slice(0, 2)]).toEqual([
        200,
        name,
        'v1',
      ]);
    }
  });

  test.each([
    ['/.app/shop//cart', 'shop has no function at //cart; paths match exactly, and there is /cart'],
    ['/.app/shop/cart/', 'shop has no function at /cart/; paths match exactly, and there is /cart'],
    ['/.app/shop/.app/shop/cart', 'shop has no function at /.app/shop/cart'],
    ['/.app/far/', 'far has no function at /'],
    [
      '/.app/nosuch/cart',
      "nosuch.localhost is no app's host; /cart is there at far.localhost, shop.localhost",
    ],
    ['/.app/nosuch', "nosuch.localhost is no app's host; / is there at shop.localhost"],
    ['/.app//cart', ".localhost is no app's host; /cart is there at far.localhost, shop.localhost"],
    ['/.app/', ".localhost is no app's host; / is there at shop.localhost"],
    ['/.app', 'no app has a function at /.app'],
    [
      '/.app/sh%6fp/cart',
      "sh%6fp.localhost is no app's host; /cart is there at far.localhost, shop.localhost",
    ],
    ['/%2eapp/shop/cart', 'no app has a function at /%2eapp/shop/cart'],
    ['/.app%2Fshop/cart', 'no app has a function at /.app%2Fshop/cart'],
    ['/.app/shop%2Fcart', "shop%2Fcart.localhost is no app's host; / is there at shop.localhost"],
    ['/.app/shop.localhost/cart', "shop.localhost.localhost is no app's host; /cart is there at"],
    ['/.APP/shop/cart', 'no app has a function at /.APP/shop/cart'],
    ['//.app/shop/cart', 'no app has a function at //.app/shop/cart'],
    ['/x/../.app/shop/cart', 'no app has a function at /x/../.app/shop/cart'],
  ])('%s is not', async (path, why) => {
    const answer = await get(path, { Host: 'x.test' });
    expect(answer.status).toBe(404);
    expect(message(answer.text)).toContain(why);
    expect(answer.headers['fnmesh-function']).toBeUndefined();
  });

  test('that only has routes, since its functions are on other servers', async () => {
    const answer = await get('/.app/far/cart');
    expect([answer.status, message(answer.text), version(answer)]).toEqual([404, 'App not found', 'v1']);
    expect(message((await get('/', { Host: 'far.localhost' })).text)).toMatch(/^Route not found: /);
  });
});

describe('which version', () => {
  test('the split, exactly and at once after a write', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    for (const [v1, v2] of [
      [5000, 5000],
      [9000, 1000],
      [0, 10_000],
      [10_000, 0],
    ] as const) {
      plane.route('cart', { v1, v2 });
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => ask(plane.gatewayPort, '/cart', { agent })),
      );
      expect(answers.every(({ status }) => status === 200)).toBe(true);
      const seen = answers.filter((answer) => version(answer) === 'v1').length;
      expect(Math.abs(seen - v1 / 100)).toBeLessThanOrEqual(v1 % 10_000 === 0 ? 0 : 2);
      expect(answers.every((answer) => answer.text.startsWith(String(version(answer))))).toBe(true);
    }
    agent.destroy();
  });

  test('Fnmesh-Version pins; an unknown one falls through', async () => {
    expect(version(await get('/cart', { 'Fnmesh-Version': 'v2' }))).toBe('v2');
    expect(version(await get('/cart', { 'fnmesh-version': 'v9' }))).toBe('v1');
    expect(version(await get('/cart', { 'Fnmesh-Version': 'toString' }))).toBe('v1');
  });

  test('rules come before the split, in order', async () => {
    change({
      rules: [
        { when: { header: 'X-Beta', equals: 'yes' }, version: 'v2' },
        { when: { cookie: 'who', equals: 'me' }, version: 'v2' },
      ],
    });
    expect(version(await get('/cart', { 'x-beta': 'yes' }))).toBe('v2');
    expect(version(await get('/cart', { 'x-beta': 'no' }))).toBe('v1');
    expect(version(await get('/cart', { Cookie: 'a=b; who=me' }))).toBe('v2');
    expect(version(await get('/cart', { 'x-beta': 'yes', 'Fnmesh-Version': 'v1' }))).toBe('v1');
  });

  test('a version whose trigger is gone: its share gets the 404 of Fn', async () => {
    change({ destinations: { v1: { fn: 'cart-v1', source: '/cart-v1' }, v2: { fn: 'x', source: '/gone' } } });
    const answer = await get('/cart', { 'Fnmesh-Version': 'v2' });
    expect([answer.status, message(answer.text), version(answer)]).toEqual([404, 'Trigger not found', 'v2']);
    expect((await get('/cart')).status).toBe(200);
  });
});

describe('what passes', () => {
  test("the function sees the caller's own URL, method and headers", async () => {
    const headers = { Host: 'shop.localhost:8082', 'X-Do': 'headers', 'X-A': '1' };
    const answer = await ask(plane.gatewayPort, '/cart?q=1', { method: 'PATCH', headers, body: 'b' });
    const raw = JSON.parse(answer.text) as string[];
    const seen: Record<string, string> = {};
    for (let i = 0; i < raw.length; i += 2) seen[raw[i]!] = raw[i + 1]!;
    expect(seen).toMatchObject({
      'Fn-Http-Method': 'PATCH',
      'Fn-Http-Request-Url': 'http://shop.localhost:8082/cart?q=1',
      'Fn-Http-H-X-A': '1',
      'Fn-Intent': 'httprequest',
      'Transfer-Encoding': 'chunked',
    });
    expect(Object.keys(seen)).not.toContain('Fn-Http-H-Host');
  });

  test('bodies of any bytes and size', async () => {
    const body = Buffer.from(Array.from({ length: 3_000_001 }, (_, i) => i % 256));
    const answer = await ask(plane.gatewayPort, '/cart', { body, headers: { 'X-Do': 'echo' } });
    expect(answer.headers['content-length']).toBe('3000001');
    expect(answer.text).toBe(body.toString('utf8'));
  });

  test('a function cannot set framing or the headers of the gateway', async () => {
    const answer = await get('/cart', { 'X-Do': 'smuggle' });
    expect([answer.text, version(answer), answer.headers['content-length']]).toEqual(['whole', 'v1', '5']);
    expect(answer.headers['transfer-encoding']).toBeUndefined();
  });

  test('failures carry function and version too', async () => {
    const answer = await get('/cart', { 'X-Do': 'exit' });
    expect([answer.status, answer.headers['fnmesh-function'], version(answer)]).toEqual([502, 'cart', 'v1']);
    expect(answer.headers['fn-call-id']).toMatch(/^.{26}$/);
  });

  test('a body over the limit, and a method that Fn does not take', async () => {
    const small = await testPlane({}, { FN_MAX_REQUEST_SIZE: '10' });
    small.add('cart-v1');
    small.route('cart', { v1: 10_000 });
    const answer = await ask(small.gatewayPort, '/cart', { body: 'x'.repeat(11) });
    expect([answer.status, answer.headers['fnmesh-function']]).toEqual([413, 'cart']);
    expect((await ask(small.gatewayPort, '/cart', { method: 'PROPFIND' })).status).toBe(405);
    await small.close();
  });
});

describe('what is counted', () => {
  test('requests, errors, pins and latencies per version; a shift keeps them', async () => {
    const before = plane.plane.gateway.traffic('shop', 'cart');
    await get('/cart');
    await get('/cart', { 'X-Do': 'exit' });
    await get('/cart', { 'Fnmesh-Version': 'v2', 'X-Do': 'sleep 50' });
    plane.route('cart', { v1: 5000, v2: 5000 });
    const [v1, v2] = plane.plane.gateway.traffic('shop', 'cart');
    expect(v1!.requests - before[0]!.requests).toBe(2);
    expect(v1!.errors - before[0]!.errors).toBe(1);
    expect([v2!.requests - before[1]!.requests, v2!.pinned! - before[1]!.pinned!]).toEqual([1, 1]);
    expect([v1!.inFlight, v2!.inFlight]).toEqual([0, 0]);
    expect(v2!.p99).toBeGreaterThanOrEqual(50);
    expect(v2!.p99).toBeLessThan(1000);
  });

  test('served tells what the next request is decided by', () => {
    const { revision } = plane.catalog.route('shop', 'cart')!;
    expect(plane.plane.gateway.served('shop', 'cart')).toEqual({
      function: 'cart',
      revision,
      split: { v1: 10_000, v2: 0 },
    });
    expect(plane.plane.gateway.served('shop', 'none')).toBeNull();
    expect(plane.plane.gateway.traffic('shop', 'none')).toEqual([]);
  });

  test('drained waits for what is under way', async () => {
    const { gateway } = plane.plane;
    const slow = get('/cart', { 'X-Do': 'sleep 200' });
    await until(() => gateway.traffic('shop', 'cart')[0]!.inFlight === 1);
    plane.route('cart', { v1: 0, v2: 10_000 });
    expect(await gateway.drained('shop', 'cart', 'v1', 20)).toBe(false);
    expect(await gateway.drained('shop', 'cart', 'v2', 20)).toBe(true);
    expect(await gateway.drained('shop', 'cart', 'v1', 5000)).toBe(true);
    expect(gateway.traffic('shop', 'cart')[0]!.inFlight).toBe(0);
    expect((await slow).status).toBe(200);
  });
});
