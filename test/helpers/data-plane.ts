// The data plane on real sockets and with real processes, over a catalog in memory.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { App, Fn } from '../../src/fn/model.js';
import { createDataPlane } from '../../src/server/data-plane.js';
import type { DataPlane } from '../../src/server/data-plane.js';
import { createFunctions } from '../../src/server/functions/functions.js';
import type { Functions, FunctionsOptions } from '../../src/server/functions/functions.js';
import { closeHttpServer, createHttpServer } from '../../src/server/http.js';
import { limitsFrom } from '../../src/server/limits.js';
import { createLogs } from '../../src/server/logs.js';
import type { Logs } from '../../src/server/logs.js';
import { memoryCatalog } from './memory-catalog.js';
import type { MemoryCatalog } from './memory-catalog.js';
import { fixtureBuild } from './programs.js';

/** A running data plane with one app, `shop`, and the fixture function as a build. */
export type TestPlane = {
  catalog: MemoryCatalog;
  functions: Functions;
  logs: Logs;
  plane: DataPlane;
  app: App;
  stateDir: string;
  fnPort: number;
  gatewayPort: number;
  /** Adds a fn of the fixture function with this config, and a trigger `/NAME`. */
  add(name: string, config?: Record<string, string>, change?: Partial<Fn>): Fn;
  /** Puts a route at `/NAME` over fns and triggers named `NAME-VERSION`; `endpoints`: versions on another server. */
  route(name: string, split: Record<string, number>, endpoints?: Record<string, string>): void;
  servers: Server[];
  close(): Promise<void>;
};

/** What a test is answered. */
export type Answer = { status: number; headers: IncomingHttpHeaders; text: string };

/** Starts it. `env` holds Fn's limit variables. */
export async function testPlane(
  options: Partial<FunctionsOptions> = {},
  env: NodeJS.ProcessEnv = {},
  upstreamTimeoutMs?: number,
): Promise<TestPlane> {
  const stateDir = options.stateDir ?? mkdtempSync(join(tmpdir(), 'fnmesh-plane-'));
  const catalog = memoryCatalog();
  const build = fixtureBuild('func');
  catalog.addBuild(build);
  const app = catalog.addApp('shop');
  const logs = createLogs();
  const limits = limitsFrom(env);
  const functions = createFunctions({ catalog, logs, stateDir, limits: limits.response, ...options });
  const plane = createDataPlane({
    catalog,
    functions,
    maxRequestSize: limits.maxRequestSize,
    ...(upstreamTimeoutMs !== undefined && { upstreamTimeoutMs }),
  });
  const servers = [
    createHttpServer((req, res) => void plane.fn(req, res)),
    createHttpServer((req, res) => plane.gateway.handle(req, res)),
  ];
  const [fnPort, gatewayPort] = await Promise.all(servers.map(listening));
  return {
    catalog,
    functions,
    logs,
    plane,
    app,
    stateDir,
    fnPort: fnPort!,
    gatewayPort: gatewayPort!,
    servers,
    add(name, config = {}, change = {}) {
      const fn = catalog.addFn(app, name, { image: build.image, config, ...change });
      catalog.addTrigger(fn, `/${name}`);
      return fn;
    },
    route(name, split, endpoints = {}) {
      const destinations = Object.fromEntries(
        Object.keys(split).map((version) => [
          version,
          {
            fn: `${name}-${version}`,
            source: `/${name}-${version}`,
            ...(endpoints[version] !== undefined && { endpoint: endpoints[version] }),
          },
        ]),
      );
      const path = `/${name}`;
      catalog.putRoute({
        app: 'shop',
        function: name,
        host: 'shop.localhost',
        path,
        rules: [],
        split,
        destinations,
      });
    },
    async close() {
      await Promise.all(servers.map((server) => closeHttpServer(server, 100)));
      plane.close();
      await functions.close();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** One request on a connection of its own, or of the agent's when given in `options`. */
export function ask(
  port: number,
  path: string,
  options: {
    method?: string;
    headers?: Record<string, string>;
    body?: string | Buffer;
    agent?: import('node:http').Agent;
  } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = options.body === undefined ? 'GET' : 'POST', headers = {}, agent } = options;
    const req = request({ host: '127.0.0.1', port, path, method, headers, agent: agent ?? false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        resolve({
          status: res.statusCode!,
          headers: res.headers,
          text: Buffer.concat(chunks).toString('utf8'),
        });
      });
    });
    req.on('error', reject);
    req.end(options.body);
  });
}

/** Calls a fn by its id with what it shall do. */
export function invoke(plane: TestPlane, fn: Fn, what: string, body = ''): Promise<Answer> {
  return ask(plane.fnPort, `/invoke/${fn.id}`, { method: 'POST', headers: { 'X-Do': what }, body });
}

/** Whether a process runs; one that has ended but was not yet waited for does not count where that can be seen. */
export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    if (process.platform !== 'linux') return true;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return false;
  }
}

/** Waits until something holds. @throws Error after `ms`. */
export async function until(holds: () => boolean, ms = 5000): Promise<void> {
  const end = performance.now() + ms;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${String(holds)}`);
    await pause(10);
  }
}
