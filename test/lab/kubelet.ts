// The kubelet's port of the lab's Node, as the API server asks it (Kubernetes, kubelet's streaming API): a container's
// log (whatever its age: no sinceSeconds), and port-forward over WebSockets (v4.channel.k8s.io; no SPDY, so `kubectl
// port-forward` does not work).
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { NODE_ADDRESS } from './network.js';
import type { RunningPod } from './pod.js';

/** Where the API server expects it. */
export const KUBELET_PORT = 10250;

/** A running one. */
export type Kubelet = { close(): void };

/** What it needs of a Pod. */
type Served = Pick<RunningPod, 'address' | 'logOf'>;

/** Starts it for the Pods that `find` knows, at the address of their Node. `dir` holds the certificates. */
export async function startKubelet(
  dir: string,
  find: (namespace: string, name: string) => Served | undefined,
  address = NODE_ADDRESS,
): Promise<Kubelet> {
  const server = createServer(
    { key: readFileSync(join(dir, 'server.key')), cert: readFileSync(join(dir, 'server.crt')) },
    (request, response) => {
      const { pathname, searchParams } = new URL(request.url!, 'https://lab');
      const [, what, namespace = '', name = '', container] = pathname.split('/');
      const file = what === 'containerLogs' ? find(namespace, name)?.logOf(container) : undefined;
      if (file === undefined) response.writeHead(404).end(`there is no log at ${pathname}\n`);
      else sendLog(file, searchParams, response);
    },
  );
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => known(offered) });
  server.on('upgrade', (request, socket, head) => {
    const { pathname, searchParams } = new URL(request.url!, 'https://lab');
    const [, what, namespace = '', name = ''] = pathname.split('/');
    const pod = what === 'portForward' ? find(namespace, name) : undefined;
    if (!pod) socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    else
      sockets.handleUpgrade(request, socket, head, (open) =>
        forward(open, pod, Number(searchParams.get('port'))),
      );
  });
  await new Promise<void>((resolve) => server.listen(KUBELET_PORT, address, resolve));
  return {
    close: () => {
      for (const open of sockets.clients) open.terminate();
      server.closeAllConnections();
      server.close();
    },
  };
}

const PROTOCOL = 'v4.channel.k8s.io';

function known(offered: Set<string>): string | false {
  return offered.has(PROTOCOL) ? PROTOCOL : false;
}

/** Channel 0 is data, 1 is errors; each begins with the port, least byte first. */
function forward(open: WebSocket, pod: Served, port: number): void {
  const say = (channel: number, bytes: Buffer): void =>
    open.send(Buffer.concat([Buffer.from([channel]), bytes]));
  const which = Buffer.alloc(2);
  which.writeUInt16LE(port);
  say(0, which);
  say(1, which);
  const inner = connect({ host: pod.address ?? '', port });
  inner.on('data', (bytes) => say(0, bytes));
  inner.on('error', (error) => say(1, Buffer.from(`error forwarding port ${port}: ${error.message}`)));
  inner.on('close', () => open.close());
  open.on('message', (message: RawData) => {
    const bytes = message as Buffer;
    if (bytes[0] === 0) inner.write(bytes.subarray(1));
  });
  open.on('close', () => inner.destroy());
}

function sendLog(file: string, asked: URLSearchParams, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/plain' });
  let at = 0;
  const more = (): Buffer => {
    if (!existsSync(file)) return Buffer.alloc(0);
    const from = openSync(file, 'r');
    const bytes = Buffer.alloc(Math.max(0, statSync(file).size - at));
    at += readSync(from, bytes, 0, bytes.length, at);
    closeSync(from);
    return bytes;
  };
  const lines = more()
    .toString('utf8')
    .split(/(?<=\n)/);
  const tail = asked.get('tailLines');
  response.write(lines.slice(tail === null ? 0 : Math.max(0, lines.length - Number(tail))).join(''));
  if (asked.get('follow') !== 'true') {
    response.end();
    return;
  }
  const timer = setInterval(() => response.write(more()), 50);
  response.on('close', () => clearInterval(timer));
}
