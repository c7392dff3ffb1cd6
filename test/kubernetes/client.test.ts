// The adapter over real sockets: what it asks, what it makes of answers and of none, and when it asks again.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FnmeshError } from '../../src/errors.js';
import type { FnmeshEvent } from '../../src/events.js';
import type { ClientOptions } from '../../src/kubernetes/client.js';
import { connectCluster } from '../../src/kubernetes/client.js';
import type { Cluster } from '../../src/kubernetes/cluster.js';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { KINDS } from '../../src/kubernetes/object.js';
import type { FaultProxy } from '../helpers/fault-proxy.js';
import { startFaultProxy } from '../helpers/fault-proxy.js';
import type { KubeStandIn } from '../helpers/kube-stand-in.js';
import { startKubeStandIn } from '../helpers/kube-stand-in.js';
import { clusterContract } from './cluster-contract.js';

const folder = mkdtempSync(join(tmpdir(), 'fnmesh-client-'));
const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Listens on a free port of 127.0.0.1 until the test ends, and gives its URL. */
async function listen(server: Server, scheme = 'http'): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push(() => void server.close());
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const FAST: ClientOptions = { firstWaitMs: 1, requestMs: 5000 };

async function connectTo(
  kubeconfig: string,
  options: ClientOptions = FAST,
  env: NodeJS.ProcessEnv = {},
  events: FnmeshEvent[] = [],
): Promise<Cluster> {
  const settings = { kubeconfig: { value: kubeconfig, from: 'test' }, context: null, namespace: null };
  const cluster = await connectCluster(settings, env, (event) => events.push(event), options);
  opened.push(() => cluster.close());
  return cluster;
}

async function failureOf(promise: Promise<unknown>): Promise<FnmeshError> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: FnmeshError) => error,
  );
}

const map = (data: Record<string, string> = {}, name = 'a'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'hello' },
  data,
});

const started: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of started) await close();
});
clusterContract('the adapter before a stand-in', async () => {
  const server = await startKubeStandIn();
  started.push(() => server.close());
  const settings = {
    kubeconfig: { value: server.kubeconfig(folder), from: 'test' },
    context: null,
    namespace: null,
  };
  const cluster = await connectCluster(settings, {}, () => undefined);
  started.unshift(() => cluster.close());
  return { cluster, namespace: 'hello', other: server.cluster.as('kubectl') };
});

