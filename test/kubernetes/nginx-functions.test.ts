// Requests through real proxies, both kinds, to functions on the embedded server.
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, testPlane, until } from '../helpers/data-plane.js';
import type { TestPlane } from '../helpers/data-plane.js';
import { hasNginx } from '../helpers/nginx.js';
import { exchange, requestBytes } from '../helpers/raw-http.js';
import { FN_HOST, startProxies } from './proxies.js';
import type { Proxies } from './proxies.js';

describe.runIf(hasNginx).each(['dedicated', 'shared'] as const)('a %s proxy before functions', (mode) => {
  let plane: TestPlane;
  let proxies: Proxies;
  beforeAll(async () => {
    plane = await testPlane();
    for (const name of ['cart-v1', 'cart-v2', 'shop-v1']) plane.add(name, { GREETING: `this is ${name}` });
    proxies = await startProxies(mode, plane.fnPort, { cart: ['v1', 'v2'], shop: ['v1'] });
  });
  afterAll(async () => {
    await proxies.stop();
    await plane.close();
  });
  const call = (
    version: string,
    path: string,
    { headers = {}, ...options }: Parameters<typeof ask>[2] = {},
  ): ReturnType<typeof ask> => {
    const door = proxies.door(version);
    return ask(door.port, path, {
      ...options,
      headers: { host: 'hello.example.com', ...door.headers, ...headers },
    });
  };

  test.each([
    ['cart/v1', '/cart'],
    ['cart/v2', '/cart'],
    ['shop/v1', '/'],
  ])('leads to %s at %s', async (version, path) => {
    const answer = await call(version, path);
    const [fn, v] = version.split('/');
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining(`this is ${fn}-${v} `)]);
    expect(answer.headers).toMatchObject({ 'fnmesh-function': fn, 'fnmesh-version': v });
    expect(answer.headers['fn-call-id']).toMatch(/^[0-9A-Z]{26}$/);
  });

  test('tells the function of the caller, not of the mesh', async () => {
    const answer = await call('cart/v1', '/cart?a=1&b=%2F', {
      headers: {
        'x-do': 'headers',
        x_under: 'kept',
        'x-forwarded-for': '192.0.2.7',
        'x-forwarded-proto': 'https',
        'fnmesh-version': 'v1.secret',
      },
    });
    const raw = JSON.parse(answer.text) as string[];
    const seen = new Map<string, string>();
    for (let i = 0; i < raw.length; i += 2) seen.set(raw[i]!.toLowerCase(), raw[i + 1]!);
    expect(Object.fromEntries(seen)).toMatchObject({
      'fn-http-method': 'GET',
      'fn-http-request-url': `http://${FN_HOST}:${plane.fnPort}/t/shop/cart-v1?a=1&b=%2F`,
      'fn-http-h-x_under': 'kept',
      'fn-http-h-x-forwarded-for': '192.0.2.7, 127.0.0.1',
      'fn-http-h-x-forwarded-host': 'hello.example.com',
      'fn-http-h-x-forwarded-proto': 'https',
    });
    expect([...seen.keys()].filter((name) => name.includes('fnmesh'))).toEqual([]);
  });

  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('passes %s', async (method) => {
    const body = method === 'GET' ? undefined : 'a body';
    const answer = await call('cart/v1', '/cart', {
      method,
      headers: body === undefined ? {} : { 'x-do': 'echo', 'content-length': String(body.length) },
      ...(body !== undefined && { body }),
    });
    expect([answer.status, answer.text]).toEqual([200, body ?? expect.stringContaining('this is cart-v1')]);
  });

  test('passes bodies of 64 MiB there and back, and refuses larger ones', async () => {
    const body = randomBytes(32 * 1024 ** 2).toString('hex');
    const answer = await call('cart/v1', '/cart', { headers: { 'x-do': 'echo' }, body });
    expect([answer.status, answer.text.length]).toEqual([200, body.length]);
    const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
    expect(hash(answer.text)).toBe(hash(body));

    const door = proxies.door('cart/v1');
    const head = {
      method: 'POST',
      path: '/cart',
      headers: { Host: 'x', ...door.headers, 'Content-Length': String(body.length + 1) },
    };
    const [first] = requestBytes(head).toString().split('Content-Length: 0\r\n');
    const refused = await exchange(
      { host: '127.0.0.1', port: door.port },
      Buffer.from(`${first}\r\n`),
      'POST',
    );
    expect([refused?.status, JSON.parse(String(refused?.body))]).toEqual([
      413,
      { message: 'Request body too large: at most 67108864 bytes' },
    ]);
  });

  test('gives the errors of Fn as they are', async () => {
    const answer = await call('cart/v1', '/cart', { headers: { 'x-do': 'exit' } });
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      502,
      { message: 'error receiving function response' },
    ]);
    expect(answer.headers).toMatchObject({
      'fnmesh-version': 'v1',
      'fn-call-id': expect.any(String) as string,
    });
  });

  test('logs each request as JSON, with version, Fn-Call-Id and times, and no query', async () => {
    const door = proxies.door('cart/v2');
    const { headers } = await call('cart/v2', '/cart?password=x', { headers: { 'x-request-id': 'r-"1\\' } });
    const found = () => door.nginx.accesses().find(({ requestId }) => requestId === 'r-"1\\');
    await until(() => found() !== undefined);
    const line = found()!;
    expect(line).toMatchObject({
      function: 'cart',
      version: 'v2',
      method: 'GET',
      path: '/cart',
      status: 200,
      callId: headers['fn-call-id'],
    });
    expect(line.upstreamSeconds).toBeLessThanOrEqual(line.seconds + 0.01);
    expect(Math.abs(line.at * 1000 - Date.parse(line.time))).toBeLessThan(1001);
    expect(door.nginx.accesses().filter(({ path }) => path.includes('ready'))).toEqual([]);
  });
});
