// A registry in memory, for answers that a real one does not give on demand.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { digestOf } from '../../src/oci/blob.js';

/** A request as it came, with its body where it was read. */
export type Seen = { method: string; url: URL; headers: IncomingMessage['headers']; body: Buffer };

/** An answer; null leaves it to the registry. `cut` breaks the connection instead. */
export type Said = { status: number; headers?: Record<string, string>; body?: string; cut?: boolean };
type Before = (seen: Seen) => Said | null | undefined | void;

/** A registry that is asked after `before`. */
export class StandIn {
  readonly blobs = new Set<string>();
  readonly manifests = new Map<string, string>();
  readonly seen: Seen[] = [];
  before: Before = () => null;
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));

  /** Starts on a free port. */
  static async start(before?: Before): Promise<StandIn> {
    const registry = new StandIn();
    if (before) registry.before = before;
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** `METHOD path` of what was asked, with digests left out. */
  get asked(): string[] {
    return this.seen.map(({ method, url }) => `${method} ${url.pathname.replace(/sha256:\w+/, 'DIGEST')}`);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of request) pieces.push(piece as Buffer);
    } catch {
      return;
    }
    const url = new URL(request.url ?? '/', `http://${this.host}`);
    const seen = { method: request.method ?? '', url, headers: request.headers, body: Buffer.concat(pieces) };
    this.seen.push(seen);
    const said = this.before(seen) ?? this.#registry(seen);
    if (said.cut) {
      request.socket.destroy();
      return;
    }
    response.writeHead(said.status, said.headers);
    response.end(seen.method === 'HEAD' ? undefined : said.body);
  }

  #registry({ method, url, body }: Seen): Said {
    const { pathname, searchParams } = url;
    if (pathname === '/v2/') return { status: 200, body: '{}' };
    const [, name, kind, what = ''] = /^\/v2\/(.+)\/(blobs|manifests)\/(.*)$/.exec(pathname) ?? [];
    if (name === undefined) return { status: 404 };
    const key = `${name}@${what}`;
    if (kind === 'manifests' && method === 'PUT') {
      const digest = digestOf(body);
      this.manifests.set(key, digest);
      return { status: 201, headers: { 'docker-content-digest': digest } };
    }
    if (kind === 'manifests') {
      const digest = this.manifests.get(key);
      return digest ? { status: 200, headers: { 'docker-content-digest': digest } } : { status: 404 };
    }
    if (method === 'HEAD') return { status: this.blobs.has(key) ? 200 : 404 };
    const [mount, from] = [searchParams.get('mount'), searchParams.get('from')];
    if (method === 'POST' && mount !== null && this.blobs.has(`${from}@${mount}`)) {
      this.blobs.add(`${name}@${mount}`);
      return { status: 201 };
    }
    if (method === 'POST') {
      return { status: 202, headers: { location: `/v2/${name}/blobs/uploads/1?_state=a%2Bb` } };
    }
    const digest = searchParams.get('digest');
    if (digest === null || digest !== digestOf(body)) return { status: 400 };
    this.blobs.add(`${name}@${digest}`);
    return { status: 201, headers: { 'docker-content-digest': digest } };
  }
}
