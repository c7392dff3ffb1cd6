// The gateway's port at the level of bytes: everything has an expected status or a closed connection.
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeHttpServer } from '../../src/server/http.js';
import { ask, testPlane, type TestPlane } from '../helpers/data-plane.js';
import { exchange, headerValues } from '../helpers/raw-http.js';

let plane: TestPlane;
beforeAll(async () => {
  plane = await testPlane();
  plane.add('cart-v1');
  plane.route('cart', { v1: 10_000 });
});
afterAll(() => plane.close());

const HOST = 'Host: shop.localhost\r\n';
const raw = (text: string, method = 'POST') =>
  exchange({ host: '127.0.0.1', port: plane.gatewayPort }, Buffer.from(text, 'latin1'), method, 5000);

describe('malformed requests', () => {
  test.each([
    [
      'length and chunked',
      `POST /cart HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      'chunked and length',
      `POST /cart HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    ],
    ['two lengths', `POST /cart HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
    ['a signed length', `POST /cart HTTP/1.1\r\n${HOST}Content-Length: +1\r\n\r\na`],
    [
      'chunked is not last',
      `POST /cart HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
    ],
    ['a bad chunk size', `POST /cart HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n`],
    ['two hosts', `GET /cart HTTP/1.1\r\n${HOST}Host: other\r\n\r\n`],
    ['two equal hosts', `GET /cart HTTP/1.1\r\n${HOST}${HOST}\r\n`],
    ['no host', 'GET /cart HTTP/1.1\r\n\r\n'],
    ['a space before the colon', `GET /cart HTTP/1.1\r\n${HOST}X-A : 1\r\n\r\n`],
    ['a bare CR in a value', `GET /cart HTTP/1.1\r\n${HOST}X-A: 1\rX-B: 2\r\n\r\n`],
    ['a NUL in a value', `GET /cart HTTP/1.1\r\n${HOST}X-A: 1\x002\r\n\r\n`],
    ['no HTTP', 'hello\r\n\r\n'],
  ])('%s: 400', async (_name, text) => {
    expect((await raw(text))?.status).toBe(400);
  });

  test('bare line feeds are refused', async () => {
    expect((await raw(`GET /cart HTTP/1.1\nHost: shop.localhost\n\n`, 'GET'))?.status ?? 400).toBe(400);
  });

  test('a head of 1 MiB: 431', async () => {
    const answer = await raw(`GET /cart HTTP/1.1\r\n${HOST}X-A: ${'x'.repeat(1024 * 1024)}\r\n\r\n`, 'GET');
    expect(answer?.status ?? 431).toBe(431);
  });

  test('CONNECT is hung up on', async () => {
    expect(await raw('CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n', 'CONNECT')).toBeNull();
  });
});

describe('unusual requests', () => {
  test('an absolute target', async () => {
    const answer = await raw(
      `GET http://shop.localhost/cart?q HTTP/1.1\r\n${HOST}X-Do: headers\r\n\r\n`,
      'GET',
    );
    expect(answer?.status).toBe(200);
    expect(answer?.body.toString()).toContain('"http://shop.localhost/cart?q"');
  });

  test.each(['t', 'r'])('an absolute target of the Fn port, below /%s', async (root) => {
    const target = `http://localhost/${root}/shop/cart-v1?q`;
    const answer = await ask(plane.fnPort, target, { headers: { 'X-Do': 'headers' } });
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining(`"${target}"`)]);
  });

  test('an absolute target of the Fn port, below /invoke', async () => {
    const { id } = plane.add('other');
    const answer = await ask(plane.fnPort, `http://localhost/invoke/${id}`, { body: '' });
    expect(answer.status).toBe(200);
  });

  test('HTTP/1.0', async () => {
    const answer = await raw(`GET /cart HTTP/1.0\r\n\r\n`, 'GET');
    expect([answer?.status, headerValues(answer!, 'Connection')]).toEqual([200, ['close']]);
  });

  test('an answer on a connection that persists says nothing about it', async () => {
    const answer = await raw(`GET /cart HTTP/1.1\r\n${HOST}\r\n`, 'GET');
    expect([headerValues(answer!, 'Connection'), headerValues(answer!, 'Keep-Alive')]).toEqual([[], []]);
  });

  test('headers named by Connection go no further', async () => {
    const answer = await raw(
      `GET /cart HTTP/1.1\r\n${HOST}X-Do: headers\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nX-Other: 2\r\n\r\n`,
      'GET',
    );
    expect(answer?.body.toString()).not.toContain('X-Mine');
    expect(answer?.body.toString()).toContain('Fn-Http-H-X-Other');
  });

  test('a caller that closes its side before the answer is hung up on', async () => {
    const received = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect({ port: plane.gatewayPort, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('data', (data) => (text += data.toString()));
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
      socket.end(`GET /cart HTTP/1.1\r\n${HOST}X-Do: sleep 50\r\n\r\n`);
    });
    expect(received).toBe('');
    expect(await plane.plane.gateway.drained('shop', 'cart', 'v1', 2000)).toBe(true);
  });

  test('two requests in one piece are answered in their order', async () => {
    const first = `GET /cart HTTP/1.1\r\n${HOST}X-Do: sleep 60\r\n\r\n`;
    const second = `GET /nothing HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;
    const received = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect({ port: plane.gatewayPort, host: '127.0.0.1' });
      socket.on('data', (data) => (text += data.toString()));
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
      socket.write(first + second);
    });
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404']);
  });

  test('callers that break off leave nothing under way', async () => {
    const { gateway } = plane.plane;
    for (const text of [
      `POST /cart HTTP/1.1\r\n${HOST}Content-Length: 100\r\n\r\nhalf`,
      `POST /cart HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`,
      `GET /cart HTTP/1.1\r\n${HOST}X-Do: sleep 50\r\n\r\n`,
      `GET /ca`,
    ]) {
      const socket = connect({ port: plane.gatewayPort, host: '127.0.0.1' });
      await new Promise((resolve) => socket.write(text, resolve));
      await pause(20);
      socket.destroy();
    }
    expect(await gateway.drained('shop', 'cart', 'v1', 2000)).toBe(true);
    expect((await ask(plane.gatewayPort, '/cart')).status).toBe(200);
  });
});

test('closing answers what is under way and refuses what comes', async () => {
  const own = await testPlane();
  own.add('cart-v1');
  own.route('cart', { v1: 10_000 });
  const idle = connect({ port: own.gatewayPort, host: '127.0.0.1' });
  const idleClosed = new Promise((resolve) => idle.once('close', resolve));
  idle.on('error', () => {});
  await new Promise((resolve) => idle.once('connect', resolve));
  const slow = ask(own.gatewayPort, '/cart', { headers: { 'X-Do': 'sleep 300', Connection: 'keep-alive' } });
  await pause(150);
  const closed = closeHttpServer(own.servers[1]!, 5000);
  await expect(ask(own.gatewayPort, '/cart')).rejects.toThrow();
  const answer = await slow;
  expect([answer.status, answer.headers.connection]).toEqual([200, 'close']);
  idle.destroy();
  await closed;
  await idleClosed;
  await own.close();
});
