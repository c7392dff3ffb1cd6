// One JSON request over node:http: neither fetch nor undici, which take longer to load than most calls last.
import type { Agent, IncomingMessage, RequestOptions } from 'node:http';
import { FnmeshError, messageOf } from '../errors.js';

/** An answer that arrived whole. `body` is the parsed JSON, or the text where it is none. */
export type Answer = { status: number; headers: IncomingMessage['headers']; body: unknown };

/** Where a server is and how it is spoken to. */
export type Connection = {
  /** Base URL without a final slash. */
  url: string;
  /** Sent as a bearer token. */
  token?: string;
  /** How long one request may take, in milliseconds. */
  timeoutMs: number;
};

/** Sends requests to one server over a few kept connections. */
export class HttpClient {
  readonly #connection: Connection;
  #agent: Agent | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Sends a request and gives its answer, whatever the status.
   * @throws FnmeshError `unreachable` when no whole answer came in time.
   */
  async send(method: string, path: string, body?: unknown): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(method, path, body);
      } catch (error) {
        // The server closed a kept connection just when it was used: nothing is wrong with either side.
        if (!(error instanceof StaleConnection) || attempt > 3) throw unreachable(this.#connection, error);
      }
    }
  }

  async #once(method: string, path: string, body: unknown): Promise<Answer> {
    const url = new URL(this.#connection.url + path);
    const { Agent, request } =
      url.protocol === 'https:' ? await import('node:https') : await import('node:http');
    this.#agent ??= new Agent({ keepAlive: true, maxSockets: 16, scheduling: 'lifo' });
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const { token, timeoutMs } = this.#connection;
    const options: RequestOptions = {
      method,
      agent: this.#agent,
      headers: {
        accept: 'application/json',
        ...(payload && { 'content-type': 'application/json', 'content-length': payload.length }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
    };
    return new Promise<Answer>((resolve, reject) => {
      const outgoing = request(url, options, (incoming) => {
        const pieces: Buffer[] = [];
        incoming.on('data', (piece: Buffer) => pieces.push(piece));
        incoming.on('error', (error) => {
          clearTimeout(limit);
          reject(error);
        });
        incoming.on('end', () => {
          clearTimeout(limit);
          const { statusCode = 0, headers } = incoming;
          resolve({ status: statusCode, headers, body: parse(Buffer.concat(pieces).toString()) });
        });
      });
      const limit = setTimeout(
        () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(limit);
        const stale = outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        reject(stale ? new StaleConnection(error.message) : error);
      });
      outgoing.end(payload);
    });
  }
}

class StaleConnection extends Error {}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function unreachable({ url }: Connection, error: unknown): FnmeshError {
  const { hostname } = new URL(url);
  const local = /^(localhost|127\.|\[::1\]|.*\.localhost$)/.test(hostname);
  // A name with several addresses gives an AggregateError, whose own message is empty.
  const cause: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return new FnmeshError('unreachable', `no Fn server answers at ${url}: ${messageOf(cause)}`, {
    try: local ? 'fnmesh start' : `curl ${url}/v2/apps`,
    cause,
  });
}
