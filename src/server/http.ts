// The two TCP ports: node:http, strict, bounded in time and size, closed without breaking off what is under way.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import { closing, sendMessage } from './http-call.js';

/** A request's head may have this many bytes; Fn's callers send large ones (the contract has 32 KiB). */
const HEAD_SIZE = 128 * 1024;
/** How often connections that have fallen idle are closed when a server closes, in milliseconds. */
const SWEEP_MS = 50;

const OPTIONS: ServerOptions = {
  maxHeaderSize: HEAD_SIZE,
  // A whole head must be there within this time, a whole request within the next, in milliseconds.
  headersTimeout: 30_000,
  requestTimeout: 300_000,
  connectionsCheckingInterval: 5_000,
  // Longer than the minute for which clients and load balancers keep theirs, so that they close first.
  keepAliveTimeout: 75_000,
  insecureHTTPParser: false,
  // Makes a repeated Host visible, which would else be the first one.
  joinDuplicateHeaders: true,
  noDelay: true,
};

/** Handles a request; what it throws is a fault of the server's own. */
export type Handler = (req: IncomingMessage, res: ServerResponse) => void;

/** A server for one port, not yet listening. A repeated Host is answered 400, malformed HTTP by node itself. */
export function createHttpServer(handle: Handler): Server {
  const server = createServer(OPTIONS, (req, res) => {
    if (req.headers.host?.includes(',')) return sendMessage(req, res, 400, 'Bad request: more than one Host');
    handle(req, res);
  });
  return server;
}

/**
 * Stops accepting, lets what is under way be answered, closes idle connections at once and all others after
 * `graceMs` milliseconds. Resolves when all are closed.
 */
export function closeHttpServer(server: Server, graceMs: number): Promise<void> {
  closing.add(server);
  return new Promise((resolve) => {
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
    const force = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}
