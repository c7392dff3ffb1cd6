// The two TCP ports: node:http, strict, bounded in time and size, closed without breaking off what is under way.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import { closing, sendMessage } from './http-call.js';

/** A request's head may have this many bytes; Fn's callers send large ones (the contract has 32 KiB). */
const HEAD_SIZE = 128 * 1024;
/** A head may have fewer headers than this. */
const HEADERS = 2000;
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
  // Looked at below: node would answer a request without one, and go on with what follows.
  requireHostHeader: false,
  // Makes a repeated Host visible, which would else be the first one.
  joinDuplicateHeaders: true,
  noDelay: true,
};

/** Handles a request; what it throws is a fault of the server's own. */
export type Handler = (req: IncomingMessage, res: ServerResponse) => void;

/** Connections that end with an answer under way: what they go on to send is not heard. */
const ending = new WeakSet<object>();

/**
 * A server for one port, not yet listening. Malformed HTTP is answered by node itself; what node lets pass although
 * others may read it differently is refused here, and its connection ends.
 */
export function createHttpServer(handle: Handler): Server {
  const server = createServer(OPTIONS, (req, res) => {
    if (ending.has(req.socket)) return;
    const refused = refusal(req);
    // Of a request for another protocol, node drops what came with it: nobody shall wait for an answer to that.
    if (refused || req.headers.upgrade !== undefined) {
      ending.add(req.socket);
      res.shouldKeepAlive = false;
    }
    if (refused) sendMessage(req, res, refused.status, refused.message);
    else handle(req, res);
  });
  server.maxHeadersCount = HEADERS;
  return server;
}

/** What is wrong with a request's version, headers, Host or framing; undefined when nothing is. */
function refusal(req: IncomingMessage): { status: number; message: string } | undefined {
  const { host, 'transfer-encoding': encoding, 'content-length': length } = req.headers;
  if (req.httpVersionMajor !== 1) return { status: 505, message: `HTTP/${req.httpVersion} is not supported` };
  // Some versions of node leave out what is beyond, and say nothing.
  if (req.rawHeaders.length >= 2 * HEADERS)
    return { status: 431, message: `Bad request: ${HEADERS} headers or more` };
  if (host === undefined && req.httpVersionMinor === 1)
    return { status: 400, message: 'Bad request: no Host' };
  if (host?.includes(',')) return { status: 400, message: 'Bad request: more than one Host' };
  if (encoding === undefined) return undefined;
  if (length !== undefined || req.httpVersionMinor === 0)
    return { status: 400, message: 'Bad request: Transfer-Encoding with Content-Length or HTTP/1.0' };
  if (encoding.toLowerCase() === 'chunked') return undefined;
  return { status: 501, message: `Transfer-Encoding ${JSON.stringify(encoding)} is not supported` };
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