describe('what is asked', () => {
  let [server, cluster] = [null!, null!] as [KubeStandIn, Cluster];
  beforeEach(async () => {
    server = await startKubeStandIn({ token: 'the-token' });
    opened.push(() => server.close());
    cluster = await connectTo(server.kubeconfig(folder));
  });

  test('nothing before the first request, and no discovery for any of them', async () => {
    expect(server.requests).toEqual([]);
    await cluster.get(KINDS.HTTPRoute, 'hello', 'a');
    await cluster.list(KINDS.VirtualService, { namespace: null, labels: { a: 'b', c: 'd' } });
    await cluster.apply(map());
    expect(server.requests).toEqual([
      'GET /apis/gateway.networking.k8s.io/v1/namespaces/hello/httproutes/a',
      'GET /apis/networking.istio.io/v1/virtualservices?labelSelector=a%3Db%2Cc%3Dd&limit=500',
      'PATCH /api/v1/namespaces/hello/configmaps/a?fieldManager=fnmesh&fieldValidation=Strict&force=false',
    ]);
    expect(server.headers).toMatchObject({
      'content-type': 'application/apply-patch+yaml',
      authorization: 'Bearer the-token',
    });
  });

  test.each([410, 404] as const)(
    'a page that is gone each time (%i) is an error, and no end of the list',
    async (status) => {
      for (let at = 0; at < 501; at++) server.cluster.put(map({}, `m-${at}`));
      server.expirePages(status, Infinity);
      await expect(cluster.list(KINDS.ConfigMap, { namespace: 'hello' })).rejects.toMatchObject({
        name: 'FnmeshError',
        message: expect.stringContaining('cluster stand-in') as string,
        try: expect.any(String) as string,
      });
      expect(server.requests).toHaveLength(2 * 3);
    },
  );

  test.each([410, 404] as const)(
    'pages are followed; when they are gone (%i), the list is begun anew',
    async (status) => {
      const names = Array.from({ length: 1201 }, (_, at) => `m-${String(at).padStart(4, '0')}`);
      for (const name of names) server.cluster.put(map({}, name));
      const list = async (): Promise<string[]> =>
        (await cluster.list(KINDS.ConfigMap, { namespace: 'hello' })).map(({ metadata }) => metadata.name);
      expect(await list()).toEqual(names);
      expect(server.requests).toHaveLength(3);
      server.expirePages(status);
      expect(await list()).toEqual(names);
      expect(server.requests).toHaveLength(3 + 2 + 3);
    },
  );

  test('what a group serves is asked once', async () => {
    await Promise.all([
      cluster.serves(KINDS.HTTPRoute),
      cluster.serves(KINDS.Gateway),
      cluster.serves(KINDS.HTTPRoute),
    ]);
    expect(server.requests).toEqual(['GET /apis/gateway.networking.k8s.io/v1']);
  });

  test("the API server's warnings come with what was applied", async () => {
    expect((await cluster.apply(map())).warnings).toEqual(['one "odd" thing', 'another']);
  });

  test("a call has the caller's path and headers as they are, but never who asks", async () => {
    server.cluster.answer = ({ method, path, headers, body }) => ({
      status: 207,
      headers: { 'content-type': 'application/json', 'X-Twice': '1' },
      body: JSON.stringify({
        method,
        path,
        who: headers['authorization'],
        mine: headers['fnmesh-route'],
        body,
      }),
    });
    const headers = {
      'Fnmesh-Route': 'cart/v2 t/shop/cart',
      Authorization: 'Bearer of-the-function',
      'Impersonate-User': 'root',
    };
    const path = '/cart//%2F?a=1&a=2';
    const call = {
      namespace: 'hello',
      service: 'shop-cart',
      port: 'http',
      method: 'POST',
      path,
      headers,
      body: 'hi',
      timeoutMs: 5000,
    };
    const answer = await cluster.call(call);
    expect(answer).toMatchObject({ status: 207, headers: { 'x-twice': '1' } });
    expect(answer.unreached).toBeUndefined();
    expect(JSON.parse(answer.body)).toEqual({
      method: 'POST',
      path,
      who: 'Bearer the-token',
      mine: 'cart/v2 t/shop/cart',
      body: 'hi',
    });
    expect(server.headers['impersonate-user']).toBeUndefined();
    expect(server.requests).toEqual([`POST /api/v1/namespaces/hello/services/shop-cart:http/proxy${path}`]);
  });

  test("a Service's own 503 is its answer", async () => {
    server.cluster.answer = () => ({
      status: 503,
      headers: { 'content-type': 'application/json' },
      body: '{"message":"busy"}',
    });
    const call = {
      namespace: 'hello',
      service: 'a',
      port: '80',
      method: 'GET',
      path: '/',
      headers: {},
      timeoutMs: 5000,
    };
    expect(await cluster.call(call)).toMatchObject({ status: 503, body: '{"message":"busy"}' });
    expect((await cluster.call(call)).unreached).toBeUndefined();
    expect(server.requests).toHaveLength(2);
  });

  test('a call that takes too long is not ready, and is not made again', async () => {
    server.cluster.answer = () => new Promise(() => undefined);
    const call = {
      namespace: 'hello',
      service: 'a',
      port: '80',
      method: 'GET',
      path: '/',
      headers: {},
      timeoutMs: 50,
    };
    expect(await failureOf(cluster.call(call))).toMatchObject({ code: 'not_ready' });
    expect(server.requests).toHaveLength(1);
  });
});

