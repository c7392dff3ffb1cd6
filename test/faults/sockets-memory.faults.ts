// The server's memory under many requests, good and bad: what it holds at the start is what it holds later.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Shop, connected } from './shop.js';

const MEBIBYTE = 1024 * 1024;
const [FIRST, ALL] = [20_000, 200_000];
/** Callers at the same time, each with a connection to either port. */
const CALLERS = 16;

let shop: Shop;
beforeAll(async () => {
  shop = await Shop.open({ FN_MAX_REQUEST_SIZE: '100000' });
});
afterAll(() => shop.close());

/** One connection after the other to a port, one request at a time; the connection is kept where the server keeps it. */
class Caller {
  #socket: Socket | undefined;
  #text = '';
  #settle: ((status: number) => void) | undefined;

  constructor(private readonly port: number) {}

  /** The status of the answer, 0 = the server closed without one. */
  async ask(bytes: string): Promise<number> {
    const socket = (this.#socket ??= await this.#connect());
    return new Promise((resolve) => {
      this.#settle = resolve;
      socket.write(bytes, 'latin1');
    });
  }

  /** Writes, and leaves without waiting for an answer. */
  async leave(bytes: string): Promise<number> {
    const socket = (this.#socket ??= await this.#connect());
    this.#socket = undefined;
    await new Promise((resolve) => socket.write(bytes, 'latin1', resolve));
    socket.destroy();
    return 0;
  }

  close(): void {
    this.#socket?.destroy();
  }

  async #connect(): Promise<Socket> {
    const socket = await connected(this.port);
    this.#text = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      if (socket !== this.#socket) return;
      this.#text += text;
      const end = this.#text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(this.#text.slice(0, end))?.[1] ?? 0);
      if (this.#text.length < end + 4 + length) return;
      const status = Number(this.#text.slice(9, 12));
      if (/connection: close/i.test(this.#text.slice(0, end))) this.#drop();
      this.#text = '';
      this.#settle?.(status);
    });
    socket.on('close', () => {
      if (socket !== this.#socket) return;
      this.#socket = undefined;
      this.#settle?.(0);
    });
    return socket;
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }
}

const HOST = 'Host: localhost\r\n';
const QUIET = 'X-Quiet: 1\r\n';
const TE = 'Transfer-Encoding: chunked\r\n';
const get = (target: string, headers = ''): string =>
  `GET ${target} HTTP/1.1\r\n${HOST}${QUIET}${headers}\r\n`;
const post = (target: string, body: string, headers = ''): string =>
  `POST ${target} HTTP/1.1\r\n${HOST}${QUIET}${headers}Content-Length: ${body.length}\r\n\r\n${body}`;

/** The kinds of request, by the port they go to: the status that each must get, and its bytes; `i` is unique. */
type Kind = [at: 'gateway' | 'fn', status: number, bytes: (i: number) => string, how?: 'leave'];

function kinds(invoke: string): Kind[] {
  return [
    ['gateway', 200, (i) => get(`/cart?${i}`)],
    ['gateway', 200, (i) => post('/cart', `body ${i}`)],
    ['gateway', 200, (i) => get('/cart', `Fnmesh-Version: v${i}\r\n`)],
    ['gateway', 200, (i) => get('/cart', `X-${i}: ${i}\r\nCookie: a=${i}\r\n`)],
    ['gateway', 200, (i) => get('/cart').replace('localhost', `host-${i}.localhost`)],
    ['gateway', 200, (i) => post('/cart', String(i % 10).repeat(20_000))],
    [
      'gateway',
      200,
      (i) => `POST /cart HTTP/1.1\r\n${HOST}${QUIET}${TE}\r\n3;${i}\r\nabc\r\n0\r\nX-T: ${i}\r\n\r\n`,
    ],
    ['fn', 200, (i) => post('/t/shop/cart/v1', `body ${i}`)],
    ['fn', 200, (i) => post(invoke, `body ${i}`)],
    ['fn', 200, (i) => get(`/v2/apps?name=app-${i}`)],
    ['gateway', 404, (i) => get(`/nothing/${i}`)],
    ['gateway', 405, (i) => get(`/cart?${i}`).replace('GET', 'PROPFIND')],
    ['fn', 404, (i) => post(`/t/app-${i}/x`, 'unread')],
    ['fn', 404, (i) => get(`/v2/fns/${i}`)],
    ['fn', 403, (i) => get('/v2/apps', `Origin: http://${i}.test\r\n`)],
    ['fn', 400, (i) => post('/v2/apps', `{"name":${i}`)],
    ['gateway', 400, (i) => post('/cart', 'a', `${TE}X-A: ${i}\r\n`)],
    [
      'gateway',
      501,
      (i) => post('/cart', 'a', `X-A: ${i}\r\n`).replace('Content-Length', 'Transfer-Encoding'),
    ],
    [
      'gateway',
      413,
      () => post('/cart', '').replace(': 0', ': 200000').replace(QUIET, 'Connection: close\r\n'),
    ],
    ['gateway', 0, (i) => post('/cart', `half ${i}`).slice(0, -2), 'leave'],
    ['fn', 0, (i) => post(invoke, `left ${i}`), 'leave'],
  ];
}

/** The server's resident memory in bytes. */
function resident(): number {
  if (process.platform === 'linux') {
    const status = readFileSync(`/proc/${shop.info.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
  }
  const kilobytes = execFileSync('ps', ['-o', 'rss=', '-p', String(shop.info.pid)], { encoding: 'utf8' });
  return Number(kilobytes) * 1024;
}

test(`after ${ALL} mixed requests the server holds at most 20 MiB more than after ${FIRST}`, async () => {
  const mix = kinds(`/invoke/${shop.fnId}`);
  const wrong: string[] = [];
  let next = 0;
  async function drive(until: number): Promise<void> {
    const callers = Array.from({ length: CALLERS }, () => ({
      gateway: new Caller(shop.gatewayPort),
      fn: new Caller(shop.fnPort),
    }));
    await Promise.all(
      callers.map(async ({ gateway, fn }) => {
        while (next < until) {
          const i = next++;
          const [at, status, bytes, how] = mix[i % mix.length]!;
          const caller = at === 'fn' ? fn : gateway;
          const got = how === 'leave' ? await caller.leave(bytes(i)) : await caller.ask(bytes(i));
          if (got !== status) wrong.push(`${got} for ${bytes(i).slice(0, 80)}`);
        }
        gateway.close();
        fn.close();
      }),
    );
    // What the last ones left is put away.
    await pause(500);
  }

  await drive(FIRST);
  const early = resident();
  const steps: number[] = [];
  for (let until = 2 * FIRST; until <= ALL; until += FIRST) {
    await drive(until);
    steps.push(Math.round(resident() / MEBIBYTE));
  }
  const grown = (resident() - early) / MEBIBYTE;
  expect(wrong.slice(0, 5)).toEqual([]);
  expect({ grown, steps }).toEqual({ grown: expect.toSatisfy((mib: number) => mib <= 20) as number, steps });
  expect(await shop.alive()).toBe(true);
});
