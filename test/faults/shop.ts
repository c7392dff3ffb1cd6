// A real embedded server with one app whose function notes down every request that reaches it, and raw bytes to both.
import { existsSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ServerInfo } from '../../src/control/protocol.js';
import type { VersionTraffic } from '../../src/router/router.js';
import { Workplace } from '../helpers/cli.js';
import { ask } from '../helpers/data-plane.js';
import { routerOf, started } from './stage.js';

/** A request as the function had it; header names and values in turn. */
export type Seen = { method: string; url: string; headers: string[]; body: string };

/** An answer as it came; header lines in lower case. */
export type Answered = { status: number; head: string; body: string };

/** Where requests enter: the gateway, `/t` and `/invoke` reach the function, `manage` creates an app. */
export type Entry = {
  name: 'gateway' | '/t' | '/invoke' | '/v2';
  port: number;
  target: string;
};

/** The function `cart` of the app `shop`, with the versions v1 (all of the split) and v2. */
export class Shop {
  readonly place: Workplace;
  info!: ServerInfo;
  appId!: string;
  fnId!: string;
  #read = 0;

  /** @param env For the server. */
  static async open(env: Record<string, string> = {}): Promise<Shop> {
    const shop = new Shop(env);
    shop.info = await started(shop.place);
    const deployed = await shop.place.json(['deploy', '--all'], { cwd: 'shop' });
    if (!deployed.ok) throw new Error(`no deploy: ${JSON.stringify(deployed.error)}`);
    const apps = await shop.manage<{ items: { id: string }[] }>('GET', '/v2/apps?name=shop');
    shop.appId = apps.items[0]!.id;
    const fns = await shop.manage<{ items: { id: string }[] }>(
      'GET',
      `/v2/fns?app_id=${shop.appId}&name=cart-v1`,
    );
    shop.fnId = fns.items[0]!.id;
    return shop;
  }

  private constructor(env: Record<string, string>) {
    this.place = new Workplace(env);
    this.place.write({ 'shop/app.yaml': 'name: shop\n' });
    for (const version of ['v1', 'v2']) {
      this.place.write({
        [`shop/cart/${version}/func.yaml`]: `schema_version: 20180708\nname: cart-${version}\nversion: 0.0.1\nruntime: node\nentrypoint: node func.js\nconfig:\n  SEEN: ${this.#seenFile}\ntriggers:\n- name: cart-${version}\n  type: http\n  source: /cart/${version}\n`,
        [`shop/cart/${version}/func.js`]: FUNCTION,
      });
    }
  }

  get #seenFile(): string {
    return join(this.place.dir, 'seen.ndjson');
  }

  get fnPort(): number {
    return Number(new URL(this.info.fnUrl).port);
  }

  get gatewayPort(): number {
    return Number(new URL(this.info.gatewayUrl).port);
  }

  entry(name: Entry['name']): Entry {
    const targets = {
      gateway: '/cart',
      '/t': '/t/shop/cart/v1',
      '/invoke': `/invoke/${this.fnId}`,
      '/v2': '/v2/apps',
    };
    return { name, port: name === 'gateway' ? this.gatewayPort : this.fnPort, target: targets[name] };
  }

  /** What has reached the function since this was last asked. */
  seen(): Seen[] {
    const lines = existsSync(this.#seenFile)
      ? readFileSync(this.#seenFile, 'utf8').split('\n').slice(0, -1)
      : [];
    const fresh = lines.slice(this.#read);
    this.#read = lines.length;
    return fresh.map((line) => JSON.parse(line) as Seen);
  }

  /** One call of the Fn API, with nothing wrong about it. */
  async manage<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await ask(this.fnPort, path, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
    return (answer.text ? JSON.parse(answer.text) : undefined) as T;
  }

  /** Names of the apps besides `shop`, which are deleted. */
  async strayApps(): Promise<string[]> {
    const { items } = await this.manage<{ items: { id: string; name: string }[] }>('GET', '/v2/apps');
    const stray = items.filter(({ name }) => name !== 'shop');
    for (const { id } of stray) await this.manage('DELETE', `/v2/apps/${id}`);
    return stray.map(({ name }) => name);
  }

  /** The gateway's counters of v1. */
  async traffic(): Promise<VersionTraffic> {
    return (await routerOf(this.place).traffic('shop'))['cart']![0]!;
  }

  /** Whether the server, the same process as ever, answers a normal request of each kind. */
  async alive(): Promise<boolean> {
    const answers = await Promise.all([
      ask(this.gatewayPort, '/cart', { body: 'alive' }),
      ask(this.fnPort, '/t/shop/cart/v1', { body: 'alive' }),
      ask(this.fnPort, `/invoke/${this.fnId}`, { body: 'alive' }),
      ask(this.fnPort, '/v2/apps'),
    ]);
    process.kill(this.info.pid, 0);
    return answers.every(({ status }) => status === 200);
  }

  close(): Promise<void> {
    return this.place.close();
  }
}

/** A connection, once it stands. */
export function connected(port: number, options: { allowHalfOpen?: boolean } = {}): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ...options });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      // Resets are an end like others here: what came before is what counts.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

