// An API server over real sockets, before a cluster in memory: the REST paths that fnmesh uses, and what needs a kubelet
// elsewhere: logs that are followed, and port-forward over WebSockets.
//
//   const server = await startKubeStandIn({ token: 'secret' });
//   const file = server.kubeconfig(folder);                 // a kubeconfig that leads to it
//   server.cluster.put(pod);                                // see fake-cluster.ts
//   server.cluster.log = () => ['line 1', 'line 2'];
//   server.requests                                         // METHOD PATH of what came, in order
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { WebSocketServer } from 'ws';
import { FnmeshError } from '../../src/errors.js';
import type { Kind, KubeObject } from '../../src/kubernetes/object.js';
import { apiVersionOf, KINDS } from '../../src/kubernetes/object.js';
import type { FakeCluster } from './fake-cluster.js';
import { fakeCluster } from './fake-cluster.js';

/** How the server is. */
export type StandInOptions = {
  cluster?: FakeCluster;
  /** PEM; without it the server speaks plain http. */
  tls?: { key: string; cert: string; ca?: string };
  /** The only bearer token that is accepted; default: everybody is. */
  token?: string;
};

/** A running server. */
export type KubeStandIn = {
  url: string;
  cluster: FakeCluster;
  /** `METHOD PATH?QUERY`, in order. */
  requests: string[];
  /** The headers of the last request. */
  headers: IncomingMessage['headers'];
  /** The token that is accepted from now on. */
  token: string | undefined;
  /** The next `times` second or later pages of lists that are asked for are gone: 410, or another status. */
  expirePages(status?: 404 | 410, times?: number): void;
  /** Writes a kubeconfig of this server, with `more` in its cluster and user, and gives its path. */
  kubeconfig(
    folder: string,
    more?: { server?: string; cluster?: object; user?: object; namespace?: string },
  ): string;
  close(): Promise<void>;
};

type Said = { status: number; body: unknown; headers?: Record<string, string> };
type Place = { kind: Kind; namespace: string | null; name?: string; rest: string };

const OBJECT =
  /^(?:\/api\/v1|\/apis\/([^/]+)\/([^/]+))(?:\/namespaces\/([^/]+)(?=\/))?\/([a-z]+)(?:\/([^/]+))?(\/.*)?$/;

