// The embedded server put together: state, functions, the two ports and the control socket.
import { controlSocket } from '../control/home.js';
import { DEFAULT_FN_PORT, DEFAULT_GATEWAY_PORT } from '../control/ports.js';
import { PROTOCOL, type FunctionState, type ServerInfo } from '../control/protocol.js';
import type { Ports } from '../control/start.js';
import { ownVersion } from '../control/version.js';
import { serveControl } from './control.js';
import { createDataPlane } from './data-plane.js';
import { fnApi } from './fn-api.js';
import { createFunctions } from './functions/functions.js';
import { parseAllowedHosts } from './guard.js';
import { sendMessage } from './http-call.js';
import { closeHttpServer, createHttpServer } from './http.js';
import type { Handler } from './http.js';
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
 * Starts the embedded server in this process: at most one per state folder, on loopback only. When a part cannot be
 * opened, those before it are closed again.
 * @throws FnmeshError `conflict` when another server has the folder or an asked port is taken, `failed` when the
 *   state cannot be read.
 */
export async function serve({ home, ports }: { home: string; ports: Ports }): Promise<Serving> {
  const limits = limitsFrom(process.env);
  /** What to close, last opened first. */
  const opened: (() => Promise<unknown> | void)[] = [lockState(home)];
  const closeAll = async (): Promise<void> => {
    for (let close = opened.pop(); close; close = opened.pop()) await close();
  };
  try {
    const state = await State.open(home);
    opened.push(() => state.close());
    const logs = createLogs();
    const functions = createFunctions({ catalog: state, logs, stateDir: home, limits: limits.response });
    opened.push(() => functions.close());
    const plane = createDataPlane({ catalog: state, functions, maxRequestSize: limits.maxRequestSize });
    opened.push(() => plane.close());
    const version = ownVersion();
    const allowedHosts = parseAllowedHosts(process.env['FNMESH_ALLOWED_HOSTS']);
    const api = fnApi(state, { version, allowedHosts, onError: report });
    const fnServer = createHttpServer(
      guarded((request, response) => {
        if (!plane.fn(request, response)) void api(request, response);
      }),
    );
    const gateway = createHttpServer(guarded((request, response) => plane.gateway.handle(request, response)));
    let graceMs = 0;
    opened.push(() => Promise.all([fnServer, gateway].map((server) => closeHttpServer(server, graceMs))));
    const fnPort = await listen(fnServer, 'Fn API', ports.fnPort, DEFAULT_FN_PORT);
    const gatewayPort = await listen(gateway, 'gateway', ports.gatewayPort, DEFAULT_GATEWAY_PORT);

    let stopping = false;
    let end: () => void = () => {};
    const ending = new Promise<void>((resolve) => (end = resolve));
    const portWarnings = [fnPort.warning, gatewayPort.warning].filter((text) => text !== undefined);
    const startedAt = new Date().toISOString();
    const info = (): ServerInfo => ({
      version,
      protocol: PROTOCOL,
      pid: process.pid,
      startedAt,
      fnUrl: `http://127.0.0.1:${fnPort.port}`,
      gatewayUrl: `http://127.0.0.1:${gatewayPort.port}`,
      stopping,
      warnings: [...portWarnings, ...state.warnings],
    });
    const control = await serveControl(controlSocket(home), {
      info,
      routedApps: () => state.routedApps(),
      routes: (app) => state.routeTable(app),
      writeRoutes: (changes, reason) => state.writeRoutes(changes, reason),
      history: (app, fn) => state.history(app, fn),
      traffic: (app) => {
        const names = state.routeTable(app).routes.map(({ route }) => route.function);
        return Object.fromEntries(names.map((fn) => [fn, plane.gateway.traffic(app, fn)]));
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
    // Closed after the ports: whoever asks for the server meanwhile is told that it is about to end.
    opened.splice(-1, 0, () => {
      control.close();
      control.closeAllConnections();
    });
    const ignoreSignals = endOnSignals(() => (stopping ? process.exit(INTERRUPTED) : end()));
    const closed = ending.then(async () => {
      stopping = true;
      graceMs = GRACE_MS;
      await closeAll();
      ignoreSignals();
    });
    return { info: info(), closed };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** The exit code when a second signal ends the server before its calls are answered. */
const INTERRUPTED = 130;

/** Calls back on SIGINT and SIGTERM, each time; the returned function ends that. */
function endOnSignals(end: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, end);
  return () => {
    for (const signal of signals) process.off(signal, end);
  };
}

/** A fault of the server's own must end one request, not the server. */
function guarded(handle: Handler): Handler {
  return (request, response) => {
    try {
      handle(request, response);
    } catch (error) {
      report(error);
      if (response.headersSent) response.destroy();
      else sendMessage(request, response, 500, 'internal server error');
    }
  };
}

function report(error: unknown): void {
  process.stderr.write(
    `${new Date().toISOString()} ${error instanceof Error ? error.stack : String(error)}\n`,
  );
}
