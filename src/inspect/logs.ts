import type { ControlClient } from '../control/client.js';
import type { LogLine } from '../control/protocol.js';
import { FnmeshError } from '../errors.js';
import type { FnServer } from '../fn/fn-server.js';
import type { Router } from '../router/router.js';

/** Which lines. */
export type LogOptions = {
  app: string;
  /** A function or one version of it; undefined = the whole app. */
  of: { function: string; version: string | undefined } | undefined;
  /** How many lines that are there already. */
  tail: number;
  follow: boolean;
  /** Only the lines of this call. */
  call: string | undefined;
};

/**
 * The lines that functions wrote, oldest first; with `follow` without end, until `signal` aborts.
 * @throws FnmeshError `not_found` for an unknown app or version.
 */
export async function* readLogs(
  target: { control: ControlClient; fn: FnServer; router: Router },
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const app = await target.fn.app(options.app);
  if (!app)
    throw new FnmeshError('not_found', `the Fn server has no app ${options.app}`, {
      try: 'fnmesh deploy --all',
    });
  const fns = await target.fn.fns(app.id);
  const wanted = options.of === undefined ? undefined : await fnNames(target.router, options.app, options.of);
  const fnId = fns.filter((fn) => wanted === undefined || wanted.includes(fn.name)).map((fn) => fn.id);
  if (fnId.length === 0) return;
  // Lines of one call may be few among many: all are looked through.
  const tail = options.call === undefined ? options.tail : Number.MAX_SAFE_INTEGER;
  const query = { fnId, tail, follow: options.follow ? 1 : undefined };
  for await (const line of target.control.lines<'logs'>('GET /logs', query, signal)) {
    if (options.call === undefined || line.callId === options.call) yield line;
  }
}

async function fnNames(
  router: Router,
  app: string,
  of: { function: string; version: string | undefined },
): Promise<string[]> {
  const table = await router.read(app);
  const destinations =
    table.routes.find(({ route }) => route.function === of.function)?.route.destinations ?? {};
  if (of.version === undefined) return Object.values(destinations).map(({ fn }) => fn);
  if (Object.hasOwn(destinations, of.version)) return [destinations[of.version]!.fn];
  throw new FnmeshError(
    'not_found',
    `${of.function} has no version ${of.version}; it has ${Object.keys(destinations).join(', ')}`,
    {
      try: `fnmesh logs ${of.function}/${Object.keys(destinations)[0]}`,
    },
  );
}