describe('answers that get lost', () => {
  let [server, proxy, cluster] = [null!, null!, null!] as [KubeStandIn, FaultProxy, Cluster];
  beforeEach(async () => {
    server = await startKubeStandIn();
    proxy = await startFaultProxy(server.url);
    opened.push(
      () => server.close(),
      () => proxy.close(),
    );
    cluster = await connectTo(server.kubeconfig(folder, { server: proxy.url }), { ...FAST, requestMs: 500 });
    await cluster.version();
    proxy.reset();
  });

  const faults = [
    ['a connection dropped before', { kind: 'drop-before' }],
    ['a connection dropped after', { kind: 'drop-after' }],
    ['a 429 with Retry-After', { kind: 'status', status: 429, retryAfter: '0' }],
    ['a 500', { kind: 'status', status: 500 }],
    ['a 503 of something that did pass it on', { kind: 'status-after', status: 503 }],
    ['half an answer', { kind: 'truncate' }],
    ['a late answer', { kind: 'slow', ms: 700 }],
  ] as const;

  test.each(faults)('%s: every request is done once in the end', async (_, fault) => {
    const once = async <T>(act: () => Promise<T>): Promise<T> => {
      proxy.fail(fault, () => true);
      const done = await act();
      // What was late is carried out too, and before the next request is made.
      await proxy.settled();
      return done;
    };
    const made = await once(() => cluster.create(map({ a: '1' })));
    expect(made).toMatchObject({ data: { a: '1' }, metadata: { uid: expect.any(String) as string } });
    expect(await once(() => cluster.get(KINDS.ConfigMap, 'hello', 'a'))).toMatchObject({ data: { a: '1' } });
    expect(await once(() => cluster.list(KINDS.ConfigMap, { namespace: null }))).toHaveLength(1);
    const replaced = await once(() => cluster.replace({ ...made, data: { a: '2' } }));
    expect(replaced).toMatchObject({ data: { a: '2' } });
    const second = await once(() => cluster.apply(map({ b: '3' }, 'b')));
    expect(second.object).toMatchObject({ data: { b: '3' } });
    await once(() => cluster.remove(KINDS.ConfigMap, 'hello', 'a', { uid: made.metadata.uid! }));
    expect(server.cluster.objects(KINDS.ConfigMap).map(({ metadata }) => metadata.name)).toEqual(['b']);
    expect(proxy.requests.filter((seen) => seen.fault !== undefined)).toHaveLength(6);
  });

  test('a lost create whose object is another one is a conflict', async () => {
    proxy.fail({ kind: 'drop-before' }, 0);
    server.cluster.before({ verb: 'create' }, () => server.cluster.put(map({ of: 'somebody else' })));
    expect(await failureOf(cluster.create(map({ of: 'mine' })))).toMatchObject({ code: 'conflict' });
  });

  test('a lost replace after which somebody else wrote is a conflict', async () => {
    const made = server.cluster.put(map({ a: '1' }));
    proxy.fail({ kind: 'drop-after' }, 0);
    server.cluster.after({ verb: 'replace' }, () =>
      server.cluster.edit(made, (it) => (it['data'] = { a: 'theirs' })),
    );
    expect(await failureOf(cluster.replace({ ...made, data: { a: '2' } }))).toMatchObject({
      code: 'conflict',
    });
    expect(server.cluster.objects()[0]!['data']).toEqual({ a: 'theirs' });
  });

  test('an API server that stays away is unreachable, after five tries', async () => {
    proxy.fail({ kind: 'drop-before' }, () => true, Infinity);
    const error = await failureOf(cluster.get(KINDS.ConfigMap, 'hello', 'a'));
    expect(error).toMatchObject({
      code: 'unreachable',
      try: expect.stringContaining('kubectl --context stand-in') as string,
    });
    expect(error.message).toContain('5 times');
    expect(proxy.requests).toHaveLength(5);
  });

  test('a busy API server is asked again after the time it says, and named when it stays busy', async () => {
    proxy.fail({ kind: 'status', status: 429, retryAfter: '0' }, () => true, Infinity);
    const error = await failureOf(cluster.get(KINDS.ConfigMap, 'hello', 'a'));
    expect(error).toMatchObject({ code: 'unreachable', message: expect.stringContaining('429') as string });
  });

  test('a web page is no API server', async () => {
    proxy.fail({ kind: 'html' }, () => true, Infinity);
    for (const ask of [() => cluster.version(), () => cluster.get(KINDS.ConfigMap, 'hello', 'a')]) {
      expect(await failureOf(ask())).toMatchObject({ code: 'unreachable' });
    }
    proxy.reset();
    proxy.fail({ kind: 'html', status: 404 }, () => true, Infinity);
    const error = await failureOf(cluster.get(KINDS.ConfigMap, 'hello', 'a'));
    expect(error).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('no Kubernetes API server') as string,
    });
  });
});

