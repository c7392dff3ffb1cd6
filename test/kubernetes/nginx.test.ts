// Requests through real proxies, both kinds, to a server that answers as told.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from '../helpers/data-plane.js';
import { hasNginx } from '../helpers/nginx.js';
import { exchange, headerValues, requestBytes } from '../helpers/raw-http.js';
import { startProxies } from './proxies.js';
import type { Proxies } from './proxies.js';

/** What the server shall do, by the request's X-Do. */
const DOES: Record<string, (req: IncomingMessage, res: ServerResponse) => void> = {
  url: (req, res) => {
    const text = `${req.method} ${req.url}`;
    res.setHeader('Content-Length', text.length).end(text);
  },
  headers: (req, res) => res.end(JSON.stringify(req.rawHeaders)),
  own: (_, res) => {
    res
      .setHeader('Server', 'mine')
      .setHeader('Set-Cookie', ['a=1', 'b=2'])
      .setHeader('Location', '/t/shop/elsewhere');
    res
      .setHeader('Fnmesh-Version', 'v9')
      .setHeader('Fnmesh-Function', 'evil')
      .setHeader('X-Accel-Redirect', '/.fnmesh/ready');
    res.setHeader('X-Large', 'x'.repeat(40_000));
    res.writeHead(302).end('own');
  },
  'not-found': (_, res) => res.writeHead(404, { 'Content-Type': 'text/x-mine' }).end('mine'),
  'bad-gateway': (_, res) => res.writeHead(502).end('mine'),
  'timed-out': (_, res) => res.writeHead(504).end('mine'),
  trailers: (_, res) => {
    res.writeHead(200, { Trailer: 'X-Sum' }).write('body');
    res.addTrailers({ 'X-Sum': '1' });
    res.end();
  },
  hangup: (req) => req.socket.destroy(),
};

