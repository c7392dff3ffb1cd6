// The gateway before functions on another Fn server: real sockets on both sides, and what may go wrong on either.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ask, testPlane, until, type TestPlane } from '../helpers/data-plane.js';
import { exchange, headerValues, requestBytes, type RawAnswer } from '../helpers/raw-http.js';

type Seen = { method: string; url: string; raw: string[]; headers: IncomingMessage['headers']; body: Buffer };

const MEBIBYTE = 1024 * 1024;
const HOST = 'Host: shop.localhost\r\n';
const message = (text: string) => (JSON.parse(text) as { message: string }).message;

let plane: TestPlane;
beforeAll(async () => {
  plane = await testPlane({}, {}, 2000);
});
afterAll(() => plane.close());

/** Everything to close after each test. */
const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0)) close();
});

/** A server whose answers a test gives; what it was asked is kept. */
async function serving(
  answer: (req: IncomingMessage, res: ServerResponse, seen: Seen) => void,
): Promise<{ endpoint: string; port: number; seen: Seen[]; connections: () => number }> {
  const seen: Seen[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('error', () => {});
    req.on('end', () => {
      const { method = '', url = '', headers, rawHeaders: raw } = req;
      const one = { method, url, headers, raw, body: Buffer.concat(chunks) };
      seen.push(one);
      answer(req, res, one);
    });
  });
  let connections = 0;
  server.on('connection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}/t/shop/cart`;
  return { endpoint, port, seen, connections: () => connections };
}

