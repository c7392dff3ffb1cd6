import type { ControlClient } from '../control/client.js';
import type { LogLine } from '../control/protocol.js';
import { FnmeshError } from '../errors.js';
import type { FnServer } from '../fn/fn-server.js';
import { withoutLogin } from '../fn/login.js';
import type { App } from '../fn/model.js';
import { observe, type ObservedFn } from '../fn/observe.js';
import { nearest } from '../routing/near.js';

/** A function, or one version of it. */
type FunctionWord = { function: string; version: string | undefined };

/** Which lines. */
export type LogOptions = {
  app: string;
  /** A function or one version of it; undefined = the whole app. */
  of: FunctionWord | undefined;
  /** How many lines that are there already. */
  tail: number;
  follow: boolean;
  /** Only the lines of this call. */
  call: string | undefined;
};

/**
 * The lines that functions wrote, oldest first; with `follow` without end, until `signal` aborts.
 * @throws FnmeshError `not_found` for an unknown app, function or version; `usage` where the functions are on another
 *   Fn server, whose API gives no logs (fnproject/fn 0.3.689 and later).
 */
export async function* readLogs(
  target: { control: ControlClient; fn: FnServer; embedded: boolean },
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const { app, fns } = await observe(target.fn, options.app);
  if (!app) {
    throw new FnmeshError('not_found', `the Fn server has no app ${options.app}`, {
      try: 'fnmesh deploy --all',
    });
  }
  if (!target.embedded) throw elsewhere(target.fn.url, app);
  const fnId = options.of === undefined ? fns.map(({ fn }) => fn.id) : idsOf(fns, options.of);
  if (fnId.length === 0) return;
  // Lines of one call may be few among many: all are looked through.
  const tail = options.call === undefined ? options.tail : Number.MAX_SAFE_INTEGER;
  const query = { fnId, tail, follow: options.follow ? 1 : undefined };
  for await (const line of target.control.lines<'logs'>('GET /logs', query, signal)) {
    if (options.call === undefined || line.callId === options.call) yield line;
  }
}

/** Where the logs of another Fn server's functions are. */
function elsewhere(url: string, { name, syslog_url: syslog }: App): FnmeshError {
  const what = `the Fn server ${url} gives no logs`;
  if (syslog) {
    const where = withoutLogin(syslog);
    return new FnmeshError('usage', `${what}: functions of ${name} write to ${where}`, {
      try: `the logs of the syslog server at ${where}`,
    });
  }
  return new FnmeshError('usage', `${what}, and ${name} has no syslog_url to which its functions write`, {
    try: 'syslog_url: tcp://HOST:PORT in app.yaml, then fnmesh deploy --all',
  });
}

/** Deployed functions count, routed or not: what cannot be called has often written why. */
function idsOf(fns: readonly ObservedFn[], of: FunctionWord): string[] {
  const noted = fns.flatMap(({ fn, notes }) => (notes === null ? [] : [{ id: fn.id, ...notes }]));
  const matching = noted.filter((each) => each.function === of.function);
  const wanted =
    of.version === undefined ? matching : matching.filter(({ version }) => version === of.version);
  if (wanted.length > 0) return wanted.map(({ id }) => id);
  const known = (matching.length > 0 ? matching : noted).map((each) => `${each.function}/${each.version}`);
  const word = of.version === undefined ? of.function : `${of.function}/${of.version}`;
  const near = nearest(word, known)[0] ?? known[0];
  throw new FnmeshError('not_found', `${word} is not deployed; there is ${known.join(', ') || 'nothing'}`, {
    try: near === undefined ? 'fnmesh deploy --all' : `fnmesh logs ${near}`,
  });
}
