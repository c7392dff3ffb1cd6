// The embedded server put together: state, functions, the two ports and the control socket.
import { mkdirSync, readFileSync } from 'node:fs';
import { controlSocket } from '../control/home.js';
import { DEFAULT_FN_PORT, DEFAULT_GATEWAY_PORT } from '../control/ports.js';
import { PROTOCOL, type FunctionState, type ServerInfo } from '../control/protocol.js';
import type { Ports } from '../control/start.js';
import { serveControl } from './control.js';
import { createDataPlane } from './data-plane.js';
import { fnApi } from './fn-api.js';
import { createFunctions } from './functions/functions.js';
import { parseAllowedHosts } from './guard.js';
import { closeHttpServer, createHttpServer } from './http.js';
import { limitsFrom } from './limits.js';
import { listen } from './listen.js';
import { lockState } from './lock.js';
import { createLogs } from './logs.js';
import { State } from './state.js';

/** Calls under way get as long as Fn's longest timeout to be answered when the server ends, in milliseconds. */
const GRACE_MS = 305_000;

/** A server that serves. */
export type Serving = {
  info: ServerInfo;
  /** Resolves when it has ended, after SIGINT, SIGTERM or a control call. */
  closed: Promise<void>;
};

/**
 * Starts the embedded server in this process: at most one per state folder, on loopback only.
 * @throws FnmeshError `conflict` when another server has the folder or an asked port is taken, `failed` when the
 *   state cannot be read.
 */
export async function serve({ home, ports }: { home: string; ports: Ports }): Promise<Serving> {
  const env = process.env;
  const limits = limitsFrom(env);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const unlock = lockState(home);
  try {
    const state = await State.open(home);
    const logs = createLogs();
    const functions = createFunctions({ catalog: state, logs, stateDir: home, limits: limits.response });
    const plane = createDataPlane({ catalog: state, functions, maxRequestSize: limits.maxRequestSize });
    const version = ownVersion();
    const onError = (error: unknown): void => {
      process.stderr.write(
        `${new Date().toISOString()} ${error instanceof Error ? error.stack : String(error)}\n`,
      );
    };
    const api = fnApi(state, {
      version,
      allowedHosts: parseAllowedHosts(env['FNMESH_ALLOWED_HOSTS']),
      onError,
    });
    const fnServer = createHttpServer((request, response) => {
      if (!plane.fn(request, response)) void api(request, response);
    });
    const gateway = createHttpServer((request, response) => plane.gateway.handle(request, response));
    const fnPort = await listen(fnServer, 'Fn API', ports.fnPort, DEFAULT_FN_PORT);
    const gatewayPort = await listen(gateway, 'gateway', ports.gatewayPort, DEFAULT_GATEWAY_PORT);
    const info: ServerInfo = {
      version,
      protocol: PROTOCOL,
      pid: process.pid,
      startedAt: new Date().toISOString(),
      fnUrl: `http://127.0.0.1:${fnPort.port}`,
      gatewayUrl: `http://127.0.0.1:${gatewayPort.port}`,
      warnings: [],
    };
    const portWarnings = [fnPort.warning, gatewayPort.warning].filter((text) => text !== undefined);

    let end: () => void = () => {};
    const ending = new Promise<void>((resolve) => (end = resolve));
    const control = await serveControl(controlSocket(home), {
      info: () => ({ ...info, warnings: [...portWarnings, ...state.warnings] }),
      routes: (app) => state.routeTable(app),
      writeRoutes: (changes, reason) => state.writeRoutes(changes, reason),
      history: (app, fn) => state.history(app, fn),
      traffic: (app) => {
        const functions = state.routeTable(app).routes.map(({ route }) => route.function);
        return Object.fromEntries(functions.map((fn) => [fn, plane.gateway.traffic(app, fn)]));
      },
      served: (app, fn) => plane.gateway.served(app, fn),
      drained: (app, fn, name, timeoutMs) => plane.gateway.drained(app, fn, name, timeoutMs),
      registerBuilds: (builds) => state.registerBuilds(builds),
      builds: () => state.builds(),
      warm: ({ fnId, change }) => functions.warm(fnId, change),
      functions: (name) => {
        const app = state.appByName(name);
        const states = app ? state.fnsOf(app.id).map((fn) => functions.state(fn.id)) : [];
        return states.filter((each): each is FunctionState => each !== undefined);
      },
      logs: (fnIds, tail, follow) => ({
        lines: logs.tail(fnIds, tail),
        stop: follow ? logs.follow(fnIds, follow) : () => {},
      }),
      stop: () => end(),
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end());

    const closed = ending.then(async () => {
      await Promise.all([closeHttpServer(fnServer, GRACE_MS), closeHttpServer(gateway, GRACE_MS)]);
      await functions.close();
      control.close();
      control.closeAllConnections();
      await state.close();
      unlock();
    });
    return { info: { ...info, warnings: [...portWarnings, ...state.warnings] }, closed };
  } catch (error) {
    unlock();
    throw error;
  }
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