/**
 * Writes the bytes on a new connection and gives every answer, once the server has closed it.
 * @throws Error when it has not within `ms`.
 */
export async function talk(port: number, bytes: string | Buffer, ms = 10_000): Promise<Answered[]> {
  const socket = await connected(port);
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  return received(socket, ms);
}

/** Every answer on a connection, once the server has closed it. @throws Error when it has not within `ms`. */
export async function received(socket: Socket, ms: number): Promise<Answered[]> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
  socket.destroy();
  const text = Buffer.concat(chunks).toString('latin1');
  if (!closed) throw new Error(`the server holds the connection; so far: ${text.slice(0, 500)}`);
  return answersIn(text);
}

/** The statuses alone. */
export function statuses(answers: readonly Answered[]): number[] {
  return answers.map(({ status }) => status);
}

/** All answers in what was received; those of a server that gives a Content-Length with every body. */
function answersIn(text: string): Answered[] {
  const answers: Answered[] = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\r\n\r\n', at);
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(text.slice(at, at + 20))?.[1];
    if (end < 0 || status === undefined) throw new Error(`no answer: ${text.slice(at, at + 500)}`);
    const head = text.slice(at, end).toLowerCase();
    // Node's own 417 has an empty chunked body.
    const empty = head.includes('\r\ntransfer-encoding: chunked') ? '0\r\n\r\n'.length : 0;
    const length = Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? empty);
    answers.push({ status: Number(status), head, body: text.slice(end + 4, end + 4 + length) });
    at = end + 4 + length;
  }
  return answers;
}

const FUNCTION = `const http = require('node:http');
const fs = require('node:fs');
const path = require('node:path');
const listener = process.env.FN_LISTENER.replace('unix:', '');
const own = path.join(path.dirname(listener), 'own.sock');
const server = http.createServer({ keepAliveTimeout: 0, maxHeaderSize: 1 << 20 }, (request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const body = Buffer.concat(chunks).toString('latin1');
    const headers = request.headers;
    const url = headers['fn-http-request-url'] ?? request.url;
    if (!headers['fn-http-h-x-quiet']) fs.appendFileSync(process.env.SEEN, JSON.stringify({ method: headers['fn-http-method'] ?? request.method, url, headers: request.rawHeaders, body }) + '\\n');
    const [what, argument] = (headers['fn-http-h-x-do'] ?? headers['x-do'] ?? '').split(' ');
    if (what === 'sleep') await new Promise((resolve) => setTimeout(resolve, Number(argument)));
    response.end(what === 'big' ? 'b'.repeat(Number(argument)) : body || url);
  });
});
server.maxHeadersCount = 0;
server.on('clientError', (error, socket) => {
  fs.appendFileSync(process.env.SEEN, JSON.stringify({ method: 'MALFORMED', url: error.code, headers: [], body: '' }) + '\\n');
  socket.destroy();
});
server.listen(own, () => {
  fs.chmodSync(own, 0o666);
  fs.symlinkSync('own.sock', listener);
});
`;
