// How headers pass between a caller and a function (fnproject/fn 0.3.753, api/server/runner_fninvoke.go and
// runner_httptrigger.go). Raw headers are names and values in turn, so repeats, order and case survive.

const PREFIX = 'Fn-Http-H-';
const PREFIX_LOWER = PREFIX.toLowerCase();
/** What Fn's own client calls itself towards a function. */
const USER_AGENT = 'User-Agent: Go-http-client/1.1\r\n';

/** Headers that belong to one connection and go no further. */
export const HOP: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Of /invoke's request headers, those that the server sets itself. */
const SET_FOR_CALL = new Set(['host', 'content-length', 'expect', 'fn-call-id', 'fn-deadline']);
/** Of a function's response headers, those that the server sets itself. */
const SET_FOR_CALLER = new Set(['content-length', 'fn-call-id', 'fnmesh-function', 'fnmesh-version']);

/** The function's header lines for an /invoke request: all of the caller's but hop headers. */
export function invokeRequestHeaders(raw: readonly string[], connection: string | undefined): string {
  const named = namedByConnection(connection);
  let lines = '';
  let agent = USER_AGENT;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    const lower = name.toLowerCase();
    if (lower === 'te' && value === 'trailers') lines += 'Te: trailers\r\n';
    if (HOP.has(lower) || SET_FOR_CALL.has(lower) || named?.has(lower)) continue;
    if (lower === 'user-agent') agent = '';
    lines += `${name}: ${value}\r\n`;
  }
  return lines + agent;
}

/**
 * The function's header lines for a request through a trigger or the gateway: the caller's with `Fn-Http-H-` before
 * the name (Content-Type without), then method, full URL and intent.
 */
export function triggerRequestHeaders(
  raw: readonly string[],
  connection: string | undefined,
  method: string,
  url: string,
): string {
  const named = namedByConnection(connection);
  let lines = '';
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    const start = toFunction(name);
    if (start === '' || named?.has(name.toLowerCase())) continue;
    lines += `${start}${raw[i + 1]!}\r\n`;
  }
  return `${lines}Fn-Http-Method: ${method}\r\nFn-Http-Request-Url: ${url}\r\nFn-Intent: httprequest\r\n${USER_AGENT}`;
}

/** The caller's raw headers for an /invoke answer: all of the function's but hop headers. */
export function invokeResponseHeaders(raw: readonly string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const lower = raw[i]!.toLowerCase();
    if (!HOP.has(lower) && !SET_FOR_CALLER.has(lower)) out.push(raw[i]!, raw[i + 1]!);
  }
  return out;
}

/** A trigger's answer: its status and the caller's raw headers. */
export type TriggerResponse = { status: number; headers: string[] };

/**
 * The caller's answer from a function's headers: `Fn-Http-H-*` without the prefix and Content-Type (the prefixed one
 * wins), the status from `Fn-Http-Status`. Undefined when that status cannot be sent.
 */
export function triggerResponse(raw: readonly string[]): TriggerResponse | undefined {
  const headers: string[] = [];
  let status: number | undefined;
  let type: string | undefined;
  let typeGiven = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = toCaller(raw[i]!);
    if (name === '') continue;
    if (name === CONTENT_TYPE) type ??= raw[i + 1]!;
    else if (name === STATUS) status ??= statusOf(raw[i + 1]!);
    else {
      if (name.length === 12 && name.toLowerCase() === 'content-type') typeGiven = true;
      headers.push(name, raw[i + 1]!);
    }
  }
  status ??= 200;
  // Informational statuses would announce an answer that never comes.
  if (status < 200 || status > 999) return undefined;
  if (type !== undefined && !typeGiven && status !== 304) headers.push('Content-Type', type);
  return { status, headers };
}

/** As Go's Atoi: digits with an optional sign; what is no number, 0 or negative means that none is set. */
function statusOf(value: string): number {
  if (!/^[+-]?\d+$/.test(value)) return 200;
  const status = Number(value);
  return status > 0 ? status : 200;
}

/** Marks in the memo below; no header can have such a name. */
const CONTENT_TYPE = ':content-type';
const STATUS = ':status';

/** How a name is written to the function, with its colon; '' = not at all. */
const toFunction = remembered((name) => {
  const lower = name.toLowerCase();
  if (HOP.has(lower) || lower === 'host') return '';
  return lower === 'content-type' ? `${name}: ` : `${PREFIX}${name}: `;
});

/** What a function's header is for the caller: its name, a mark, or '' = nothing. */
const toCaller = remembered((name) => {
  const lower = name.toLowerCase();
  if (lower === 'content-type') return CONTENT_TYPE;
  if (lower === 'fn-http-status') return STATUS;
  if (!lower.startsWith(PREFIX_LOWER)) return '';
  const bare = lower.slice(PREFIX.length);
  return HOP.has(bare) || SET_FOR_CALLER.has(bare) ? '' : name.slice(PREFIX.length);
});

/** The same few names come with every request: what was worked out once is looked up, within bounds. */
function remembered(work: (name: string) => string): (name: string) => string {
  const known = new Map<string, string>();
  return (name) => {
    let result = known.get(name);
    if (result !== undefined) return result;
    result = work(name);
    if (known.size >= 1000) known.clear();
    if (name.length <= 100) known.set(name, result);
    return result;
  };
}

/** The names that the Connection header makes hop headers; undefined in the usual cases. */
export function namedByConnection(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  return new Set(connection.toLowerCase().split(/[\s,]+/));
}
