// One JSON request over node:http: neither fetch nor undici, which take longer to load than most calls last.
import type { Agent, IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { messageOf } from '../errors.js';

/** An answer that arrived whole. `body` is the parsed JSON, or the text where it is none. */
export type Answer = { status: number; headers: IncomingMessage['headers']; body: unknown };

/** Where a server is and how it is spoken to. */
export type Connection = {
  /** Base URL without a final slash. */
  url: string;
  /** Sent as a bearer token. */
  token?: string;
  /** How long one request may take once it has a connection, in milliseconds. */
  timeoutMs: number;
};

/** A request without a whole answer. */
export class NoAnswer extends Error {
  /** Node's error code, such as ECONNREFUSED; `TIMEOUT` when none came in time. */
  readonly code: string;
  /** Whether the server may have the request, and may act on it. */
  readonly arrived: boolean;
  /** Whether a kept connection was closed just when it was used: nothing is wrong with either side. */
  readonly stale: boolean;

  constructor(cause: unknown, { arrived, stale = false }: { arrived: boolean; stale?: boolean }) {
    // A name with several addresses gives an AggregateError, whose own message is empty.
    const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
    super(messageOf(first), { cause });
    this.code = (first as NodeJS.ErrnoException | undefined)?.code ?? '';
    this.arrived = arrived;
    this.stale = stale;
  }
}

/** Sends requests to one server over a few kept connections. */
export class HttpClient {
  readonly connection: Connection;
  #agent: Agent | undefined;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /**
   * Sends a request once and gives its answer, whatever the status.
   * @throws NoAnswer when no whole answer came in time.
   */
  async send(method: string, path: string, body?: unknown): Promise<Answer> {
    const { url: base, token, timeoutMs } = this.connection;
    const url = new URL(base + path);
    const secure = url.protocol === 'https:';
    const { Agent, request } = secure ? await import('node:https') : await import('node:http');
    this.#agent ??= new Agent({ keepAlive: true, maxSockets: 16, scheduling: 'lifo' });
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
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
      let limit: NodeJS.Timeout | undefined;
      let connected = false;
      const fail = (error: NodeJS.ErrnoException): void => {
        clearTimeout(limit);
        const reset = error.code === 'ECONNRESET' || error.code === 'EPIPE';
        reject(new NoAnswer(error, { arrived: connected, stale: outgoing.reusedSocket && reset }));
      };
      const outgoing = request(url, options, (incoming) => {
        const pieces: Buffer[] = [];
        incoming.on('data', (piece: Buffer) => pieces.push(piece));
        incoming.on('error', fail);
        incoming.on('end', () => {
          clearTimeout(limit);
          const { statusCode = 0, headers } = incoming;
          resolve({ status: statusCode, headers, body: parse(Buffer.concat(pieces).toString()) });
        });
      });
      outgoing.on('socket', (socket: Socket) => {
        // From here on: waiting for one of the kept connections is not the server's doing.
        limit = setTimeout(() => {
          const late = new Error(`no answer within ${timeoutMs / 1000} s`);
          outgoing.destroy(Object.assign(late, { code: 'TIMEOUT' }));
        }, timeoutMs);
        if (socket.connecting) socket.once(secure ? 'secureConnect' : 'connect', () => (connected = true));
        else connected = true;
      });
      outgoing.on('error', fail);
      outgoing.end(payload);
    });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
