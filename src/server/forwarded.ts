// How headers pass between a caller and another Fn server (RFC 9110, section 7.6.1). Raw headers are names and values
// in turn, so repeats, order and case survive.
import type { IncomingMessage } from 'node:http';
import { HOP, namedByConnection } from './headers.js';

/** Counts the gateways that a request came through, so that a loop ends. */
const HOPS = 'fnmesh-hops';
/** Of a caller's headers, those that are written anew. */
const OWN = new Set([
  'host',
  'content-length',
  'expect',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  HOPS,
]);
const MARKS = new Set(['fnmesh-function', 'fnmesh-version']);
/** Methods that announce a body even when it is empty (RFC 9110, section 8.6). */
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);

/** How many gateways a request came through before this one. */
export function hopsOf(req: IncomingMessage): number {
  const said = req.headers[HOPS];
  return typeof said === 'string' && /^\d{1,3}$/.test(said) ? Number(said) : 0;
}

/**
 * The raw headers of a request as it goes on to another server: the caller's but hop headers, with that server's
 * host, the body's length, and who the caller is.
 * @param length The body's, in bytes; undefined = none.
 */
export function forwardedRequestHeaders(
  req: IncomingMessage,
  host: string,
  length: number | undefined,
): string[] {
  const named = namedByConnection(req.headers.connection);
  const out = ['Host', host];
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const lower = req.rawHeaders[i]!.toLowerCase();
    if (HOP.has(lower) || OWN.has(lower) || named?.has(lower)) continue;
    out.push(req.rawHeaders[i]!, req.rawHeaders[i + 1]!);
  }
  const said = (name: string): string | undefined => {
    return named?.has(name) ? undefined : req.headers[name]?.toString();
  };
  const from = [said('x-forwarded-for'), req.socket.remoteAddress].filter((part) => part !== undefined);
  if (from.length > 0) out.push('X-Forwarded-For', from.join(', '));
  // What was asked for, as the gateway has routed by it and a cluster's proxies say it too: not what a caller claims.
  if (req.headers.host !== undefined) out.push('X-Forwarded-Host', req.headers.host);
  out.push('X-Forwarded-Proto', said('x-forwarded-proto') ?? 'http');
  out.push('Fnmesh-Hops', String(hopsOf(req) + 1));
  if (length !== undefined || req.headers['content-length'] !== undefined || WITH_BODY.has(req.method!)) {
    out.push('Content-Length', String(length ?? 0));
  }
  return out;
}

/** The caller's raw headers for another server's answer: all but hop headers and the gateway's own marks. */
export function forwardedResponseHeaders(answer: IncomingMessage): string[] {
  const named = namedByConnection(answer.headers.connection);
  const out: string[] = [];
  for (let i = 0; i < answer.rawHeaders.length; i += 2) {
    const lower = answer.rawHeaders[i]!.toLowerCase();
    if (HOP.has(lower) || MARKS.has(lower) || named?.has(lower)) continue;
    if (lower === 'content-length' && answer.statusCode === 204) continue;
    out.push(answer.rawHeaders[i]!, answer.rawHeaders[i + 1]!);
  }
  return out;
}
