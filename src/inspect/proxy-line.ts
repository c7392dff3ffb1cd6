// One line of a proxy's log: a request as JSON, or whatever else nginx had to say. Pure.
import type { AccessLine } from '../kubernetes/render/access-log.js';

/** A line with its Pod. */
export type ProxyLine = {
  /** RFC 3339, UTC, with milliseconds; '' when nothing tells. */
  at: string;
  pod: string;
  /** null: no request. */
  request: AccessLine | null;
  /** The line as a person reads it. */
  text: string;
};

/** nginx 1.22, ngx_log.c: an error log's own time, in the Pod's zone, which is UTC in containers. */
const ERROR_TIME = /^(\d{4})\/(\d\d)\/(\d\d) (\d\d:\d\d:\d\d) \[/;

/**
 * Reads a line; what is no request has its own time, else that of the line before.
 * @param before The `at` of the Pod's line before.
 */
export function lineOf(raw: string, pod: string, before: string): ProxyLine {
  const request = requestIn(raw);
  if (request !== null)
    return { at: new Date(request.at * 1000).toISOString(), pod, request, text: textOf(request) };
  const [, year, month, day, time] = ERROR_TIME.exec(raw) ?? [];
  return {
    at: year === undefined ? before : `${year}-${month}-${day}T${time}.000Z`,
    pod,
    request: null,
    text: raw,
  };
}

/** `GET /cart 200, 12 ms (Fn 10 ms)`. */
function textOf({ method, path, status, seconds, upstreamSeconds }: AccessLine): string {
  const fn = upstreamSeconds === null ? '' : ` (Fn ${Math.round(upstreamSeconds * 1000)} ms)`;
  return `${method} ${path} ${status}, ${Math.round(seconds * 1000)} ms${fn}`;
}

function requestIn(raw: string): AccessLine | null {
  if (!raw.startsWith('{')) return null;
  let line: Partial<AccessLine>;
  try {
    line = JSON.parse(raw) as Partial<AccessLine>;
  } catch {
    return null;
  }
  const { time, at, method, path, status, seconds } = line;
  const isWhole =
    typeof at === 'number' &&
    Number.isFinite(at) &&
    typeof status === 'number' &&
    typeof method === 'string' &&
    typeof path === 'string';
  if (!isWhole || Math.abs(at) > 8e12) return null;
  return {
    ...{ time: time ?? '', at, method, path, status, seconds: seconds ?? 0 },
    function: line.function ?? '',
    version: line.version ?? '',
    bytes: line.bytes ?? 0,
    upstreamSeconds: line.upstreamSeconds ?? null,
    callId: line.callId ?? '',
    requestId: line.requestId ?? '',
  };
}
