// Single requests of the distribution API: kept connections, redirects, and no plain http where it could be read.
import type { Agent, IncomingHttpHeaders, RequestOptions } from 'node:http';
import { FnmeshError } from '../../errors.js';
import { isLoopback } from '../../loopback.js';

/** A request. `authorization` goes to the first URL's own server and to no other. */
export type Call = {
  method: string;
  url: URL;
  headers?: Record<string, string>;
  authorization?: string | undefined;
  body?: Buffer | undefined;
};

/** An answer, whatever its status, and which URL gave it. */
export type Reply = { status: number; headers: IncomingHttpHeaders; body: Buffer; url: URL };

/** How registries are reached. */
export type HttpOptions = {
  /** Plain http and untrusted certificates also where the server is not this machine. */
  insecure: boolean;
  /** The longest silence of a connection, in milliseconds. */
  timeoutMs: number;
};

const MAX_REDIRECTS = 5;
const MAX_BODY = 4 << 20;
const CONNECTIONS = 16;

/** Sends requests over kept connections. */
export class Http {
  readonly #agents = new Map<string, Agent>();

  constructor(readonly options: HttpOptions) {}

  /**
   * Sends a request and follows redirects: those of GET and HEAD, and 307 and 308 of all.
   * @throws FnmeshError `failed` for plain http to another machine without `insecure`; connection errors as
   * they come.
   */
  async send(call: Call): Promise<Reply> {
    let { url, authorization } = call;
    for (let redirects = 0; ; redirects++) {
      this.#mayUse(url);
      const reply = await this.#once({ ...call, url, authorization });
      const to = redirectOf(call.method, reply);
      if (to === null || redirects === MAX_REDIRECTS) return reply;
      if (to.origin !== url.origin) authorization = undefined;
      url = to;
    }
  }

  #mayUse(url: URL): void {
    if (url.protocol === 'https:') return;
    if (url.protocol === 'http:' && (this.options.insecure || isLoopback(url.hostname))) return;
    throw new FnmeshError('failed', `the registry leads to ${url.origin}, which is not https`, {
      try: 'fix the registry’s own address (behind a proxy: X-Forwarded-Proto), or add --insecure',
    });
  }

  async #once({ method, url, headers, authorization, body }: Call): Promise<Reply> {
    const secure = url.protocol === 'https:';
    const { Agent, request } = secure ? await import('node:https') : await import('node:http');
    const settings = { keepAlive: true, maxSockets: CONNECTIONS, scheduling: 'lifo' as const };
    let agent = this.#agents.get(url.protocol);
    if (agent === undefined) {
      agent = secure
        ? new Agent({ ...settings, ...{ rejectUnauthorized: !this.options.insecure } })
        : new Agent(settings);
      this.#agents.set(url.protocol, agent);
    }
    const options: RequestOptions = {
      method,
      agent,
      headers: {
        'user-agent': 'fnmesh',
        ...headers,
        ...(authorization !== undefined && { authorization }),
        ...((body !== undefined || method !== 'GET') && { 'content-length': body?.length ?? 0 }),
      },
    };
    if (method === 'HEAD') delete (options.headers as Record<string, unknown>)['content-length'];
    const { timeoutMs } = this.options;
    return new Promise<Reply>((resolve, reject) => {
      const pieces: Buffer[] = [];
      let size = 0;
      let settle = reject as (error?: Error) => void;
      const outgoing = request(url, options, (incoming) => {
        const { statusCode: status = 0, headers } = incoming;
        const done = (): void => resolve({ status, headers, body: Buffer.concat(pieces), url });
        // A server that refuses an upload answers and hangs up before it has read it all.
        if (status >= 400) settle = done;
        incoming.on('data', (piece: Buffer) => {
          size += piece.length;
          if (size > MAX_BODY) outgoing.destroy(new Error(`an answer of more than ${MAX_BODY} bytes`));
          else pieces.push(piece);
        });
        incoming.on('end', done);
        incoming.on('error', (error) => settle(error));
      });
      outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)));
      outgoing.on('error', (error) => settle(error));
      outgoing.end(body);
    });
  }
}

function redirectOf(method: string, { status, headers, url }: Reply): URL | null {
  const repeatable = method === 'GET' || method === 'HEAD';
  const follows = repeatable ? [301, 302, 303, 307, 308] : [307, 308];
  return follows.includes(status) && headers.location !== undefined ? new URL(headers.location, url) : null;
}
