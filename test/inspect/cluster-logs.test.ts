import { describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import type { FnmeshEvent } from '../../src/events.js';
import type { ClusterLogOptions } from '../../src/inspect/cluster-logs.js';
import { readClusterLogs } from '../../src/inspect/cluster-logs.js';
import { lineOf } from '../../src/inspect/proxy-line.js';
import { LABELS, ownLabels } from '../../src/kubernetes/names.js';
import type { KubeObject } from '../../src/kubernetes/object.js';
import type { FakeCluster } from '../helpers/fake-cluster.js';
import { fakeCluster } from '../helpers/fake-cluster.js';

const START = Date.UTC(2026, 0, 1) / 1000;

/** A line of the access log, so many seconds after the start. */
function line(after: number, version = 'v1', more: object = {}): string {
  const request = {
    method: 'GET',
    path: '/cart',
    status: 200,
    bytes: 2,
    seconds: 0.012,
    upstreamSeconds: 0.01,
  };
  return JSON.stringify({
    time: '',
    at: START + after,
    function: 'cart',
    version,
    ...request,
    callId: `call-${after}`,
    requestId: '',
    ...more,
  });
}

/** A Pod of the proxy of a version, or of all. */
function pod(name: string, version?: string): KubeObject {
  const labels =
    version === undefined ? { ...ownLabels('shop', 'cart') } : ownLabels('shop', 'cart', version);
  if (version === undefined) delete labels[LABELS.function];
  const containers = [{ name: 'istio-proxy' }, { name: 'nginx' }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'hello', labels },
    spec: { containers },
  };
}

const OPTIONS: ClusterLogOptions = {
  app: 'shop',
  namespace: 'hello',
  of: undefined,
  tail: 100,
  follow: false,
  call: undefined,
  syslog: null,
};

function clusterWith(logs: Record<string, string[]>, pods: KubeObject[]): FakeCluster {
  const cluster = fakeCluster();
  for (const each of pods) cluster.put(each);
  cluster.log = ({ pod: name, tail, container }) => {
    if (container !== 'nginx') throw new Error(`asked for ${container}`);
    const all = logs[name] ?? [];
    return tail === undefined ? all : all.slice(-tail);
  };
  return cluster;
}

async function read(
  cluster: FakeCluster,
  options: Partial<ClusterLogOptions> = {},
  events: FnmeshEvent[] = [],
): Promise<string[]> {
  const found = [];
  const lines = readClusterLogs(
    cluster,
    { ...OPTIONS, ...options },
    (event) => events.push(event),
    new AbortController().signal,
  );
  for await (const { at, pod: name, text } of lines)
    found.push(`${at.slice(17, 23)} ${name} ${text.slice(0, 12)}`);
  return found;
}

describe('the lines that there are', () => {
  const logs = {
    a: [line(1), line(4)],
    b: [line(2, 'v2'), '2026/01/01 00:00:03 [error] 7#7: broken', 'odd'],
  };
  const pods = [pod('a', 'v1'), pod('b', 'v2')];

  test('of all Pods, by time, whatever stands among them', async () => {
    expect(await read(clusterWith(logs, pods))).toEqual([
      '01.000 a GET /cart 20',
      '02.000 b GET /cart 20',
      '03.000 b 2026/01/01 0',
      '03.000 b odd',
      '04.000 a GET /cart 20',
    ]);
  });

  test('the last of all', async () => {
    expect(await read(clusterWith(logs, pods), { tail: 2 })).toEqual([
      '03.000 b odd',
      '04.000 a GET /cart 20',
    ]);
    expect(await read(clusterWith(logs, pods), { tail: 0 })).toEqual([]);
  });

  test('of one version: only its Pods are asked, and what nginx says there counts', async () => {
    const cluster = clusterWith(logs, pods);
    expect(await read(cluster, { of: { function: 'cart', version: 'v2' } })).toHaveLength(3);
    expect(cluster.requests.filter(({ verb }) => verb === 'logs').map(({ name }) => name)).toEqual(['b']);
  });

  test("of one version behind a shared proxy: the last of its own lines, however many others' there are", async () => {
    const shared = {
      s: [line(1, 'v2'), ...Array.from({ length: 300 }, (_, at) => line(2 + at / 1000)), 'odd'],
    };
    const found = await read(clusterWith(shared, [pod('s')]), {
      of: { function: 'cart', version: 'v2' },
      tail: 1,
    });
    expect(found).toEqual(['01.000 s GET /cart 20']);
  });

  test('of one call', async () => {
    expect(await read(clusterWith(logs, pods), { call: 'call-2', tail: 1 })).toEqual([
      '02.000 b GET /cart 20',
    ]);
  });

  test('a Pod that starts is warned of, the others are read; who may not is told', async () => {
    const cluster = clusterWith(logs, pods);
    cluster.before({ verb: 'logs', name: 'a' }, () =>
      Promise.reject(new FnmeshError('failed', 'ContainerCreating')),
    );
    const events: FnmeshEvent[] = [];
    expect(await read(cluster, {}, events)).toHaveLength(3);
    expect(events.filter(({ type }) => type === 'warning')).toEqual([
      { type: 'warning', text: 'Pod a gives no log: ContainerCreating' },
    ]);
    cluster.before({ verb: 'logs' }, () => Promise.reject(new FnmeshError('config', 'may not')));
    await expect(read(cluster)).rejects.toMatchObject({ code: 'config' });
  });

  test('says where functions write themselves, without a login', async () => {
    const events: FnmeshEvent[] = [];
    await read(clusterWith(logs, pods), { syslog: 'tcp://me:secret@logs.example:514' }, events);
    const [note] = events as { text: string }[];
    expect(note!.text).toContain('logs.example:514');
    expect(note!.text).not.toContain('secret');
  });

  test('no proxies', async () => {
    await expect(read(fakeCluster())).rejects.toMatchObject({ code: 'not_found', try: 'fnmesh wire' });
  });
});

