// Requests to an API server over node:http(s): one try each, with its limits. What the library would do with typed models
// and discovery calls, these do with paths.
import { request as plain } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { request as secure } from 'node:https';
import type { Socket } from 'node:net';
import { NoAnswer } from '../fn/http.js';
import type { ClusterLogin } from './client-login.js';

/** One request. */
export type HttpRequest = {
  method: string;
  /** As it stands in the request line, with its query. */
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** How long the request may take once it has a connection; default: the client's. */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
};

/** An answer that arrived whole. */
export type HttpAnswer = { status: number; headers: IncomingMessage['headers']; bytes: Buffer };

/** How long things may take, in milliseconds. */
export type HttpLimits = { connectMs: number; requestMs: number };

/** Sends requests to one API server, as one user. */
export class ClusterHttp {
  constructor(
    readonly server: string,
    private readonly login: ClusterLogin,
    private readonly limits: HttpLimits,
  ) {}

  /**
   * Sends a request once and gives its answer, whatever the status.
   * @throws NoAnswer when no whole answer came in time; FnmeshError `config` without credentials.
   */
  async send(asked: HttpRequest): Promise<HttpAnswer> {
    const open = await this.#open(asked);
    const limit = asked.timeoutMs ?? this.limits.requestMs;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => reject(open.failed(error));
      open.within(limit);
      open.outgoing.on('error', fail);
      open.outgoing.on('response', (incoming) => {
        const pieces: Buffer[] = [];
        incoming.on('data', (piece: Buffer) => pieces.push(piece));
        incoming.on('error', fail);
        incoming.on('end', () => {
          open.within(null);
          resolve({ status: incoming.statusCode!, headers: incoming.headers, bytes: Buffer.concat(pieces) });
        });
      });
      open.outgoing.end(asked.body);
    });
  }

  /**
   * Sends a request once and gives its answer as soon as its headers are there; the body is the caller's to read.
   * @throws NoAnswer when no answer began in time.
   */
  async stream(asked: HttpRequest): Promise<IncomingMessage> {
    const open = await this.#open(asked);
    return new Promise((resolve, reject) => {
      open.within(asked.timeoutMs ?? this.limits.requestMs);
      open.outgoing.on('error', (error) => reject(open.failed(error)));
      open.outgoing.on('response', (incoming) => {
        open.within(null);
        resolve(incoming);
      });
      open.outgoing.end(asked.body);
    });
  }

  /** The headers and the agent of a connection that somebody else makes, such as a WebSocket. */
  signed(): ReturnType<ClusterLogin['sign']> {
    return this.login.sign();
  }

  async #open({ method, path, headers, body, signal }: HttpRequest): Promise<Opened> {
    const signed = await this.login.sign();
    const payload = body === undefined ? undefined : Buffer.from(body);
    const url = new URL(this.server);
    const options: RequestOptions = {
      method,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      ...(url.port !== '' && { port: url.port }),
      // What a proxy before the API server serves it under stands before every path.
      path: url.pathname.replace(/\/$/, '') + path,
      agent: signed.agent,
      ...(signal && { signal }),
      headers: {
        accept: 'application/json',
        'user-agent': 'fnmesh',
        ...headers,
        ...(payload && { 'content-length': payload.length }),
        ...signed.headers,
      },
    };
    const outgoing = (url.protocol === 'https:' ? secure : plain)(options);
    return new Opened(outgoing, url.protocol === 'https:', this.limits.connectMs);
  }
}

/** A request under way: whether it has arrived, and how long it may take. */
class Opened {
  #connected = false;
  #limit: NodeJS.Timeout | undefined;
  #limitMs: number | null = null;

  constructor(
    readonly outgoing: ClientRequest,
    isSecure: boolean,
    connectMs: number,
  ) {
    outgoing.on('socket', (socket: Socket) => {
      const connected = (): void => {
        clearTimeout(late);
        this.#connected = true;
        this.within(this.#limitMs);
      };
      // From here on: waiting for one of the kept connections is not the server's doing.
      const late = setTimeout(() => this.#end(`no connection within ${connectMs / 1000} s`), connectMs);
      outgoing.once('close', () => clearTimeout(late));
      if (socket.connecting) socket.once(isSecure ? 'secureConnect' : 'connect', connected);
      else connected();
    });
  }

  /** Ends the request when it takes longer than this from now on, in milliseconds; null: it may. */
  within(ms: number | null): void {
    clearTimeout(this.#limit);
    this.#limitMs = ms;
    if (ms !== null && this.#connected)
      this.#limit = setTimeout(() => this.#end(`no answer within ${ms / 1000} s`), ms);
  }

  failed(error: NodeJS.ErrnoException): NoAnswer {
    clearTimeout(this.#limit);
    const reset = error.code === 'ECONNRESET' || error.code === 'EPIPE';
    return new NoAnswer(error, { arrived: this.#connected, stale: this.outgoing.reusedSocket && reset });
  }

  #end(text: string): void {
    this.outgoing.destroy(Object.assign(new Error(text), { code: 'TIMEOUT' }));
  }
}