/** Starts one on a free port of 127.0.0.1. */
export async function startKubeStandIn(options: StandInOptions = {}): Promise<KubeStandIn> {
  const cluster = options.cluster ?? fakeCluster();
  const sockets = new Set<Socket>();
  const webSockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (all) => (all.has(V4) ? V4 : false),
  });
  const expired = { status: 410, times: 0 };

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void answer(request, response).catch(() => response.destroy());
  };
  const server: Server = options.tls ? createSecureServer(options.tls, listener) : createServer(listener);
  const standIn: KubeStandIn = {
    url: '',
    cluster,
    requests: [],
    headers: {},
    token: options.token,
    expirePages: (status = 410, times = 1) => void Object.assign(expired, { status, times }),
    kubeconfig(folder, { server = standIn.url, cluster: place = {}, user = {}, namespace = 'hello' } = {}) {
      const login = standIn.token === undefined ? {} : { token: standIn.token };
      const file = join(folder, `kubeconfig-${Math.random().toString(36).slice(2)}`);
      const config = {
        ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'stand-in' },
        clusters: [{ name: 'here', cluster: { server, ...place } }],
        users: [{ name: 'ada', user: { ...login, ...user } }],
        contexts: [{ name: 'stand-in', context: { cluster: 'here', user: 'ada', namespace } }],
      };
      writeFileSync(file, JSON.stringify(config));
      return file;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  function note(request: IncomingMessage): boolean {
    standIn.requests.push(`${request.method} ${request.url}`);
    standIn.headers = request.headers;
    return standIn.token === undefined || request.headers.authorization === `Bearer ${standIn.token}`;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isKnown = note(request);
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const url = new URL(request.url!, 'http://stand-in');
    if (!isKnown) return give(response, { status: 401, body: status(401, 'Unauthorized', 'Unauthorized') });
    const place = placeOf(url.pathname);
    try {
      if (place?.rest === '/log') return await log(place, url, response);
      if (place?.rest.startsWith('/proxy')) {
        const to = request.url!.slice(request.url!.indexOf('/proxy') + '/proxy'.length);
        return await proxy(place, to, request, Buffer.concat(pieces).toString(), response);
      }
      give(response, await rest(request.method!, url, place, Buffer.concat(pieces).toString()));
    } catch (error) {
      give(response, refusal(error));
    }
  }

  async function rest(method: string, url: URL, place: Place | null, text: string): Promise<Said> {
    const { pathname, searchParams: query } = url;
    if (pathname === '/version') return { status: 200, body: { gitVersion: await cluster.version() } };
    if (pathname.endsWith('/selfsubjectaccessreviews')) return review(text);
    if (place === null) return discovery(pathname);
    const { kind, namespace, name } = place;
    const body = text === '' ? {} : (JSON.parse(text) as object);
    if (!(await cluster.serves(kind))) return { status: 404, body: '404 page not found\n' };
    if (method === 'GET' && name === undefined) return page(place, query);
    if (method === 'GET') {
      const found = await cluster.get(kind, namespace, name!);
      return found ? { status: 200, body: found } : notThere(kind, name!);
    }
    if (method === 'POST') return { status: 201, body: await cluster.create(body as KubeObject) };
    if (method === 'PUT') return { status: 200, body: await cluster.replace(body as KubeObject) };
    if (method === 'PATCH') {
      const [force, dryRun] = [query.get('force') === 'true', query.get('dryRun') === 'All'];
      const manager = query.get('fieldManager')!;
      const { object } = await cluster.as(manager).apply(body as KubeObject, { force, dryRun });
      return {
        status: 200,
        body: object,
        headers: { warning: '299 - "one \\"odd\\" thing", 299 - "another"' },
      };
    }
    const there = await cluster.get(kind, namespace, name!);
    if (there === null) return notThere(kind, name!);
    const { preconditions } = body as { preconditions?: { uid?: string; resourceVersion?: string } };
    await cluster.remove(kind, namespace, name!, preconditions);
    return { status: 200, body: status(200, 'Success', '') };
  }

  async function page({ kind, namespace }: Place, query: URLSearchParams): Promise<Said> {
    const pairs = (query.get('labelSelector') ?? '').split(',').filter((pair) => pair !== '');
    const labels = Object.fromEntries(pairs.map((pair) => pair.split('=') as [string, string]));
    const from = Number(query.get('continue') ?? 0);
    if (from > 0 && expired.times > 0) {
      expired.times--;
      if (expired.status === 404) return { status: 404, body: '404 page not found\n' };
      return { status: 410, body: status(410, 'Expired', 'The provided continue parameter is too old') };
    }
    const limit = Number(query.get('limit') ?? Infinity);
    const all = await cluster.list(kind, { namespace, labels });
    // As the real one: what stands in a list has neither apiVersion nor kind.
    const items = all
      .slice(from, from + limit)
      .map((object) => ({ ...object, apiVersion: undefined, kind: undefined }));
    const next = from + limit < all.length ? String(from + limit) : undefined;
    return {
      status: 200,
      body: { kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata: { continue: next }, items },
    };
  }

  async function discovery(path: string): Promise<Said> {
    const kinds = Object.values<Kind>(KINDS).filter(
      (kind) => path === (kind.group === '' ? '/api/v1' : `/apis/${kind.group}/${kind.version}`),
    );
    const served = [];
    for (const kind of kinds)
      if (await cluster.serves(kind)) served.push({ name: kind.plural, kind: kind.kind });
    if (served.length === 0) return { status: 404, body: '404 page not found\n' };
    return { status: 200, body: { kind: 'APIResourceList', resources: served } };
  }

  async function review(text: string): Promise<Said> {
    const { spec } = JSON.parse(text) as { spec: { resourceAttributes: Record<string, string> } };
    const { verb, group = '', resource, subresource, namespace = null } = spec.resourceAttributes;
    const kind = Object.values<Kind>(KINDS).find((each) => each.group === group && each.plural === resource)!;
    const asked = { verb: verb as 'get', kind, namespace, ...(subresource !== undefined && { subresource }) };
    return {
      status: 201,
      body: { kind: 'SelfSubjectAccessReview', status: { allowed: await cluster.may(asked) } },
    };
  }

  async function log(
    { namespace, name }: Place,
    { searchParams: query }: URL,
    response: ServerResponse,
  ): Promise<void> {
    const [tail, since] = [query.get('tailLines'), query.get('sinceSeconds')];
    const lines = cluster.logs({
      ...{
        namespace: namespace!,
        pod: name!,
        container: query.get('container') ?? '',
        follow: query.get('follow') === 'true',
      },
      ...(tail !== null && { tail: Number(tail) }),
      ...(since !== null && { sinceSeconds: Number(since) }),
    });
    const iterator = lines[Symbol.asyncIterator]();
    // What is refused is refused before the first line.
    let next = await iterator.next();
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.flushHeaders();
    response.on('close', () => void iterator.return?.());
    for (; !next.done; next = await iterator.next()) response.write(`${next.value}\n`);
    response.end();
  }

  async function proxy(
    { namespace, name }: Place,
    path: string,
    request: IncomingMessage,
    body: string,
    response: ServerResponse,
  ): Promise<void> {
    const [service, port] = name!.split(':') as [string, string];
    const call = { namespace: namespace!, service, port, method: request.method!, path, body, timeoutMs: 0 };
    const said = await cluster.call({ ...call, headers: request.headers as Record<string, string> });
    if (said.unreached === undefined)
      return void response.writeHead(said.status, said.headers).end(said.body);
    give(response, { status: said.status, body: status(said.status, 'ServiceUnavailable', said.unreached) });
  }

  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const isKnown = note(request);
    const url = new URL(request.url!, 'http://stand-in');
    const { namespace, name } = placeOf(url.pathname)!;
    const port = Number(url.searchParams.get('ports'));
    const refuse = ({ status: code, body }: Said): void => {
      const text = JSON.stringify(body);
      socket.end(
        `HTTP/1.1 ${code} No\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`,
      );
    };
    if (!isKnown) return refuse({ status: 401, body: status(401, 'Unauthorized', 'Unauthorized') });
    if (
      !cluster
        .objects(KINDS.Pod)
        .some(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
    ) {
      return refuse(notThere(KINDS.Pod, name!));
    }
    webSockets.handleUpgrade(request, socket, head, (client) => {
      const number = Buffer.from([port & 255, port >> 8]);
      for (const channel of [0, 1]) client.send(Buffer.concat([Buffer.from([channel]), number]));
      const data = cluster.connect(namespace!, name!, port);
      data.then(
        (stream) => {
          client.on(
            'message',
            (message: Buffer) => void (message[0] === 0 && stream.write(message.subarray(1))),
          );
          client.on('close', () => stream.destroy());
          stream.on('data', (piece: Buffer) => client.send(Buffer.concat([Buffer.from([0]), piece])));
          stream.on('end', () => client.close(1000));
          stream.on('error', () => client.terminate());
        },
        (error: Error) => {
          client.send(
            Buffer.concat([Buffer.from([1]), Buffer.from(`error forwarding port ${port}: ${error.message}`)]),
          );
          client.close(1000);
        },
      );
    });
  });

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  standIn.url = `${options.tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return standIn;
}

const V4 = 'v4.channel.k8s.io';

function placeOf(path: string): Place | null {
  const [, group = '', version = 'v1', namespace, plural, name, rest = ''] = OBJECT.exec(path) ?? [];
  const kind = Object.values<Kind>(KINDS).find(
    (each) => each.group === group && each.version === version && each.plural === plural,
  );
  if (kind === undefined) return null;
  return {
    kind,
    namespace: namespace ?? null,
    ...(name !== undefined && { name: decodeURIComponent(name) }),
    rest,
  };
}

function give(response: ServerResponse, { status: code, body, headers = {} }: Said): void {
  const isText = typeof body === 'string';
  response.writeHead(code, { 'content-type': isText ? 'text/plain' : 'application/json', ...headers });
  response.end(isText ? body : JSON.stringify(body));
}

function status(code: number, reason: string, message: string): object {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: code < 300 ? 'Success' : 'Failure',
    message,
    reason,
    code,
  };
}

function notThere(kind: Kind, name: string): Said {
  return { status: 404, body: status(404, 'NotFound', `${kind.plural} "${name}" not found`) };
}

/** The Status for what the cluster in memory throws. */
function refusal(error: unknown): Said {
  if (!(error instanceof FnmeshError)) throw error;
  const [code, reason] = CODES[error.code] ?? [500, 'InternalError'];
  const isTaken = / already$/.test(error.message);
  return { status: code, body: status(code, isTaken ? 'AlreadyExists' : reason, error.message) };
}

const CODES: Partial<Record<FnmeshError['code'], [number, string]>> = {
  conflict: [409, 'Conflict'],
  not_found: [404, 'NotFound'],
  config: [403, 'Forbidden'],
  failed: [422, 'Invalid'],
  not_ready: [400, 'BadRequest'],
};