describe.runIf(hasNginx).each(['dedicated', 'shared'] as const)('a %s proxy before any server', (mode) => {
  let server: Server;
  let proxies: Proxies;
  beforeAll(async () => {
    server = createServer({ maxHeaderSize: 1024 * 1024 }, (req, res) =>
      DOES[String(req.headers['x-do'] ?? 'url')]!(req, res),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxies = await startProxies(mode, (server.address() as AddressInfo).port, {
      cart: ['v1'],
      shop: ['v1'],
    });
  });
  afterAll(async () => {
    await proxies.stop();
    server.close();
  });
  const raw = async (
    version: string,
    path: string,
    headers: Record<string, string | string[]> = {},
    method = 'GET',
  ) => {
    const door = proxies.door(version);
    const bytes = requestBytes({
      method,
      path,
      headers: { Host: 'hello.example.com', ...door.headers, ...headers },
    });
    return (await exchange({ host: '127.0.0.1', port: door.port }, bytes, method))!;
  };

  test.each([
    ['/cart', 'GET /t/shop/cart-v1'],
    ['/cart?query', 'GET /t/shop/cart-v1?query'],
    ['/cart?', 'GET /t/shop/cart-v1'],
    ['/cart?a=/../b?c&$host{}%0d%0a', 'GET /t/shop/cart-v1?a=/../b?c&$host{}%0d%0a'],
    ['http://hello.example.com/cart?a', 'GET /t/shop/cart-v1?a'],
    ['/cart/', null],
    ['/cartx', null],
    ['/car', null],
    ['/CART', null],
    ['//cart', null],
    ['/./cart', null],
    ['/x/../cart', null],
    ['/%63art', null],
    ['/cart%2F', null],
    ['%2Fcart', 400],
    ['/cart%00', 400],
    ['/cart#a', null],
    ['/', null],
  ])('takes %s for what it is', async (path, answered) => {
    const answer = await raw('cart/v1', path);
    if (answered === null) {
      expect(JSON.parse(String(answer.body))).toEqual({
        message: expect.stringMatching(
          /^Route not found: cart(\/v1)? answers at \/cart only; paths match exactly$/,
        ) as string,
      });
    }
    expect([answer.status, String(answer.body)]).toEqual(
      typeof answered === 'string' ? [200, answered] : [answered ?? 404, expect.any(String)],
    );
  });

  test.each([2000, 60_000])('takes a path of %d characters for what it is', async (length) => {
    expect((await raw('cart/v1', `/cart${'x'.repeat(length)}`)).status).toBe(404);
    expect((await raw('cart/v1', `/cart?${'x'.repeat(length)}`)).status).toBe(200);
  });

  test.each([
    ['/', 'GET /t/shop/shop-v1'],
    ['/?q=1', 'GET /t/shop/shop-v1?q=1'],
    ['http://hello.example.com', 'GET /t/shop/shop-v1'],
    ['//', null],
    ['/shop', null],
    ['/cart', null],
  ])('takes %s for what it is, before the function named like the app', async (path, answered) => {
    const answer = await raw('shop/v1', path);
    expect([answer.status, answered === null ? null : String(answer.body)]).toEqual([
      answered === null ? 404 : 200,
      answered,
    ]);
  });

  test('passes HEAD, and methods of other protocols, but neither TRACE nor CONNECT', async () => {
    const head = await raw('cart/v1', '/cart', {}, 'HEAD');
    expect([head.status, headerValues(head, 'content-length')]).toEqual([
      200,
      [String('HEAD /t/shop/cart-v1'.length)],
    ]);
    expect(String((await raw('cart/v1', '/cart', {}, 'PROPFIND')).body)).toBe('PROPFIND /t/shop/cart-v1');
    expect((await raw('cart/v1', '/cart', {}, 'TRACE')).status).toBe(405);
    expect((await raw('cart/v1', 'a:1', {}, 'CONNECT')).status).toBeGreaterThanOrEqual(400);
  });

  test('passes headers, repeated and large ones too, but those of the connection', async () => {
    const answer = await raw('cart/v1', '/cart', {
      'X-Do': 'headers',
      'X-Two': ['1', '2'],
      'X-Large': 'x'.repeat(60_000),
      Cookie: 'a=1; b=2',
      Authorization: 'Bearer x',
      'Accept-Encoding': 'gzip',
      'Keep-Alive': 'timeout=5',
      'Proxy-Connection': 'keep-alive',
      TE: 'trailers',
      Trailer: 'X-Sum',
      Upgrade: 'websocket',
    });
    const seen = JSON.parse(String(answer.body)) as string[];
    const names = seen.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(names.sort()).toEqual([
      ...['accept-encoding', 'authorization', 'connection', 'cookie', 'host', 'x-do'],
      ...['x-forwarded-for', 'x-forwarded-host', 'x-large', 'x-two', 'x-two'],
    ]);
    expect(seen[seen.indexOf('Connection') + 1]).toBe('close');
    expect(seen[seen.indexOf('X-Large') + 1]).toHaveLength(60_000);
  });

  test('tells the function the host that was asked for, whatever the caller says of it', async () => {
    const said = { 'X-Forwarded-Host': ['first.example', 'second.example'] };
    const answer = await raw('cart/v1', '/cart', {
      'X-Do': 'headers',
      Host: 'shop.example.com:8080',
      ...said,
    });
    const seen = JSON.parse(String(answer.body)) as string[];
    const hosts = seen.filter((_, at) => seen[at - 1]?.toLowerCase() === 'x-forwarded-host');
    expect(hosts).toEqual(['shop.example.com:8080']);
  });

  test('passes an answer as it is, but its marks, and takes no orders from it', async () => {
    const answer = await raw('cart/v1', '/cart', { 'X-Do': 'own' });
    expect([answer.status, String(answer.body)]).toEqual([302, 'own']);
    expect(headerValues(answer, 'server')).toEqual(['mine']);
    expect(headerValues(answer, 'set-cookie')).toEqual(['a=1', 'b=2']);
    expect(headerValues(answer, 'location')).toEqual(['/t/shop/elsewhere']);
    expect(headerValues(answer, 'x-large')[0]).toHaveLength(40_000);
    expect(headerValues(answer, 'fnmesh-version')).toEqual(['v1']);
    expect(headerValues(answer, 'fnmesh-function')).toEqual(['cart']);
    expect(headerValues(answer, 'x-accel-redirect')).toEqual([]);
  });

  test.each([
    ['not-found', 404],
    ['bad-gateway', 502],
    ['timed-out', 504],
  ])('leaves the server’s own %s alone', async (does, status) => {
    const answer = await raw('cart/v1', '/cart', { 'X-Do': does });
    expect([answer.status, String(answer.body)]).toEqual([status, 'mine']);
  });

  test('drops trailers', async () => {
    const door = proxies.door('cart/v1');
    const answer = await ask(door.port, '/cart', { headers: { ...door.headers, 'x-do': 'trailers' } });
    expect([answer.status, answer.text]).toEqual([200, 'body']);
  });

  test('says when the server broke off', async () => {
    const answer = await raw('cart/v1', '/cart', { 'X-Do': 'hangup' });
    expect([answer.status, JSON.parse(String(answer.body))]).toEqual([
      502,
      {
        message: expect.stringMatching(
          /^The Fn server at fn-lb\.fn\.svc\.cluster\.local:\d+ broke off \(127\.0\.0\.1:\d+\)$/,
        ) as string,
      },
    ]);
    expect(headerValues(answer, 'fnmesh-version')).toEqual(['v1']);
  });

  test('says that it runs, whatever the server does', async () => {
    const answer = await raw('cart/v1', '/.fnmesh/ready', { Fnmeshroute: 'odd' });
    expect([answer.status, JSON.parse(String(answer.body))]).toEqual([200, { message: 'ready' }]);
  });

  test('answers 100 Continue itself', async () => {
    const door = proxies.door('cart/v1');
    const lines = Object.entries({
      Host: 'x',
      ...door.headers,
      Expect: '100-continue',
      'Content-Length': '1',
      'X-Do': 'headers',
    });
    const text = `POST /cart HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\na`;
    const answer = await exchange({ host: '127.0.0.1', port: door.port }, Buffer.from(text), 'POST');
    expect(answer?.status).toBe(200);
    expect(String(answer?.body).toLowerCase()).not.toContain('expect');
  });
});
