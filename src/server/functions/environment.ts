// What a function process finds in its environment.
import type { App, Fn } from '../../fn/model.js';
import { LISTENER } from './socket-dir.js';

/** The name under which FDKs print a line with the call's id on both streams before each call. */
export const FRAME_NAME = 'FNMESH_CALL';

/** What of the server's own environment a function sees: enough to find programs, none of the user's secrets. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'LANG'] as const;

/**
 * Variables by which a program loads code, or finds others. Config comes over the Fn API, which needs no token on this
 * machine; what runs must stay what was registered over the control socket, which only its owner can open.
 */
const LOADERS =
  /^(NODE_(OPTIONS|PATH)|(LD|DYLD)_.*|PYTHON(PATH|HOME|STARTUP)|BASH_ENV|PERL5(OPT|LIB)|RUBY(OPT|LIB)|PATH)$/;

/** The config keys that a process does not get. */
export function withheld(app: App, fn: Fn): string[] {
  return Object.keys(mergedConfig(app, fn)).filter((name) => LOADERS.test(name));
}

/** The config of the app with the fn's own over it. */
export function mergedConfig(app: App, fn: Fn): Record<string, string> {
  return { ...app.config, ...fn.config };
}

/**
 * The whole environment of a process. The FN_ variables win over config (fnproject/fn 0.3.753, api/agent/call.go);
 * FN_APP_NAME and FN_FN_NAME are documented and set by Oracle's service, though not by the open source server.
 * @param socketDir The process's own directory for its socket.
 */
export function environment(
  app: App,
  fn: Fn,
  socketDir: string,
  server: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of INHERITED) {
    const value = server[name];
    if (value !== undefined) env[name] = value;
  }
  const config = Object.entries(mergedConfig(app, fn)).filter(([name]) => !LOADERS.test(name));
  return {
    ...env,
    // A Go process serves one call at a time beside others of its kind: with all cores each, the idle threads of
    // their schedulers took a quarter of the throughput (two cores). Config has the last word.
    GOMAXPROCS: '1',
    ...Object.fromEntries(config),
    FN_MEMORY: String(fn.memory),
    FN_TYPE: 'sync',
    FN_FN_ID: fn.id,
    FN_APP_ID: app.id,
    FN_APP_NAME: app.name,
    FN_FN_NAME: fn.name,
    FN_FORMAT: 'http-stream',
    FN_LISTENER: listenerUrl(socketDir),
    FN_LOGFRAME_NAME: FRAME_NAME,
    FN_LOGFRAME_HDR: 'Fn-Call-Id',
  };
}

/** The value of FN_LISTENER for a process's directory. No two processes ever have the same. */
export function listenerUrl(socketDir: string): string {
  return `unix:${socketDir}/${LISTENER}`;
}
