// Bytes that proxies and servers have read in different ways: what comes out of a proxy is one request, or none.
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ROUTE_HEADER } from '../../src/kubernetes/names.js';
import { hasNginx } from '../helpers/nginx.js';
import { startProxies } from './proxies.js';
import type { Proxies } from './proxies.js';

/** Sends the bytes and gives all that comes back until the other side closes, or is silent after an answer. */
function talk(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    socket.setEncoding('latin1').on('data', (part: string) => (heard += part));
    // An unfinished request is waited for: ending our side is what ends it.
    socket.setTimeout(300, () => (socket.writableEnded ? socket.destroy() : socket.end()));
    socket.on('error', (error: NodeJS.ErrnoException) => error.code !== 'ECONNRESET' && reject(error));
    socket.on('close', () => resolve(heard));
  });
}

const statuses = (heard: string): number[] =>
  [...heard.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, code]) => Number(code));

describe.runIf(hasNginx).each(['dedicated', 'shared'] as const)('a %s proxy', (mode) => {
  /** What came over each connection, whole. */
  let received: string[] = [];
  let server: Server;
  let proxies: Proxies;
  let lead = '';
  beforeAll(async () => {
    server = createServer((socket) => {
      const index = received.push('') - 1;
      socket.setEncoding('latin1').on('data', (part: string) => {
        received[index] += part;
        const [head, body] = received[index]!.split(/\r\n\r\n(.*)/s);
        const length = Number(/^content-length: (\d+)/im.exec(head!)?.[1] ?? 0);
        if (body !== undefined && body.length >= length) {
          socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
        }
      });
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxies = await startProxies(mode, (server.address() as AddressInfo).port, {
      cart: ['v1'],
      price: ['v1'],
    });
    const own = Object.entries(proxies.door('cart/v1').headers).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    lead = `Host: hello.example.com\r\n${own.join('')}`;
  });
  beforeEach(() => {
    received = [];
  });
  afterAll(async () => {
    await proxies.stop();
    server.close();
  });

  /** What follows whatever is smuggled: had it been taken for a request of its own, its path would show. */
  const NEXT = 'GET /t/shop/secret HTTP/1.1\r\nHost: x\r\n\r\n';
  const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

  test.each<[string, () => string]>([
    [
      'both lengths',
      () =>
        `POST /cart HTTP/1.1\r\n${lead}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${NEXT}`,
    ],
    [
      'both lengths, the other way round',
      () =>
        `POST /cart HTTP/1.1\r\n${lead}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${NEXT}`,
    ],
    [
      'two different lengths',
      () => `POST /cart HTTP/1.1\r\n${lead}Content-Length: 0\r\nContent-Length: 40\r\n\r\n${NEXT}`,
    ],
    [
      'two equal lengths',
      () => `POST /cart HTTP/1.1\r\n${lead}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`,
    ],
    ['a list of lengths', () => `POST /cart HTTP/1.1\r\n${lead}Content-Length: 1, 1\r\n\r\na`],
    ['a length with a sign', () => `POST /cart HTTP/1.1\r\n${lead}Content-Length: +1\r\n\r\na`],
    ['a hexadecimal length', () => `POST /cart HTTP/1.1\r\n${lead}Content-Length: 0x1\r\n\r\na`],
    [
      'a length beyond all',
      () => `POST /cart HTTP/1.1\r\n${lead}Content-Length: 99999999999999999999\r\n\r\na`,
    ],
    [
      'chunked twice',
      () =>
        `POST /cart HTTP/1.1\r\n${lead}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${chunked('a')}`,
    ],
    [
      'chunked and something',
      () => `POST /cart HTTP/1.1\r\n${lead}Transfer-Encoding: chunked, identity\r\n\r\n${chunked('a')}`,
    ],
    [
      'nearly chunked',
      () => `POST /cart HTTP/1.1\r\n${lead}Transfer-Encoding: xchunked\r\n\r\n${chunked('a')}`,
    ],
    [
      'chunked after a vertical tab',
      () => `POST /cart HTTP/1.1\r\n${lead}Transfer-Encoding: \x0bchunked\r\n\r\n${chunked('a')}`,
    ],
    [
      'a space before the colon',
      () => `POST /cart HTTP/1.1\r\n${lead}Transfer-Encoding : chunked\r\n\r\n${chunked('a')}`,
    ],
    [
      'a folded header',
      () => `POST /cart HTTP/1.1\r\n${lead}Transfer-Encoding:\r\n chunked\r\n\r\n${chunked('a')}`,
    ],
    ['a header that starts with a space', () => `POST /cart HTTP/1.1\r\n Content-Length: 9\r\n${lead}\r\n`],
    [
      'chunked in HTTP/1.0',
      () => `POST /cart HTTP/1.0\r\n${lead}Transfer-Encoding: chunked\r\n\r\n${chunked('a')}`,
    ],
    [
      'a chunk of negative size',
      () => `POST /cart HTTP/1.1\r\n${lead}Transfer-Encoding: chunked\r\n\r\n-1\r\n${NEXT}`,
    ],
    [
      'a chunk of a size beyond all',
      () => `POST /cart HTTP/1.1\r\n${lead}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n${NEXT}`,
    ],
    [
      'a chunk longer than it says',
      () => `POST /cart HTTP/1.1\r\n${lead}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n`,
    ],
    ['a zero byte in a header', () => `GET /cart HTTP/1.1\r\n${lead}X: a\0b\r\n\r\n`],
    ['a zero byte in a name', () => `GET /cart HTTP/1.1\r\n${lead}X\0: a\r\n\r\n`],
    ['two hosts', () => `GET /cart HTTP/1.1\r\n${lead}Host: other\r\n\r\n`],
    ['no host', () => `GET /cart HTTP/1.1\r\n${lead.replace(/^.*\r\n/, '')}\r\n`],
    ['a space in the path', () => `GET /cart x HTTP/1.1\r\n${lead}\r\n`],
    ['a tab in the path', () => `GET /cart?\tx HTTP/1.1\r\n${lead}\r\n`],
    ['a line break of its own in the path', () => `GET /cart?\rX: y HTTP/1.1\r\n${lead}\r\n`],
    ['a method in small letters', () => `get /cart HTTP/1.1\r\n${lead}\r\n`],
    ['HTTP/2.0', () => `GET /cart HTTP/2.0\r\n${lead}\r\n`],
    ['the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a body that never comes', () => `POST /cart HTTP/1.1\r\n${lead}Content-Length: 9\r\n\r\na`],
    [
      'a chunk that never ends',
      () => `POST /cart HTTP/1.1\r\n${lead}Transfer-Encoding: chunked\r\n\r\n5\r\na`,
    ],
  ])('refuses %s', async (_, bytes) => {
    const heard = await talk(proxies.door('cart/v1').port, bytes());
    expect(received).toEqual([]);
    expect(statuses(heard).filter((status) => status < 400)).toEqual([]);
    expect(heard).not.toContain('secret');
  });

  test.each<[string, () => string, string, string]>([
    [
      'chunked with capitals',
      () => `POST /cart HTTP/1.1\r\n${lead}Transfer-Encoding: CHUNKED\r\n\r\n${chunked('abc')}`,
      '',
      'abc',
    ],
    [
      'a chunk with an extension',
      () => `POST /cart HTTP/1.1\r\n${lead}Transfer-Encoding: chunked\r\n\r\n3;x="y"\r\nabc\r\n0\r\n\r\n`,
      '',
      'abc',
    ],
    [
      'trailers',
      () =>
        `POST /cart HTTP/1.1\r\n${lead}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Evil: 1\r\n\r\n`,
      '',
      'abc',
    ],
    [
      'a request as a body',
      () => `POST /cart HTTP/1.1\r\n${lead}Content-Length: ${NEXT.length}\r\n\r\n${NEXT}`,
      '',
      NEXT,
    ],
    ['a body with GET', () => `GET /cart HTTP/1.1\r\n${lead}Content-Length: 3\r\n\r\nabc`, '', 'abc'],
    [
      'lines that end without CR',
      () => `POST /cart HTTP/1.1\r\n${lead}Content-Length: 3\r\n\r\nabc`.replaceAll('\r', ''),
      '',
      'abc',
    ],
    ['escaped line breaks', () => `GET /cart?a=%0d%0aX:%20y HTTP/1.1\r\n${lead}\r\n`, '?a=%0d%0aX:%20y', ''],
    ['an answer’s line in a header', () => `GET /cart HTTP/1.1\r\n${lead}X: HTTP/1.1 200 OK\r\n\r\n`, '', ''],
    [
      'a header that names others hop by hop',
      () => `GET /cart HTTP/1.1\r\n${lead}Connection: close, X-Forwarded-For, ${ROUTE_HEADER}\r\n\r\n`,
      '',
      '',
    ],
  ])('makes one plain request of %s', async (_, bytes, query, body) => {
    const heard = await talk(proxies.door('cart/v1').port, bytes());
    expect(statuses(heard)).toEqual([200]);
    expect(received).toHaveLength(1);
    const [head, sent] = received[0]!.split(/\r\n\r\n(.*)/s);
    const [first, ...lines] = head!.split('\r\n');
    expect(first).toMatch(/^(GET|POST) \S+ HTTP\/1\.1$/);
    expect(first!.split(' ')[1]).toBe(`/t/shop/cart-v1${query}`);
    expect(sent).toBe(body);
    const names = lines.map((line) => /^([A-Za-z0-9_-]+): ?/.exec(line)![1]!.toLowerCase());
    expect(names).not.toContain('transfer-encoding');
    expect(names).not.toContain('x-evil');
    expect(names.filter((name) => name === 'host')).toEqual(['host']);
    expect(names).toContain('x-forwarded-for');
    const lengths = lines.filter((line) => /^content-length:/i.test(line)).map((line) => line.split(': ')[1]);
    expect(lengths).toEqual(body === '' ? [] : [String(body.length)]);
    expect(head).not.toMatch(/[^\r]\n|\r[^\n]/);
  });

  test('answers requests that come at once one after the other, each on its own connection to the server', async () => {
    const one = (query: string): string =>
      `POST /cart?${query} HTTP/1.1\r\n${lead}Content-Length: 1\r\n\r\n${query}`;
    const heard = await talk(proxies.door('cart/v1').port, one('1') + one('2') + one('3'));
    expect(statuses(heard)).toEqual([200, 200, 200]);
    expect(received.map((text) => /\?(\d)/.exec(text)![1])).toEqual(['1', '2', '3']);
  });
});

describe.runIf(hasNginx)('a shared proxy', () => {
  let received: string[] = [];
  let server: Server;
  let proxies: Proxies;
  beforeAll(async () => {
    server = createServer((socket) => {
      socket.setEncoding('latin1').once('data', (part: string) => {
        received.push(part.split(' ')[1]!);
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxies = await startProxies('shared', (server.address() as AddressInfo).port);
  });
  beforeEach(() => {
    received = [];
  });
  afterAll(async () => {
    await proxies.stop();
    server.close();
  });
  const ask = (...headers: string[]): Promise<string> => {
    const lines = ['GET /cart HTTP/1.1', 'Host: x', 'Connection: close', ...headers, '', ''];
    return talk(proxies.door('cart/v1').port, lines.join('\r\n'));
  };

  test.each([
    'cart/v1 t/shop/cart/v1',
    'cart/v1 t/shop/',
    'cart/v1-rc t/shop/...',
    'cart/v1 t/shop/a/',
    `cart/v1 t/shop/${'a'.repeat(1000)}`,
  ])('goes where the route says: %s', async (value) => {
    const heard = await ask(`${ROUTE_HEADER}: ${value}`);
    expect(statuses(heard)).toEqual([200]);
    expect(received).toEqual([`/${value.split(' ')[1]}`]);
    expect(heard).toMatch(/\r\nFnmesh-Function: cart\r\nFnmesh-Version: v1/);
  });

  test.each([
    [[]],
    [['']],
    [['cart/v1']],
    [['t/shop/cart/v1']],
    [['cart/v1 /t/shop/cart/v1']],
    [['cart/v1 t/other/cart/v1']],
    [['cart/v1 t/shop']],
    [['cart/v1 t/shopping/cart']],
    [['cart/v1 T/shop/cart/v1']],
    [['cart/v1 t/shop//cart']],
    [['cart/v1 t/shop/./cart']],
    [['cart/v1 t/shop/../other/cart']],
    [['cart/v1 t/shop/cart/..']],
    [['cart/v1 t/shop/cart/.']],
    [['cart/v1 t/shop/cart?admin']],
    [['cart/v1 t/shop/%2e%2e/cart']],
    [['cart/v1 t/shop/cart v1']],
    [['cart/v1  t/shop/cart']],
    [['cart/v1 t/shop/cart#']],
    [['cart/v1 t/shop/$host']],
    [['Cart/v1 t/shop/cart']],
    [['cart/latest t/shop/cart']],
    [['cart/v1 http://other/t/shop/cart']],
    [['cart/v1@other t/shop/cart']],
    [['cart/v1 t/shop/cart, cart/v2 t/shop/cart']],
    [[`cart/v1 t/shop/${'a/'.repeat(9000)}!`]],
  ])('is misdirected by %j', async (values) => {
    const heard = await ask(...values.map((value) => `${ROUTE_HEADER}: ${value}`));
    expect(statuses(heard)).toEqual([421]);
    expect(heard).toContain(
      '{"message":"Misdirected: the proxy of shop answers only what a route of it sends"}',
    );
    expect(received).toEqual([]);
  });

  test('goes by the one header of that very name', async () => {
    const evil = 'cart/v1 t/shop/evil';
    for (const name of ['Fnmesh_route', 'Fnmesh-Route', 'Fnmeshroute_', '_Fnmeshroute', 'X-Fnmeshroute']) {
      await ask(`${name}: ${evil}`, `${ROUTE_HEADER}: cart/v1 t/shop/good`, `${name}: ${evil}`);
      expect(statuses(await ask(`${name}: ${evil}`))).toEqual([421]);
    }
    expect(new Set(received)).toEqual(new Set(['/t/shop/good']));
  });
});
