// A real HTTP proxy whose faults are programmed: before a server, it is the bad network of a client.
//
//   const proxy = await startFaultProxy(server.url);
//   proxy.fail({ kind: 'drop-after' }, 2);                                  // the third request from now
//   proxy.fail({ kind: 'status', status: 503 }, { method: 'POST' }, 2);     // the next two POSTs
//   … new FnClient(proxy.url) …
//   proxy.requests                                                          // what came, in order, with its fault
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** What goes wrong with one request. */
export type Fault =
  /** The connection is reset before the request is passed on. */
  | { kind: 'drop-before' }
  /** Passed on and carried out; the answer is thrown away and the connection reset. */
  | { kind: 'drop-after' }
  /** Answered by the proxy, not passed on. `retryAfter`: the header, as it is. */
  | { kind: 'status'; status: number; retryAfter?: string }
  /** Passed on and carried out, but answered by the proxy with a status, as by a gateway that gave up. */
  | { kind: 'status-after'; status: number }
  /** Passed on after this time, in milliseconds; also when nobody waits for it any more. */
  | { kind: 'slow'; ms: number }
  /** Passed on; half of the answer's body with its full Content-Length, then a reset. */
  | { kind: 'truncate' }
  /** Passed on twice, one after the other; the first answer is given. */
  | { kind: 'duplicate' }
  /** Answered by the proxy with a web page. */
  | { kind: 'html'; status?: number };

/** A request that came. `path` with its query, `body` as text, `fault` what was done to it. */
export type Seen = { index: number; method: string; path: string; body: string; fault?: Fault['kind'] };

/** Which requests: the one with this index (from 0, since `reset`), those of a method or path, or those that match. */
type Which = number | { method?: string; path?: RegExp } | ((seen: Seen) => boolean);

/** A running proxy. */
export type FaultProxy = {
  url: string;
  /** What came since the start or `reset`, in order. */
  requests: Seen[];
  /** Does this to the next requests that are meant, `times` times (default 1; Infinity: always). */
  fail(fault: Fault, which: Which, times?: number): void;
  /** Resolves when no request is under way, also none that nobody waits for any more. */
  settled(): Promise<void>;
  /** Forgets faults and requests; indexes start anew. */
  reset(): void;
  close(): Promise<void>;
};

/** Starts a proxy on a free port of 127.0.0.1. The Host header is passed on, so that the server's own URLs name the proxy. */
export async function startFaultProxy(targetUrl: string): Promise<FaultProxy> {
  const target = new URL(targetUrl);
  const requests: Seen[] = [];
  const underWay = new Set<Promise<void>>();
  let planned: { fault: Fault; which: Which; left: number }[] = [];

  const server = createServer((request, response) => {
    // A broken connection is what is wanted.
    const work = answer(request, response).catch(() => void response.destroy());
    underWay.add(work);
    void work.finally(() => underWay.delete(work));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const index = requests.length;
    const seen: Seen = { index, method: request.method ?? '', path: request.url ?? '', body: '' };
    requests.push(seen);
    const body = await bytesOf(request);
    seen.body = body.toString();
    const plan = planned.find(({ which, left }) => left > 0 && isMeant(seen, which));
    if (plan) plan.left--;
    const fault = plan?.fault;
    if (fault) seen.fault = fault.kind;
    const pass = (): Promise<Passed> => passOn(target, request, body);
    switch (fault?.kind) {
      case 'drop-before':
        return void request.socket.resetAndDestroy();
      case 'drop-after':
        await pass();
        return void request.socket.resetAndDestroy();
      case 'status':
        if (fault.retryAfter !== undefined) response.setHeader('Retry-After', fault.retryAfter);
        return void response.writeHead(fault.status, { 'Content-Type': 'text/plain' }).end('fault\n');
      case 'status-after':
        await pass();
        return void response.writeHead(fault.status, { 'Content-Type': 'text/plain' }).end('fault\n');
      case 'html':
        return void response
          .writeHead(fault.status ?? 200, { 'Content-Type': 'text/html' })
          .end('<html></html>');
      case 'slow':
        await pause(fault.ms);
        return give(response, await pass());
      case 'duplicate': {
        const first = await pass();
        await pass();
        return give(response, first);
      }
      case 'truncate': {
        const whole = await pass();
        response.writeHead(whole.status, whole.headers);
        response.write(whole.body.subarray(0, Math.floor(whole.body.length / 2)));
        // What was written shall be read before the reset.
        await pause(10);
        return void request.socket.resetAndDestroy();
      }
      case undefined:
        return give(response, await pass());
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    fail: (fault, which, times = 1) => void planned.push({ fault, which, left: times }),
    async settled() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    reset() {
      planned = [];
      requests.length = 0;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function isMeant(seen: Seen, which: Which): boolean {
  if (typeof which === 'number') return seen.index === which;
  if (typeof which === 'function') return which(seen);
  const { method = seen.method, path } = which;
  return seen.method === method && (path === undefined || path.test(seen.path));
}

type Passed = { status: number; headers: string[]; body: Buffer };

function passOn({ hostname, port }: URL, request: IncomingMessage, body: Buffer): Promise<Passed> {
  return new Promise((resolve, reject) => {
    const { method, url: path, rawHeaders } = request;
    const options = { hostname, port, method, path, headers: rawHeaders, agent: false, setHost: false };
    const outgoing = send(options, (answer) => {
      bytesOf(answer).then(
        (bytes) =>
          resolve({
            status: answer.statusCode ?? 502,
            headers: framed(answer.rawHeaders, bytes),
            body: bytes,
          }),
        reject,
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** The answer's headers with the framing of a body that is known. */
function framed(raw: readonly string[], body: Buffer): string[] {
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    if (/^(content-length|transfer-encoding|connection|keep-alive)$/i.test(raw[i]!)) continue;
    headers.push(raw[i]!, raw[i + 1]!);
  }
  return body.length === 0 ? headers : [...headers, 'Content-Length', String(body.length)];
}

function give(response: ServerResponse, { status, headers, body }: Passed): void {
  response.writeHead(status, headers).end(body);
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces);
}
