// A forward over real sockets: from a port of this machine, through an API server's port-forward, to a TCP server.
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import type { FnmeshEvent } from '../../src/events.js';
import { connectCluster } from '../../src/kubernetes/client.js';
import type { Cluster } from '../../src/kubernetes/cluster.js';
import { forward } from '../../src/kubernetes/forward.js';
import type { KubeObject } from '../../src/kubernetes/object.js';
import type { KubeStandIn } from '../helpers/kube-stand-in.js';
import { startKubeStandIn } from '../helpers/kube-stand-in.js';

const folder = mkdtempSync(join(tmpdir(), 'fnmesh-forward-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TARGET = { namespace: 'gateways', labels: { istio: 'ingressgateway' }, port: 'http2' };
const opened: (() => unknown)[] = [];
let [server, cluster] = [null!, null!] as [KubeStandIn, Cluster];
let events: FnmeshEvent[] = [];
beforeEach(async () => {
  events = [];
  server = await startKubeStandIn();
  const settings = {
    kubeconfig: { value: server.kubeconfig(folder), from: 'test' },
    context: null,
    namespace: null,
  };
  cluster = await connectCluster(settings, {}, () => undefined, { firstWaitMs: 1 });
  opened.push(
    () => server.close(),
    () => cluster.close(),
  );
});
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

function pod(name: string, ready = 'True'): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'gateways', labels: TARGET.labels },
    spec: { containers: [{ name: 'envoy', ports: [{ name: 'http2', containerPort: 8080 }] }] },
    status: { conditions: [{ type: 'Ready', status: ready }] },
  };
}

/** Every Pod answers a line with its name and the line. */
async function pods(...names: string[]): Promise<void> {
  const ports = new Map<string, number>();
  for (const name of names) {
    const target = createServer({ allowHalfOpen: true }, (socket: Socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (piece: Buffer) => socket.write(`${name}: ${piece.toString()}`));
    });
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
    opened.push(() => void target.close());
    ports.set(name, (target.address() as AddressInfo).port);
    server.cluster.put(pod(name));
  }
  server.cluster.port = (_, name, port) => {
    expect(port).toBe(8080);
    const socket = connect(ports.get(name)!, '127.0.0.1');
    return new Promise((resolve) => socket.on('connect', () => resolve(socket)));
  };
}

async function start(): Promise<number> {
  const running = await forward(cluster, TARGET, { port: 0 }, (event) => events.push(event));
  opened.push(() => running.close());
  return running.port;
}

/** Sends a text on a connection of its own, ends it, and gives what came back. */
async function say(port: number, words: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(words);
  return text(socket);
}

test('a request whose sender has closed its side is answered all the same', async () => {
  await pods('gateway-1');
  expect(await say(await start(), 'hello')).toBe('gateway-1: hello');
});

test('a connection stays open for more than one request', async () => {
  await pods('gateway-1');
  const socket = connect(await start(), '127.0.0.1');
  for (const word of ['one', 'two']) {
    socket.write(word);
    expect(
      await new Promise<string>((resolve) => socket.once('data', (piece) => resolve(piece.toString()))),
    ).toBe(`gateway-1: ${word}`);
  }
  socket.destroy();
});

test('connections go to one Pod, and to the next when it is gone', async () => {
  await pods('gateway-1', 'gateway-2');
  server.cluster.put(pod('gateway-0', 'False'));
  const port = await start();
  expect([await say(port, 'a'), await say(port, 'b')]).toEqual(['gateway-1: a', 'gateway-1: b']);
  server.cluster.drop(pod('gateway-1'));
  expect([await say(port, 'c'), await say(port, 'd')]).toEqual(['gateway-2: c', 'gateway-2: d']);
  expect(events).toEqual([{ type: 'note', text: 'now to Pod gateways/gateway-2' }]);
});

test('without any Pod a connection is reset, and said; with one again it works', async () => {
  await pods('gateway-1');
  const port = await start();
  server.cluster.drop(pod('gateway-1'));
  await expect(say(port, 'a')).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect(events).toEqual([
    { type: 'warning', text: expect.stringContaining('could not be forwarded') as string },
  ]);
  server.cluster.put(pod('gateway-1'));
  expect(await say(port, 'b')).toBe('gateway-1: b');
});

test('no ready Pod, no right to, and a port that is taken are said before anything listens', async () => {
  await expect(start()).rejects.toMatchObject({
    code: 'not_ready',
    message: expect.stringContaining('there is no Pod') as string,
  });
  server.cluster.put(pod('gateway-1', 'False'));
  await expect(start()).rejects.toMatchObject({
    code: 'not_ready',
    message: expect.stringContaining('none of 1 Pods is ready') as string,
  });
  await pods('gateway-1');
  const port = await start();
  await expect(forward(cluster, TARGET, { port }, () => undefined)).rejects.toMatchObject({
    code: 'conflict',
  });
  server.token = 'another';
  await expect(start()).rejects.toMatchObject({ code: 'config' });
});

test('what is open ends with it', async () => {
  await pods('gateway-1');
  const running = await forward(cluster, TARGET, { port: 0 }, () => undefined);
  expect(running.pods).toEqual(['gateways/gateway-1']);
  const socket = connect(running.port, '127.0.0.1');
  socket.write('a');
  await new Promise((resolve) => socket.once('data', resolve));
  const ended = new Promise((resolve) => socket.on('close', resolve).on('error', () => undefined));
  await running.close();
  await ended;
});