/** A server that is nothing but sockets: `answer` gets each of them with what was first read from it. */
async function sockets(answer: (socket: Socket, text: string, number: number) => void): Promise<string> {
  let number = 0;
  const server = createTcpServer((socket) => {
    const mine = ++number;
    socket.on('error', () => {});
    socket.on('data', (data) => answer(socket, data.toString('latin1'), mine));
    opened.push(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.push(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/t/shop/cart`;
}

const route = (endpoint: string) => plane.route('cart', { v1: 10_000 }, { v1: endpoint });
const raw = (bytes: Buffer | string, method = 'GET'): Promise<RawAnswer | null> =>
  exchange({ host: '127.0.0.1', port: plane.gatewayPort }, Buffer.from(bytes), method, 10_000);
const counted = () => plane.plane.gateway.traffic('shop', 'cart')[0]!;

let before: { requests: number; errors: number };
beforeEach(() => {
  route('http://127.0.0.1:1/');
  before = counted();
});

/** What has been counted since the test began, once nothing is under way. */
async function sinceBefore(): Promise<[requests: number, errors: number]> {
  expect(await plane.plane.gateway.drained('shop', 'cart', 'v1', 5000)).toBe(true);
  const { requests, errors } = counted();
  return [requests - before.requests, errors - before.errors];
}

describe('a request', () => {
  test.each(['GET', 'POST', 'PUT', 'PATCH', 'OPTIONS', 'DELETE', 'TRACE'])(
    '%s goes to the endpoint with the query of the caller, and its answer comes back',
    async (method) => {
      const server = await serving((_, res, { body }) => {
        res.writeHead(201, ['X-One', '1', 'Fn-Call-Id', 'x', 'Fnmesh-Version', 'v9']);
        res.end(`got ${body.toString()}`);
      });
      route(server.endpoint);
      const body = method === 'GET' || method === 'TRACE' ? undefined : 'b';
      const answer = await ask(plane.gatewayPort, '/cart?a=/b&c=%20', {
        method,
        ...(body && { body, headers: { 'Content-Length': '1' } }),
      });
      expect([answer.status, answer.text]).toEqual([201, `got ${body ?? ''}`]);
      expect(answer.headers).toMatchObject({
        'x-one': '1',
        'fn-call-id': 'x',
        'fnmesh-function': 'cart',
        'fnmesh-version': 'v1',
      });
      const [seen] = server.seen;
      expect([seen!.method, seen!.url]).toEqual([method, '/t/shop/cart?a=/b&c=%20']);
      expect(await sinceBefore()).toEqual([1, 0]);
    },
  );

  test('has the host of the endpoint, and says who the caller is', async () => {
    const server = await serving((_, res) => res.end());
    route(server.endpoint);
    await ask(plane.gatewayPort, '/cart', { headers: { Host: 'shop.localhost:8082' } });
    await ask(plane.gatewayPort, '/cart', {
      headers: {
        'X-Forwarded-For': '192.0.2.1',
        'X-Forwarded-Host': 'shop.example.com',
        'X-Forwarded-Proto': 'https',
        Host: 'shop.localhost',
      },
    });
    expect(server.seen.map(({ headers }) => headers)).toMatchObject([
      {
        host: `127.0.0.1:${server.port}`,
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-host': 'shop.localhost:8082',
        'x-forwarded-proto': 'http',
      },
      {
        host: `127.0.0.1:${server.port}`,
        'x-forwarded-for': '192.0.2.1, 127.0.0.1',
        // What was asked for, as on a cluster: never what a caller says of itself.
        'x-forwarded-host': 'shop.localhost',
        'x-forwarded-proto': 'https',
      },
    ]);
  });

  test('keeps repeated headers, their case and bytes; what belongs to one connection stays behind', async () => {
    const server = await serving((_, res) => res.end());
    route(server.endpoint);
    const head =
      `GET /cart HTTP/1.1\r\n${HOST}X-Twice: 1\r\nx-TWICE: 2\r\nX-Bytes: caf\xe9\r\nTE: trailers\r\n` +
      'Connection: keep-alive, X-Mine, x-forwarded-host\r\nX-Mine: 1\r\nX-Forwarded-Host: mine\r\n' +
      'Keep-Alive: timeout=5\r\nProxy-Authorization: secret\r\nUpgrade-Insecure-Requests: 1\r\n\r\n';
    await raw(Buffer.from(head, 'latin1'));
    const [{ raw: lines }] = server.seen as [Seen];
    expect(lines.join('|')).toContain('X-Twice|1|x-TWICE|2|X-Bytes|caf\xe9');
    expect(lines).toContain('Upgrade-Insecure-Requests');
    const names = lines.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
    for (const name of ['te', 'x-mine', 'keep-alive', 'proxy-authorization', 'transfer-encoding']) {
      expect(names).not.toContain(name);
    }
    expect(server.seen[0]!.headers).toMatchObject({
      'x-forwarded-host': 'shop.localhost',
      connection: 'keep-alive',
    });
  });

  test.each([
    ['a length', false, 'POST', 5],
    ['chunks', true, 'POST', 5],
    ['no byte in chunks', true, 'PUT', 0],
    ['a length of 0', false, 'POST', 0],
    ['a length of 0 where none need be', false, 'DELETE', 0],
  ])('a body with %s arrives with its length', async (_, chunked, method, length) => {
    const server = await serving((_req, res, { body }) => res.end(body));
    route(server.endpoint);
    const body = Buffer.alloc(length, 'x');
    const headers = { Host: 'shop.localhost' };
    const answer = await raw(requestBytes({ method, path: '/cart', headers, body, chunked }), method);
    expect([answer?.status, answer?.body]).toEqual([200, body]);
    expect(server.seen[0]!.headers['content-length']).toBe(String(length));
    expect(server.seen[0]!.headers['transfer-encoding']).toBeUndefined();
  });

  test('any byte that the gateway lets in goes on as it is', async () => {
    const server = await serving((_, res) => res.end());
    route(server.endpoint);
    const passed: string[][] = [];
    for (let byte = 1; byte < 256; byte++) {
      const char = String.fromCharCode(byte);
      for (const [query, value] of [
        [byte === 32 ? 'x' : char, 'ab'],
        ['x', `a${char}b`],
      ]) {
        const head = `GET /cart?${query} HTTP/1.1\r\n${HOST}X-A: ${value}\r\n\r\n`;
        const answer = await raw(Buffer.from(head, 'latin1'));
        expect([200, 400]).toContain(answer?.status ?? 400);
        if (answer?.status === 200) passed.push([`/t/shop/cart?${query}`, value!]);
      }
    }
    expect(server.seen.map(({ url, headers }) => [url, headers['x-a']])).toEqual(passed);
    expect(passed.length).toBeGreaterThan(300);
  });

  test('without a body announces none', async () => {
    const server = await serving((_, res) => res.end());
    route(server.endpoint);
    await ask(plane.gatewayPort, '/cart');
    expect(server.seen[0]!.headers['content-length']).toBeUndefined();
  });

  test('a body of 64 MiB passes both ways, a longer one does not go on', async () => {
    const server = await serving((_, res, { body }) => res.end(body));
    route(server.endpoint);
    const body = Buffer.alloc(64 * MEBIBYTE, 'fnmesh ');
    const answer = await ask(plane.gatewayPort, '/cart', { body });
    expect([answer.status, answer.text === body.toString()]).toEqual([200, true]);
    const head = `POST /cart HTTP/1.1\r\n${HOST}Content-Length: ${64 * MEBIBYTE + 1}\r\n\r\n`;
    expect((await raw(head, 'POST'))?.status).toBe(413);
    expect(server.seen).toHaveLength(1);
  });

  test('Expect: 100-continue is answered by the gateway', async () => {
    const server = await serving((_, res, { body }) => res.end(body));
    route(server.endpoint);
    const received = await new Promise<string>((resolve, reject) => {
      const req = request({
        port: plane.gatewayPort,
        host: '127.0.0.1',
        path: '/cart',
        method: 'POST',
        headers: { Expect: '100-continue', 'Content-Length': 4 },
      });
      req.on('continue', () => req.end('body'));
      req.on('response', (res) => res.once('data', (data: Buffer) => resolve(data.toString())));
      req.on('error', reject);
      req.flushHeaders();
    });
    expect(received).toBe('body');
    expect(server.seen[0]!.headers.expect).toBeUndefined();
  });

  test.each([
    ['length and chunked', `${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n`, [400]],
    ['two lengths', `${HOST}Content-Length: 5\r\nContent-Length: 6\r\n`, [400]],
    ['another coding', `${HOST}Transfer-Encoding: gzip, chunked\r\n`, [501]],
    ['chunked twice', `${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n`, [400]],
    ['two hosts', `${HOST}${HOST}Content-Length: 5\r\n`, [400]],
    ['a folded header', `${HOST}X-A: 1\r\n Content-Length: 5\r\n`, [400]],
    ['a bare CR', `${HOST}X-A: 1\rX-B: 2\r\nContent-Length: 5\r\n`, [400]],
  ])('with %s is refused before anything goes on', async (_, headers, statuses) => {
    const server = await serving((_req, res) => res.end());
    route(server.endpoint);
    const bytes = `POST /cart HTTP/1.1\r\n${headers}\r\n0\r\n\r\nGET /cart HTTP/1.1\r\n${HOST}\r\n`;
    expect(statuses).toContain((await raw(bytes, 'POST'))?.status);
    expect([server.seen, await sinceBefore()]).toEqual([[], [0, 0]]);
  });

  test('pipelined requests are answered in their order', async () => {
    const server = await serving((_, res, { url }) => {
      setTimeout(() => res.end(url), url.endsWith('0') ? 100 : 0);
    });
    route(server.endpoint);
    const text = Array.from({ length: 20 }, (_, i) => {
      return `GET /cart?${i} HTTP/1.1\r\n${HOST}${i === 19 ? 'Connection: close\r\n' : ''}\r\n`;
    }).join('');
    const socket = connect(plane.gatewayPort, '127.0.0.1');
    let received = '';
    socket.on('data', (data) => (received += data.toString()));
    socket.write(text);
    await once(socket, 'close');
    expect(received.match(/\/t\/shop\/cart\?\d+/g)).toEqual(
      Array.from({ length: 20 }, (_, i) => `/t/shop/cart?${i}`),
    );
    expect(await sinceBefore()).toEqual([20, 0]);
  });
});

describe('an answer', () => {
  test('keeps repeated headers, and loses what belongs to one connection', async () => {
    const endpoint = await sockets((socket) =>
      socket.write(
        'HTTP/1.1 203 Whatever\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\n' +
          'Keep-Alive: timeout=5\r\nFnmesh-Function: other\r\nX-Bytes: caf\xe9\r\nContent-Length: 2\r\n\r\nhi',
        'latin1',
      ),
    );
    route(endpoint);
    const answer = await raw(`GET /cart HTTP/1.1\r\n${HOST}\r\n`);
    expect([answer?.status, answer?.body.toString()]).toEqual([203, 'hi']);
    expect(answer?.headers.filter(([name]) => name.toLowerCase() === 'set-cookie')).toEqual([
      ['Set-Cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ]);
    for (const name of ['Connection', 'Keep-Alive', 'X-Mine'])
      expect(headerValues(answer!, name)).toEqual([]);
    expect(headerValues(answer!, 'Fnmesh-Function')).toEqual(['cart']);
  });

  test.each([
    ['chunked', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n', false],
    ['to the end of the connection', '\r\nabcde', true],
    ['with a length', 'Content-Length: 5\r\n\r\nabcde', false],
  ])('%s', async (_, rest, ends) => {
    const endpoint = await sockets((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${rest}`);
      if (ends) socket.end();
    });
    route(endpoint);
    for (const version of ['1.1', '1.0']) {
      const answer = await raw(`GET /cart HTTP/${version}\r\n${HOST}\r\n`);
      expect([answer?.status, answer?.body.toString(), answer?.complete]).toEqual([200, 'abcde', true]);
    }
    expect(await sinceBefore()).toEqual([2, 0]);
  });

  test.each([
    ['HEAD', 200, 'Content-Length: 5\r\n', ['5']],
    ['HEAD', 200, 'Transfer-Encoding: chunked\r\n', []],
    ['GET', 204, '', []],
    ['GET', 204, 'Content-Length: 0\r\n', []],
    ['GET', 304, 'Content-Length: 5\r\n', ['5']],
  ])('to %s, status %i, has no body', async (method, status, header, lengths) => {
    const endpoint = await sockets((socket) => socket.write(`HTTP/1.1 ${status} OK\r\n${header}\r\n`));
    route(endpoint);
    const two = `${method} /cart HTTP/1.1\r\n${HOST}\r\n${method} /cart HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;
    const socket = connect(plane.gatewayPort, '127.0.0.1');
    let received = '';
    socket.on('data', (data) => (received += data.toString()));
    socket.write(two);
    await once(socket, 'close');
    const heads = received.split('\r\n\r\n');
    expect(heads).toHaveLength(3);
    expect(heads[2]).toBe('');
    for (const head of heads.slice(0, 2)) {
      expect(head.startsWith(`HTTP/1.1 ${status} `)).toBe(true);
      expect([...head.matchAll(/^content-length: (.*)$/gim)].map(([, length]) => length)).toEqual(lengths);
      expect(head).not.toMatch(/^transfer-encoding/im);
    }
  });

  test('after an early hint is the one that counts', async () => {
    const endpoint = await sockets((socket) =>
      socket.write(
        'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
      ),
    );
    route(endpoint);
    const answer = await raw(`GET /cart HTTP/1.1\r\n${HOST}\r\n`);
    expect([answer?.status, answer?.body.toString(), headerValues(answer!, 'Link')]).toEqual([200, 'hi', []]);
  });

  test('is not waited for to its end: the head and each part come when they are there', async () => {
    let go = (): void => {};
    const server = await serving((_, res) => {
      res.writeHead(200).flushHeaders();
      go = () => res.write('one');
    });
    route(server.endpoint);
    const req = request({ port: plane.gatewayPort, host: '127.0.0.1', path: '/cart' }).end();
    req.on('error', () => {});
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    res.on('error', () => {});
    go();
    expect(String((await once(res, 'data'))[0])).toBe('one');
    expect(counted().inFlight).toBe(1);
    req.destroy();
    expect(await sinceBefore()).toEqual([1, 0]);
  });

  test('that the caller does not read waits where it is', async () => {
    let written = 0;
    const server = await serving((_, res) => {
      const more = (): void => {
        while (written < 200 * MEBIBYTE) {
          written += MEBIBYTE;
          if (!res.write(Buffer.alloc(MEBIBYTE))) return void res.once('drain', more);
        }
        res.end();
      };
      more();
    });
    route(server.endpoint);
    const req = request({ port: plane.gatewayPort, host: '127.0.0.1', path: '/cart' }).end();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    // What the buffers of two connections hold is taken; then nothing moves.
    let last = -1;
    while (last !== written) {
      last = written;
      await pause(200);
    }
    expect(written).toBeLessThan(64 * MEBIBYTE);
    let received = 0;
    res.on('data', (data: Buffer) => (received += data.length));
    await once(res, 'end');
    expect(received).toBe(200 * MEBIBYTE);
  });

  test.each([
    [500, 1],
    [503, 1],
    [499, 0],
  ])('of status %i counts as %i errors', async (status, errors) => {
    const server = await serving((_, res) => res.writeHead(status).end());
    route(server.endpoint);
    expect((await ask(plane.gatewayPort, '/cart')).status).toBe(status);
    expect(await sinceBefore()).toEqual([1, errors]);
    expect(counted().p50).toBeGreaterThan(0);
  });

  test('with a head of 500 KiB and 3000 headers passes whole', async () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `X-${i}: ${'x'.repeat(150)}\r\n`).join('');
    const endpoint = await sockets((socket) =>
      socket.write(`HTTP/1.1 200 OK\r\n${lines}Content-Length: 0\r\n\r\n`),
    );
    route(endpoint);
    const answer = await raw(`GET /cart HTTP/1.1\r\n${HOST}\r\n`);
    expect(answer?.headers.filter(([name]) => name.startsWith('X-'))).toHaveLength(3000);
  });
});

describe('without an answer', () => {
  test('nothing listens: 502 that names the server', async () => {
    const { port, endpoint } = await serving(() => {});
    opened.splice(0).forEach((close) => close());
    await pause(20);
    route(endpoint);
    const answer = await ask(plane.gatewayPort, '/cart', { body: 'x' });
    expect([answer.status, answer.headers['fnmesh-version']]).toEqual([502, 'v1']);
    expect(message(answer.text)).toMatch(
      `the Fn server at 127.0.0.1:${port} cannot be reached: connect ECONNREFUSED`,
    );
    expect(await sinceBefore()).toEqual([1, 1]);
  });

  test('an unknown host', async () => {
    route('http://nosuch.invalid/t/shop/cart');
    const answer = await ask(plane.gatewayPort, '/cart');
    expect(answer.status).toBe(502);
    expect(message(answer.text)).toMatch(
      /^the Fn server at nosuch\.invalid:80 cannot be reached: getaddrinfo /,
    );
  });

  test.each<[string, string, RegExp]>([
    ['hangs up', '', /broke off: socket hang up$/],
    ['breaks off in the head', 'HTTP/1.1 200 OK\r\nX-A: ', /broke off: /],
    ['says no HTTP', 'hello\r\n\r\n', /broke off: Parse Error/],
    [
      'has length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
      /broke off: /,
    ],
    [
      'changes the protocol',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
      /another protocol$/,
    ],
    ['has no real status', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n', /invalid answer|broke off/],
    [
      'has a head of more than 1 MiB',
      `HTTP/1.1 200 OK\r\nX-A: ${'x'.repeat(MEBIBYTE)}\r\n\r\n`,
      /broke off: .*[Oo]verflow/,
    ],
  ])('the server %s: 502, asked once', async (_, text, why) => {
    const asked: number[] = [];
    const endpoint = await sockets((socket, _text, number) => {
      asked.push(number);
      socket.end(text, 'latin1');
    });
    route(endpoint);
    const answer = await ask(plane.gatewayPort, '/cart');
    expect([answer.status, asked]).toEqual([502, [1]]);
    expect(message(answer.text)).toMatch(why);
    expect(message(answer.text)).toContain(new URL(endpoint).host);
    expect(await sinceBefore()).toEqual([1, 1]);
  });

  test.each([
    ['a length', 'Content-Length: 10\r\n\r\nabc'],
    ['chunks', 'Transfer-Encoding: chunked\r\n\r\n9\r\nabc'],
    ['a bad chunk', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ])('broken off in a body with %s: the connection to the caller is cut', async (_, text) => {
    const endpoint = await sockets((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${text}`);
      setTimeout(() => socket.end('zz\r\n'), 50);
    });
    route(endpoint);
    const answer = await raw(`GET /cart HTTP/1.1\r\n${HOST}\r\n`);
    expect([answer?.status, answer?.complete]).toEqual([200, false]);
    expect(await sinceBefore()).toEqual([1, 1]);
  });

  test('in time: 504, and the server is let go', async () => {
    let closed = false;
    const server = await serving((_, res) => res.on('close', () => (closed = true)));
    route(server.endpoint);
    const answer = await ask(plane.gatewayPort, '/cart');
    expect(answer.status).toBe(504);
    expect(message(answer.text)).toMatch(/^the Fn server at .* did not answer within 2 s$/);
    await until(() => closed);
    expect(await sinceBefore()).toEqual([1, 1]);
  });

  test('a body that does not go on is cut', async () => {
    const endpoint = await sockets((socket) =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'),
    );
    route(endpoint);
    const answer = await raw(`GET /cart HTTP/1.1\r\n${HOST}\r\n`);
    expect([answer?.status, answer?.complete]).toEqual([200, false]);
  });

  test('a server that answers before it has read all, and hangs up, is heard', async () => {
    const endpoint = await sockets((socket) => {
      socket.pause();
      socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig');
    });
    route(endpoint);
    const answer = await ask(plane.gatewayPort, '/cart', { body: Buffer.alloc(8 * MEBIBYTE) });
    expect([answer.status, answer.text]).toEqual([413, 'big']);
    expect(await sinceBefore()).toEqual([1, 0]);
  });
});

