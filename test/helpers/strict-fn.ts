// Stands in for a real Fn server (fnproject/fn 0.3.753) in tests: the API with its recorded quirks, written for it alone,
// and the embedded server's data plane behind a cache of five seconds, so that functions really run.
//
//   const strict = await startStrictFn({ cacheMs: 200, pull: () => ({ dir, command: ['node', 'func.js'] }) });
//   … new FnClient(strict.url) …
//   expect(strict.violations).toEqual([]);      // nothing was sent that breaks a real server
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuildRegistration } from '../../src/control/protocol.js';
import { messageOf } from '../../src/errors.js';
import { newId } from '../../src/fn/id.js';
import type { Catalog } from '../../src/server/catalog.js';
import { createDataPlane } from '../../src/server/data-plane.js';
import { createFunctions } from '../../src/server/functions/functions.js';
import { sendMessage } from '../../src/server/http-call.js';
import { closeHttpServer, createHttpServer } from '../../src/server/http.js';
import { limitsFrom } from '../../src/server/limits.js';
import { createLogs } from '../../src/server/logs.js';
import { strictApi, type Reply } from './strict/api.js';
import { cachedCatalog } from './strict/catalog.js';
import { registryPull, type Pull } from './strict/images.js';
import { StrictObjects } from './strict/objects.js';
import { isDeadly, violationsOf } from './strict/violations.js';

/** How it is started. */
export type StrictOptions = {
  /** For how long calls run what an app, fn or trigger was; the real server's 5000 by default. */
  cacheMs?: number;
  /** Makes an image runnable at its first call; by default pulled over HTTP from a registry on this machine. */
  pull?: Pull;
  /** For the registry that images are pulled from. */
  registryAuth?: { username: string; password: string };
  /** What /v2 wants as a bearer token, as a proxy before a real server does; 401 without, 403 with another. */
  token?: string;
  /** `full` (default): one URL for all. `api`: `url` has the API only, `callUrl` the calls, as a load balancer node. */
  nodes?: 'full' | 'api';
  /** A port to start again on. */
  port?: number;
  /** What an earlier server had stored, from its `objects`. */
  objects?: StrictObjects;
};

/** A running server. */
export type StrictFn = {
  /** The API's base URL; with `nodes: 'full'` also that of calls. */
  url: string;
  /** The base URL of calls. What endpoint annotations start with, unless the API was asked under another Host. */
  callUrl: string;
  port: number;
  /** What was sent to it that breaks a real server, or is stored by it by mistake. */
  violations: string[];
  /** `METHOD /path?query` of everything that came to `url`, in order. */
  requests: string[];
  /** The images that were pulled, in order; an image that is there is not pulled again. */
  pulled: string[];
  /** What is stored; tests may look, and change what others would have changed. */
  objects: StrictObjects;
  close(): Promise<void>;
};

