// fnmesh's own requests to the gateway: it connects to the gateway's address and names the route's host.
import { Agent, request } from 'node:http';
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

/** Sends requests over kept-alive connections; `close` ends them. */
export class GatewayClient {
  readonly #agent: Agent;

  constructor(maxConnections = 64) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: maxConnections });
  }

  /** @throws FnmeshError `unreachable` when the gateway does not answer, `not_ready` after `timeoutMs`. */
  send(ask: RouteRequest): Promise<RouteReply> {
    const url = new URL(ask.gatewayUrl);
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          agent: this.#agent,
          hostname: url.hostname,
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

  close(): void {
    this.#agent.destroy();
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