describe('a caller that goes away', () => {
  test.each(['before the answer', 'in the answer', 'behind another request'])('%s', async (when) => {
    let closed = 0;
    const server = await serving((_, res) => {
      res.on('close', () => closed++);
      if (when === 'in the answer') res.write('part');
    });
    route(server.endpoint);
    const socket = connect(plane.gatewayPort, '127.0.0.1');
    const times = when === 'behind another request' ? 3 : 1;
    socket.write(`GET /cart HTTP/1.1\r\n${HOST}\r\n`.repeat(times));
    if (when === 'in the answer') await once(socket, 'data');
    await until(() => server.seen.length === times);
    expect(counted().inFlight).toBe(times);
    socket.destroy();
    await until(() => closed === times);
    expect(await sinceBefore()).toEqual([times, 0]);
  });

  test('in its body: nothing goes on', async () => {
    const server = await serving((_, res) => res.end());
    route(server.endpoint);
    const socket = connect(plane.gatewayPort, '127.0.0.1');
    await new Promise((done) =>
      socket.write(`POST /cart HTTP/1.1\r\n${HOST}Content-Length: 9\r\n\r\nhalf`, done),
    );
    await pause(50);
    socket.destroy();
    await pause(50);
    expect([server.seen, await sinceBefore()]).toEqual([[], [0, 0]]);
  });
});

