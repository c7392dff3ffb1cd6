// A proxy before the API server, which asks it as admin: a test may drop, delay or answer any request, and count them.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What becomes of a request; `answer` is given instead of the API server's. Undefined: it is passed on. */
export type Fate =
  | { do: 'answer'; status: number; headers?: Record<string, string> }
  | { do: 'drop-before' }
  | { do: 'drop-after' }
  | { do: 'slow'; ms: number }
  | { do: 'wait'; until: Promise<void> };

/** A request as the proxy sees it. `write`: its number among those that change something, from 1; else 0. */
export type Seen = { method: string; path: string; write: number };

/** A running proxy. */
export type ApiProxy = {
  /** A kubeconfig that leads to it. */
  kubeconfig: string;
  /** Counts from 1 again, and asks this about each request from now on. */
  rule(fate?: (seen: Seen) => Fate | undefined | void): void;
  /** How many requests that change something came since. */
  writes(): number;
  close(): Promise<void>;
};

/** Reviews and calls through the Service proxy change nothing. */
const ONLY_ASKS = /\/(selfsubjectaccessreviews|selfsubjectreviews|selfsubjectrulesreviews|proxy)(\/|\?|$)/;

/** Starts one. @param dir The lab's folder, with the certificates. */
export async function startApiProxy(dir: string): Promise<ApiProxy> {
  const agent = new Agent({
    keepAlive: true,
    ca: readFileSync(join(dir, 'ca.crt')),
    cert: readFileSync(join(dir, 'admin.crt')),
    key: readFileSync(join(dir, 'admin.key')),
  });
  let writes = 0;
  let rule: (seen: Seen) => Fate | undefined | void = () => undefined;

  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method = 'GET', url: path = '/' } = incoming;
    const isWrite = method !== 'GET' && !ONLY_ASKS.test(path);
    if (isWrite) writes += 1;
    const pieces: Buffer[] = [];
    for await (const piece of incoming) pieces.push(piece as Buffer);
    const fate = rule({ method, path, write: isWrite ? writes : 0 });
    if (fate?.do === 'drop-before') return void outgoing.destroy();
    if (fate?.do === 'slow') await sleep(fate.ms);
    if (fate?.do === 'wait') await fate.until;
    if (fate?.do === 'answer') {
      const status = {
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        message: 'a fault',
        code: fate.status,
      };
      const headers = { 'content-type': 'application/json', ...fate.headers };
      return void outgoing.writeHead(fate.status, headers).end(JSON.stringify(status));
    }
    const headers = { ...incoming.headers };
    delete headers.host;
    const asked = request({ host: '127.0.0.1', port: 6443, method, path, headers, agent }, (answer) => {
      if (fate?.do === 'drop-after') {
        answer.resume().on('end', () => outgoing.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    asked.on('error', () => outgoing.destroy());
    asked.end(Buffer.concat(pieces));
  };
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(dir, `proxy-${port}.kubeconfig`);
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'proxy' },
    clusters: [{ name: 'proxy', cluster: { server: `http://127.0.0.1:${port}` } }],
    users: [{ name: 'proxy', user: {} }],
    contexts: [{ name: 'proxy', context: { cluster: 'proxy', user: 'proxy' } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  return {
    kubeconfig,
    rule(next = () => undefined) {
      writes = 0;
      rule = next;
    },
    writes: () => writes,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
    },
  };
}
