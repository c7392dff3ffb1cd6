// fnmesh's own requests to the gateway: it connects to the gateway's address and names the route's host.
import { Agent, type ClientRequest, type IncomingMessage, request, type RequestOptions } from 'node:http';
import type { Agent as SecureAgent } from 'node:https';
import { FnmeshError } from '../errors.js';

/** A request to a route. */
export type RouteRequest = {
  /** The gateway's base URL, such as `http://127.0.0.1:8082`. */
  gatewayUrl: string;
  host: string;
  /** The route's path, with a query if any. */
  path: string;
  method: string;
  headers: [name: string, value: string][];
  body?: Buffer | undefined;
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
};

/** What came back. */
export type RouteReply = {
  status: number;
  headers: [name: string, value: string][];
  body: Buffer;
  /** Wall time in milliseconds, from the first byte sent to the last received. */
  ms: number;
};

type Opener = (options: RequestOptions, answer: (incoming: IncomingMessage) => void) => ClientRequest;

/** Sends requests over kept-alive connections; `close` ends them. */
export class GatewayClient {
  readonly #agent: Agent;
  #secure: SecureAgent | undefined;

  constructor(private readonly maxConnections = 64) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: maxConnections });
  }

  /** @throws FnmeshError `unreachable` when the gateway does not answer, `not_ready` after `timeoutMs`. */
  async send(ask: RouteRequest): Promise<RouteReply> {
    const url = new URL(ask.gatewayUrl);
    const open = await this.#opener(url.protocol === 'https:', ask.host);
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const outgoing = open(
        {
          hostname: url.hostname.replace(/^\[|\]$/g, ''),
          port: url.port,
          method: ask.method,
          path: ask.path,
          headers: headerLines(ask),
          timeout: ask.timeoutMs ?? 310_000,
          ...(ask.signal ? { signal: ask.signal } : {}),
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', (error) => reject(unreachable(error, ask)));
          incoming.on('end', () =>
            resolve({
              status: incoming.statusCode ?? 0,
              headers: pairs(incoming.rawHeaders),
              body: Buffer.concat(chunks),
              ms: performance.now() - started,
            }),
          );
        },
      );
      outgoing.on('timeout', () =>
        outgoing.destroy(new FnmeshError('not_ready', `no answer from ${ask.host}${ask.path} in time`)),
      );
      outgoing.on('error', (error) => reject(unreachable(error, ask)));
      outgoing.end(ask.body);
    });
  }

  /** The certificate must be the route's host's, whatever address the gateway is reached by. */
  async #opener(isSecure: boolean, host: string): Promise<Opener> {
    if (!isSecure) return (options, answer) => request({ ...options, agent: this.#agent }, answer);
    const https = await import('node:https');
    const agent = (this.#secure ??= new https.Agent({ keepAlive: true, maxSockets: this.maxConnections }));
    return (options, answer) => https.request({ ...options, agent, servername: host }, answer);
  }

  close(): void {
    this.#agent.destroy();
    this.#secure?.destroy();
  }
}

/** The value of the reply's first header of that name. */
export function headerOf(reply: RouteReply, name: string): string | undefined {
  return reply.headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}

function headerLines(ask: RouteRequest): Record<string, string | string[]> {
  const lines: Record<string, string | string[]> = { host: ask.host };
  if (ask.body) lines['content-length'] = String(ask.body.length);
  for (const [name, value] of ask.headers) {
    const before = lines[name];
    lines[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  return lines;
}

function pairs(raw: string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) list.push([raw[i]!, raw[i + 1]!]);
  return list;
}

function unreachable(error: Error, ask: RouteRequest): Error {
  if (error instanceof FnmeshError || error.name === 'AbortError') return error;
  return new FnmeshError('unreachable', `the gateway at ${ask.gatewayUrl} broke off: ${error.message}`, {
    try: 'fnmesh status',
    cause: error,
  });
}