test('nobody listening is said at once; silence is, after the limit', async () => {
  const server = await startKubeStandIn();
  const file = server.kubeconfig(folder);
  await server.close();
  const refused = await failureOf((await connectTo(file)).version());
  expect(refused).toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining('cannot be reached: connect ECONNREFUSED') as string,
  });

  const url = await listen(
    createTcpServer(() => undefined),
    'https',
  );
  const cluster = await connectTo(server.kubeconfig(folder, { server: url }), {
    connectMs: 30,
    tries: 2,
    firstWaitMs: 1,
  });
  expect(await failureOf(cluster.version())).toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining('no connection within 0.03 s') as string,
  });
});

describe('what the API server refuses', () => {
  const said: { status: number; body: object }[] = [];
  let cluster: Cluster;
  beforeEach(async () => {
    const server = createServer((_, response) => {
      const { status, body } = said[0]!;
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify({ kind: 'Status', code: status, ...body }));
    });
    const standIn = await startKubeStandIn();
    opened.push(() => standIn.close());
    const url = await listen(server);
    cluster = await connectTo(
      standIn.kubeconfig(folder, { server: url, user: { token: 'eyJhbGciOi.eyJzdWIi.c2ln' } }),
    );
  });

  const rbac =
    'configmaps is forbidden: User "ada" cannot create resource "configmaps" in API group "" in the namespace "hello"';
  const cases: [string, number, object, Partial<FnmeshError>][] = [
    [
      '401',
      401,
      { message: 'Unauthorized' },
      {
        code: 'config',
        message: 'cluster stand-in (URL) does not accept the credentials of ada (401): they may have expired',
      },
    ],
    [
      'RBAC',
      403,
      { message: rbac },
      { code: 'config', message: 'ada may not create configmaps in namespace hello (403, cluster stand-in)' },
    ],
    [
      'admission',
      403,
      { message: 'pods "a" is forbidden: violates PodSecurity "restricted:latest"' },
      {
        code: 'failed',
        message:
          'cluster stand-in (URL) refuses ConfigMap hello/a: pods "a" is forbidden: violates PodSecurity "restricted:latest"',
      },
    ],
    [
      'a namespace',
      404,
      { message: 'namespaces "hello" not found' },
      {
        code: 'not_found',
        message: 'cluster stand-in (URL) has no namespace hello',
        try: 'kubectl create namespace hello',
      },
    ],
    [
      'a kind',
      404,
      { message: 'the server could not find the requested resource' },
      { code: 'not_found', message: 'cluster stand-in (URL) does not serve ConfigMap (v1)' },
    ],
    [
      'validation',
      422,
      { message: 'ConfigMap "a" is invalid: data: bad' },
      {
        code: 'failed',
        message:
          'cluster stand-in (URL) refuses to create ConfigMap hello/a: ConfigMap "a" is invalid: data: bad',
      },
    ],
    [
      'an unknown field that is applied',
      500,
      {
        message:
          'failed to create typed patch object (hello/a; /v1, Kind=ConfigMap): .dat: field not declared in schema',
      },
      {
        code: 'failed',
        message:
          'cluster stand-in (URL) refuses to create ConfigMap hello/a: failed to create typed patch object (hello/a; /v1, Kind=ConfigMap): .dat: field not declared in schema',
      },
    ],
    [
      'a token in its words',
      400,
      { message: 'bad eyJhbGciOi.eyJzdWIi.c2ln' },
      { code: 'failed', message: 'cluster stand-in (URL) refuses to create ConfigMap hello/a: bad …' },
    ],
  ];

  test.each(cases)('%s', async (_, status, body, expected) => {
    said[0] = { status, body };
    const error = await failureOf(cluster.create(map()));
    const url = cluster.identity.server;
    expect(error).toMatchObject({ ...expected, message: expected.message!.replace('URL', url) });
    expect(JSON.stringify([error.message, error.try])).not.toContain('eyJ');
  });
});

