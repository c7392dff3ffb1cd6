// Logs and port-forward over real sockets.
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { connectCluster } from '../../src/kubernetes/client.js';
import type { Cluster, LogRequest } from '../../src/kubernetes/cluster.js';
import type { KubeStandIn } from '../helpers/kube-stand-in.js';
import { startKubeStandIn } from '../helpers/kube-stand-in.js';

const folder = mkdtempSync(join(tmpdir(), 'fnmesh-streams-'));
let [server, cluster] = [null!, null!] as [KubeStandIn, Cluster];
const opened: (() => unknown)[] = [];
beforeEach(async () => {
  server = await startKubeStandIn({ token: 'the-token' });
  const settings = {
    kubeconfig: { value: server.kubeconfig(folder), from: 'test' },
    context: null,
    namespace: null,
  };
  cluster = await connectCluster(settings, {}, () => undefined);
  opened.push(
    () => server.close(),
    () => cluster.close(),
  );
  const metadata = { name: 'gateway-1', namespace: 'hello' };
  server.cluster.put({ apiVersion: 'v1', kind: 'Pod', metadata });
});
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const REQUEST: LogRequest = { namespace: 'hello', pod: 'a', container: 'nginx', follow: false };

async function all(request: Partial<LogRequest> = {}): Promise<string[]> {
  const lines = [];
  for await (const line of cluster.logs({ ...REQUEST, ...request })) lines.push(line);
  return lines;
}

describe('logs', () => {
  test('come line by line, whatever their characters and pieces', async () => {
    const lines = ['{"a":1}', '', 'ünï', 'x'.repeat(60_000), 'end'];
    server.cluster.log = () => lines;
    expect(await all({ tail: 10, sinceSeconds: 60 })).toEqual(lines);
    expect(server.requests).toEqual([
      'GET /api/v1/namespaces/hello/pods/a/log?container=nginx&tailLines=10&sinceSeconds=60',
    ]);
  });

  test('a line without end is cut, and the next one is whole', async () => {
    server.cluster.log = () => ['x'.repeat(3_000_000), 'next'];
    const [long, next] = await all();
    expect([long!.length, long!.at(-1), next]).toEqual([65_537, '…', 'next']);
  });

  test('followed, they come as they are written, until the signal', async () => {
    let write: (line: string) => void = () => undefined;
    let isEnded = false;
    server.cluster.log = async function* () {
      try {
        yield 'first';
        for (;;) yield await new Promise<string>((resolve) => (write = resolve));
      } finally {
        isEnded = true;
      }
    };
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const line of cluster.logs({ ...REQUEST, follow: true, signal: stop.signal })) {
      seen.push(line);
      if (line === 'second') stop.abort();
      else setImmediate(() => write('second'));
    }
    expect(seen).toEqual(['first', 'second']);
    const isOver = (): boolean => {
      write('third');
      return isEnded;
    };
    await expect.poll(isOver).toBe(true);
  });

  test('with a signal that is over already nothing is asked', async () => {
    expect(await all({ signal: AbortSignal.abort() })).toEqual([]);
    expect(server.requests).toEqual([]);
  });

  test('what is refused is said; what breaks off is unreachable', async () => {
    server.cluster.log = () => {
      throw new FnmeshError(
        'not_ready',
        'container "nginx" in pod "a" is waiting to start: ContainerCreating',
      );
    };
    await expect(all()).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('waiting to start') as string,
    });
    server.cluster.log = function* () {
      yield 'first';
      throw new Error('the kubelet is gone');
    };
    await expect(all()).rejects.toMatchObject({ code: 'unreachable' });
    server.token = 'another';
    await expect(all()).rejects.toMatchObject({ code: 'config' });
  });
});

describe('port-forward', () => {
  /** Leads every port-forward to a TCP server of the test's. */
  async function serve(onConnection: (socket: Duplex) => void): Promise<void> {
    const target = createServer({ allowHalfOpen: true }, (socket) => {
      // What a test breaks off on purpose is no error of this end.
      socket.on('error', () => undefined);
      onConnection(socket);
    });
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
    opened.push(() => void target.close());
    const { port } = target.address() as AddressInfo;
    server.cluster.port = () => {
      const socket = connect(port, '127.0.0.1');
      return new Promise((resolve) => socket.on('connect', () => resolve(socket)));
    };
  }

  test('carries bytes both ways, more than a message holds', async () => {
    await serve((socket) => socket.pipe(socket));
    const stream = await cluster.connect('hello', 'gateway-1', 15_000);
    expect(server.requests.at(-1)).toBe(
      'GET /api/v1/namespaces/hello/pods/gateway-1/portforward?ports=15000',
    );
    const sent = Buffer.alloc(5_000_000, 'abcdefg');
    const got: Buffer[] = [];
    const whole = new Promise<void>((resolve) => {
      let size = 0;
      stream.on('data', (piece: Buffer) => {
        got.push(piece);
        if ((size += piece.length) === sent.length) resolve();
      });
    });
    stream.write(sent);
    await whole;
    expect(Buffer.concat(got).equals(sent)).toBe(true);
    stream.destroy();
  });

  test('carries HTTP', async () => {
    await serve((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi')),
    );
    const stream = await cluster.connect('hello', 'gateway-1', 15_000);
    const answer = await new Promise<string>((resolve, reject) => {
      get({ createConnection: () => stream, path: '/config_dump' }, (incoming) => resolve(text(incoming))).on(
        'error',
        reject,
      );
    });
    expect(answer).toBe('hi');
  });

  test("the Pod's end is the stream's end, after all that it sent", async () => {
    await serve((socket) => socket.end('x'.repeat(1_000_000)));
    expect(await text(await cluster.connect('hello', 'gateway-1', 80))).toHaveLength(1_000_000);
  });

  test('a port on which nobody listens is an error of the stream', async () => {
    server.cluster.port = () => Promise.reject(new Error('dial tcp 127.0.0.1:81: connection refused'));
    const stream = await cluster.connect('hello', 'gateway-1', 81);
    await expect(text(stream)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('connection refused') as string,
    });
  });

  test('a Pod that is not there, or who may not, is an error before', async () => {
    await expect(cluster.connect('hello', 'gateway-2', 80)).rejects.toMatchObject({ code: 'not_found' });
    server.token = 'another';
    await expect(cluster.connect('hello', 'gateway-1', 80)).rejects.toMatchObject({ code: 'config' });
  });

  test('an API server that goes breaks it off', async () => {
    await serve((socket) => void socket.write('hi'));
    const stream = await cluster.connect('hello', 'gateway-1', 80);
    const ended = text(stream);
    await server.close();
    await expect(ended).rejects.toMatchObject({ code: 'unreachable' });
  });
});
