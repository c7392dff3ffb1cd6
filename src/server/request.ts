// What both data planes read from a request.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendMessage } from './http-call.js';

/** The methods that reach a function through a trigger or the gateway. */
export const TRIGGER_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'HEAD',
  'OPTIONS',
  'DELETE',
  'TRACE',
]);

/** The whole URL that the caller asked for. */
export function fullUrl(req: IncomingMessage): string {
  const url = req.url!;
  if (!url.startsWith('/')) return url; // An absolute target, as to a proxy.
  return `http://${req.headers.host ?? `${req.socket.localAddress}:${req.socket.localPort}`}${url}`;
}

/** Answers that the body is over the limit, in Fn's words. */
export function requestTooLarge(
  req: IncomingMessage,
  res: ServerResponse,
  bytes: number,
  max: number,
  marks?: readonly string[],
): void {
  sendMessage(req, res, 413, `Content-Length too large for this server, ${bytes} > max ${max}`, marks);
}