describe('trust', () => {
  let [server, other] = [null!, null!] as [KubeStandIn, string];
  const objectOf = (place: object | (() => object)): object =>
    typeof place === 'function' ? (place as () => object)() : place;
  const pem = (name: string): string => join(folder, name);
  beforeAll(async () => {
    for (const name of ['server', 'other']) {
      execFileSync(
        'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:prime256v1',
          '-nodes',
          '-days',
          '2',
          '-subj',
          `/CN=${name}`,
          '-addext',
          'subjectAltName=IP:127.0.0.1,DNS:kube.example',
          '-keyout',
          pem(`${name}.key`),
          '-out',
          pem(`${name}.crt`),
        ],
        { stdio: 'ignore' },
      );
    }
    other = readFileSync(pem('other.crt')).toString('base64');
    server = await startKubeStandIn({
      tls: { key: readFileSync(pem('server.key'), 'utf8'), cert: readFileSync(pem('server.crt'), 'utf8') },
    });
  });
  afterAll(() => server.close());

  test.each<[string, object | (() => object)]>([
    ['a file', { 'certificate-authority': 'server.crt' }],
    ['data', () => ({ 'certificate-authority-data': readFileSync(pem('server.crt')).toString('base64') })],
    ['another name', { 'certificate-authority': 'server.crt', 'tls-server-name': 'kube.example' }],
    ['nothing at all', { 'insecure-skip-tls-verify': true }],
  ])('by %s', async (_, place) => {
    const cluster = await connectTo(server.kubeconfig(folder, { cluster: objectOf(place) }));
    expect(await cluster.version()).toBe('v1.36.3');
  });

  test.each<[string, object | (() => object)]>([
    ['no authority', {}],
    ['another one', () => ({ 'certificate-authority-data': other })],
    ['another name', { 'certificate-authority': 'server.crt', 'tls-server-name': 'else.example' }],
  ])('not with %s: said at once, with what to do', async (_, place) => {
    const file = server.kubeconfig(folder, { cluster: objectOf(place) });
    const error = await failureOf((await connectTo(file)).version());
    expect(error).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('is not trusted') as string,
    });
    expect(error.try).toContain('certificate-authority-data');
  });

  test('as a user of an old auth-provider', async () => {
    const config = { 'access-token': 'of-gcp', expiry: '2099-01-01T00:00:00Z' };
    const user = { 'auth-provider': { name: 'gcp', config } };
    const place = { 'certificate-authority': 'server.crt' };
    const cluster = await connectTo(server.kubeconfig(folder, { cluster: place, user }));
    await cluster.version();
    expect(server.headers.authorization).toBe('Bearer of-gcp');
  });

  test('through a proxy of the kubeconfig or of the environment', async () => {
    const asked: string[] = [];
    const tunnel = createServer();
    tunnel.on('connect', (request, socket) => {
      asked.push(request.url!);
      const port = Number(request.url!.split(':')[1]);
      const onward = connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
      socket.pipe(onward).pipe(socket);
      opened.push(() => onward.destroy());
    });
    const url = await listen(tunnel);
    const trusted = { 'certificate-authority': 'server.crt' };
    const port = new URL(server.url).port;
    const named = await connectTo(server.kubeconfig(folder, { cluster: { ...trusted, 'proxy-url': url } }));
    expect([await named.version(), await named.version()]).toEqual(['v1.36.3', 'v1.36.3']);
    expect(asked).toEqual([`127.0.0.1:${port}`]);
    const far = server.kubeconfig(folder, { server: `https://kube.example:${port}`, cluster: trusted });
    expect(await (await connectTo(far, FAST, { HTTPS_PROXY: url })).version()).toBe('v1.36.3');
    expect(asked).toEqual([`127.0.0.1:${port}`, `kube.example:${port}`]);
  });
});