/** Starts it in this process, on free ports of 127.0.0.1, with nothing stored. */
export async function startStrictFn(options: StrictOptions = {}): Promise<StrictFn> {
  const dir = mkdtempSync(join(tmpdir(), 'fnmesh-strict-'));
  const { objects = new StrictObjects(), pull = registryPull(join(dir, 'images'), options.registryAuth) } =
    options;
  const builds = new Map<string, BuildRegistration>();
  const catalog = cachedCatalog(objects, builds, options.cacheMs ?? 5000);
  const limits = limitsFrom({});
  const functions = createFunctions({ catalog, logs: createLogs(), stateDir: dir, limits: limits.response });
  const plane = createDataPlane({ catalog, functions, maxRequestSize: limits.maxRequestSize });
  const [violations, requests, pulled] = [[] as string[], [] as string[], [] as string[]];
  const pulling = new Map<string, Promise<void>>();

  async function ensure(image: string): Promise<void> {
    const { dir: folder, command } = await pull(image);
    builds.set(image, { image, dir: folder, command });
    pulled.push(image);
  }

  async function call(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const image = imageOf(catalog, path);
    if (image !== undefined && !builds.has(image)) {
      // Calls that come meanwhile wait for the same pull; the next after a failed one tries again.
      const under = pulling.get(image) ?? ensure(image).finally(() => pulling.delete(image));
      pulling.set(image, under);
      const why = await under.then(() => undefined, messageOf);
      if (why !== undefined) {
        const message = `Failed to pull image '${image}': ${why}`;
        return sendMessage(request, response, 502, message, ['Fn-Call-Id', newId()]);
      }
    }
    if (path.startsWith('/r/') || !plane.fn(request, response)) {
      sendMessage(request, response, 404, `Path not found: ${request.method} ${path}`);
    }
  }

  const isFull = options.nodes !== 'api';
  const isCall = (path: string): boolean => /^\/(t|invoke)\//.test(path);
  let callUrl = '';

  async function api(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    requests.push(`${method} ${url}`);
    const { path, query } = partsOf(url);
    if (isFull && isCall(path)) return call(request, response, path);
    const ask = {
      method,
      path,
      query,
      body: await textOf(request),
      base: isFull ? `http://${request.headers.host}` : callUrl,
    };
    violations.push(...violationsOf(ask));
    if (isDeadly(path)) return void response.destroy();
    const sent = request.headers.authorization;
    if (options.token !== undefined && path.startsWith('/v2') && sent !== `Bearer ${options.token}`) {
      return give(response, {
        status: sent === undefined ? 401 : 403,
        raw: `no access with ${sent ?? 'no token'}`,
        type: 'text/plain',
      });
    }
    give(response, strictApi(objects, ask));
  }

  const servers = [
    createHttpServer((request, response) => void api(request, response).catch(() => response.destroy())),
    createHttpServer((request, response) => {
      const { path } = partsOf(request.url ?? '/');
      if (isCall(path)) return void call(request, response, path).catch(() => response.destroy());
      const reply = strictApi(new StrictObjects(), {
        method: request.method ?? 'GET',
        // A load balancer node says its version, and knows nothing below /v2.
        path: path.replace(/^\/v2\//, '/-/'),
        query: new URLSearchParams(),
        body: '',
        base: '',
      });
      give(response, { ...reply, ...(reply.raw && { raw: reply.raw.replace(' /-/', ' /v2/') }) });
    }),
  ] as const;
  const port = await listening(servers[0], options.port ?? 0);
  const callPort = await listening(servers[1], 0);
  const url = `http://127.0.0.1:${port}`;
  callUrl = isFull ? url : `http://127.0.0.1:${callPort}`;
  return {
    url,
    callUrl,
    port,
    violations,
    requests,
    pulled,
    objects,
    async close() {
      await Promise.all(servers.map((server) => closeHttpServer(server, 0)));
      await functions.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The image that a call would run, through the cache; undefined: it runs none. */
function imageOf(catalog: Catalog, path: string): string | undefined {
  const [, way, name = '', source = '/'] = /^\/(t|invoke)\/([^/]+)(\/.*)?$/s.exec(path) ?? [];
  if (way === 'invoke') return catalog.fn(name)?.image;
  const app = way === undefined ? undefined : catalog.appByName(name);
  const trigger = app && catalog.triggerBySource(app.id, source);
  return trigger && catalog.fn(trigger.fn_id)?.image;
}

function partsOf(target: string): { path: string; query: URLSearchParams } {
  const cut = target.indexOf('?');
  const path = cut < 0 ? target : target.slice(0, cut);
  return { path: decoded(path), query: new URLSearchParams(cut < 0 ? '' : target.slice(cut + 1)) };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function give(response: ServerResponse, { status, json, raw, type, location }: Reply): void {
  const body = raw ?? (json === undefined ? undefined : JSON.stringify(json));
  if (location !== undefined) response.setHeader('Location', location);
  if (type !== null) response.setHeader('Content-Type', type ?? 'application/json; charset=utf-8');
  if (status !== 204) response.setHeader('Content-Length', Buffer.byteLength(body ?? ''));
  response.writeHead(status).end(body);
}

async function textOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

function listening(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