describe('kept connections', () => {
  test('carry one request after another', async () => {
    const server = await serving((_, res, { body }) => res.end(body));
    route(server.endpoint);
    for (let i = 0; i < 20; i++) await ask(plane.gatewayPort, '/cart', { body: `${i}` });
    expect([server.seen.length, server.connections()]).toEqual([20, 1]);
  });

  /** A server that answers once on each connection, and hangs up when it is asked there again. */
  async function forgetful(): Promise<{ endpoint: string; asked: string[] }> {
    const asked: string[] = [];
    const carried = new Map<Socket, number>();
    const endpoint = await sockets((socket, text, number) => {
      asked.push(`${text.split(' ', 1)[0]} on ${number}`);
      carried.set(socket, (carried.get(socket) ?? 0) + 1);
      if (carried.get(socket)! > 1) socket.destroy();
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    return { endpoint, asked };
  }

  test.each(['GET', 'PUT', 'DELETE'])(
    'closed when used: %s is sent again, over a new one',
    async (method) => {
      const { endpoint, asked } = await forgetful();
      route(endpoint);
      for (let i = 0; i < 2; i++)
        expect((await ask(plane.gatewayPort, '/cart', { method })).status).toBe(200);
      expect(asked).toEqual([`${method} on 1`, `${method} on 1`, `${method} on 2`]);
      expect(await sinceBefore()).toEqual([2, 0]);
    },
  );

  test.each(['POST', 'PATCH'])(
    'closed when used: %s may have arrived, so it is not repeated',
    async (method) => {
      const { endpoint, asked } = await forgetful();
      route(endpoint);
      expect((await ask(plane.gatewayPort, '/cart', { method })).status).toBe(200);
      const answer = await ask(plane.gatewayPort, '/cart', { method });
      expect([answer.status, asked]).toEqual([502, [`${method} on 1`, `${method} on 1`]]);
      expect(await sinceBefore()).toEqual([2, 1]);
    },
  );

  test('closed after a part of an answer: nothing is repeated', async () => {
    let asked = 0;
    const endpoint = await sockets((socket) => {
      if (++asked === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      else socket.end('HTTP/1.1 2');
    });
    route(endpoint);
    expect((await ask(plane.gatewayPort, '/cart')).status).toBe(200);
    expect((await ask(plane.gatewayPort, '/cart')).status).toBe(502);
    expect(asked).toBe(2);
  });

  test('that the server closes at random: GET never fails, POST never arrives twice', async () => {
    const ids: string[] = [];
    const server = await serving((req, res, { body }) => {
      ids.push(body.toString());
      res.end('ok');
      // Idle from now on: closed at the moment that the next request is likely to come.
      if (ids.length % 3 === 0) setTimeout(() => req.socket.destroy(), ids.length % 4);
    });
    route(server.endpoint);
    const agent = new Agent({ keepAlive: true });
    const statuses: number[] = [];
    for (let i = 0; i < 300; i++) {
      const isPost = i % 2 === 0;
      const answer = await ask(plane.gatewayPort, '/cart', { agent, ...(isPost && { body: `post ${i}` }) });
      if (!isPost) statuses.push(answer.status);
      if (i % 5 === 0) await pause(i % 3);
    }
    agent.destroy();
    expect(new Set(statuses)).toEqual(new Set([200]));
    const posts = ids.filter((id) => id.startsWith('post'));
    expect(new Set(posts).size).toBe(posts.length);
  });
});

describe('TLS', () => {
  /** A server with a certificate that nobody vouches for. */
  async function secured(): Promise<string> {
    const dir = mkdtempSync(join(tmpdir(), 'fnmesh-tls-'));
    const [key, cert] = [join(dir, 'key'), join(dir, 'cert')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const ask = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    execFileSync('openssl', [...ask, '-days', '2', '-keyout', key, '-out', cert, ...subject], {
      stdio: 'pipe',
    });
    const pem = { key: readFileSync(key), cert: readFileSync(cert) };
    rmSync(dir, { recursive: true });
    const server = createTlsServer(pem, (req, res) => void res.end(`${req.headers.host} ${req.url}`));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    opened.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return `https://localhost:${(server.address() as AddressInfo).port}/t/shop/cart`;
  }

  test('a certificate that nobody vouches for: 502 with the cause and the way out', async () => {
    const endpoint = await secured();
    route(endpoint);
    const answer = await ask(plane.gatewayPort, '/cart');
    expect(answer.status).toBe(502);
    // Newer versions of node add a hint of their own.
    expect(message(answer.text)).toMatch(
      /^the Fn server at localhost:\d+ cannot be reached: self-signed certificate.*; NODE_EXTRA_CA_CERTS names further CAs/,
    );
    expect(await sinceBefore()).toEqual([1, 1]);
  });

  test('a trusted server is spoken to over kept connections', async () => {
    const endpoint = await secured();
    route(endpoint);
    // The test's process cannot be given a CA after its start.
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    try {
      for (let i = 0; i < 3; i++) {
        const answer = await ask(plane.gatewayPort, `/cart?${i}`, { body: 'x' });
        expect([answer.status, answer.text]).toEqual([200, `${new URL(endpoint).host} /t/shop/cart?${i}`]);
      }
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('plain HTTP to a TLS port, and TLS to a plain one', async () => {
    route((await secured()).replace('https:', 'http:'));
    expect((await ask(plane.gatewayPort, '/cart')).status).toBe(502);
    const server = await serving((_, res) => res.end());
    route(server.endpoint.replace('http:', 'https:'));
    const answer = await ask(plane.gatewayPort, '/cart');
    expect([answer.status, message(answer.text)]).toEqual([
      502,
      expect.stringMatching(/cannot be reached: .*(SSL|packet|wrong version|EPROTO)/),
    ]);
  });
});

describe('circles', () => {
  test('an endpoint that is the gateway itself: 508 after a few rounds', async () => {
    route(`http://127.0.0.1:${plane.gatewayPort}/cart`);
    const answer = await ask(plane.gatewayPort, '/cart');
    expect([answer.status, message(answer.text)]).toEqual([
      508,
      'Loop detected: the request came through 8 gateways',
    ]);
    expect(await sinceBefore()).toEqual([9, 9]);
  });

  test.each(['x', '-1', '1e3', ''])('a caller that claims %j hops has none', async (claimed) => {
    const server = await serving((_, res) => res.end());
    route(server.endpoint);
    await ask(plane.gatewayPort, '/cart', { headers: { 'Fnmesh-Hops': claimed } });
    expect(server.seen[0]!.headers['fnmesh-hops']).toBe('1');
  });
});

test('a function behind the triggers of another server is called as if by anybody, and its failures are its own', async () => {
  const other = await testPlane();
  other.add('cart-v1', { GREETING: 'from afar' });
  route(`http://127.0.0.1:${other.fnPort}/t/shop/cart-v1`);
  const answer = await ask(plane.gatewayPort, '/.app/shop/cart?x=1');
  expect([answer.status, answer.text.slice(0, 9)]).toEqual([200, 'from afar']);
  expect(answer.headers['fn-call-id']).toMatch(/^.{26}$/);
  const exit = await ask(plane.gatewayPort, '/cart', { headers: { 'X-Do': 'exit' } });
  expect([exit.status, message(exit.text), exit.headers['fnmesh-version']]).toEqual([
    502,
    'error receiving function response',
    'v1',
  ]);
  expect(await sinceBefore()).toEqual([2, 1]);
  const headers = await ask(plane.gatewayPort, '/cart?q=1', { headers: { 'X-Do': 'headers' } });
  expect(JSON.parse(headers.text)).toEqual(
    expect.arrayContaining([
      `http://127.0.0.1:${other.fnPort}/t/shop/cart-v1?q=1`,
      'Fn-Http-H-X-Forwarded-Host',
    ]),
  );
  await other.close();
});

test('the share holds at every moment where one version is here and one on another server', async () => {
  const server = await serving((_, res) => res.end('far'));
  plane.add('mixed-v1', { GREETING: 'near' });
  plane.route('mixed', { v1: 7000, v2: 3000 }, { v2: server.endpoint });
  const counts = { v1: 0, v2: 0 };
  for (let i = 1; i <= 200; i++) {
    const answer = await ask(plane.gatewayPort, '/mixed');
    const version = answer.headers['fnmesh-version'] as 'v1' | 'v2';
    expect(answer.text).toMatch(version === 'v1' ? /^near/ : /^far$/);
    counts[version]++;
    expect(Math.abs(counts.v2 - i * 0.3)).toBeLessThanOrEqual(2);
  }
  const pinned = await ask(plane.gatewayPort, '/mixed', { headers: { 'Fnmesh-Version': 'v2' } });
  expect(pinned.text).toBe('far');
  expect(plane.plane.gateway.traffic('shop', 'mixed').map(({ requests }) => requests)).toEqual([
    counts.v1,
    counts.v2 + 1,
  ]);
});