test('followed: what was read is not read twice, a broken stream goes on, new Pods are found', async () => {
  const there = [line(1), line(1), line(2)];
  const cluster = clusterWith({}, [pod('a', 'v1')]);
  let opened = 0;
  cluster.log = async function* ({ pod: name, follow, signal }) {
    if (name === 'b') {
      yield line(6, 'v2');
      return;
    }
    yield* there;
    if (!follow) return;
    if (++opened === 1) {
      yield line(4);
      yield line(3);
      cluster.put(pod('b', 'v2'));
      throw new FnmeshError('unreachable', 'broke off');
    }
    yield line(4);
    yield line(5);
    await new Promise((resolve) => signal?.addEventListener('abort', resolve));
  };
  const stop = new AbortController();
  const found: string[] = [];
  for await (const { request } of readClusterLogs(
    cluster,
    { ...OPTIONS, follow: true },
    () => undefined,
    stop.signal,
  )) {
    found.push(request!.callId);
    if (found.includes('call-5') && found.includes('call-6')) stop.abort();
  }
  expect(found).toEqual(['call-1', 'call-1', 'call-2', 'call-3', 'call-4', 'call-5', 'call-6']);
});

test.each([
  [0, ['call-6', 'call-7']],
  [2, ['call-5', 'call-5', 'call-6', 'call-7']],
])('followed from the last %i lines on: of those before none comes again', async (tail, expected) => {
  const there = [1, 2, 3, 4, 5, 5].map((at) => line(at));
  const cluster = clusterWith({}, [pod('a', 'v1')]);
  // A cluster reads again from a few seconds before, and then on.
  cluster.log = async function* ({ tail: most, follow, signal }) {
    yield* most === undefined ? there : there.slice(Math.max(0, there.length - most));
    if (!follow) return;
    yield* [line(6), line(7)];
    await new Promise((resolve) => signal?.addEventListener('abort', resolve));
  };
  const stop = new AbortController();
  const found: string[] = [];
  const options = { ...OPTIONS, follow: true, tail };
  for await (const { request } of readClusterLogs(cluster, options, () => undefined, stop.signal)) {
    found.push(request!.callId);
    if (found.includes('call-7')) stop.abort();
  }
  expect(found).toEqual(expected);
});

test.each([
  [line(1.5), { at: '2026-01-01T00:00:01.500Z', text: 'GET /cart 200, 12 ms (Fn 10 ms)' }],
  [line(1, 'v1', { upstreamSeconds: null, status: 404 }), { text: 'GET /cart 404, 12 ms' }],
  ['2026/01/02 03:04:05 [error] 7#7: x', { at: '2026-01-02T03:04:05.000Z', request: null }],
  ['plain', { at: 'before', request: null, text: 'plain' }],
  ['{"at":"x"}', { at: 'before', request: null }],
  ['{"at":1e300,"status":1,"method":"","path":""}', { at: 'before', request: null }],
  ['{broken', { at: 'before', request: null, text: '{broken' }],
  ['', { at: 'before', text: '' }],
])('%s', (raw, expected) => {
  expect(lineOf(raw, 'a', 'before')).toMatchObject(expected);
});
