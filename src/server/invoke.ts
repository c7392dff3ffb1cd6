// POST /invoke/{fn id}: calls a fn with the body and headers as they are (fnproject/fn 0.3.753,
// api/server/runner_fninvoke.go).
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pathOfTarget } from '../routing/match.js';
import { readBody } from './body.js';
import type { Catalog } from './catalog.js';
import type { Functions } from './functions/functions.js';
import { invokeRequestHeaders } from './headers.js';
import { HttpCall, sendEmpty, sendMessage } from './http-call.js';
import { requestTooLarge } from './request.js';

/** What calling needs. `maxRequestSize` in bytes. */
export type InvokeOptions = { catalog: Catalog; functions: Functions; maxRequestSize: number };

/** Handles every request whose path is `/invoke` or below. */
export function createInvoke(options: InvokeOptions): (req: IncomingMessage, res: ServerResponse) => void {
  const { catalog, functions, maxRequestSize } = options;

  function run(req: IncomingMessage, res: ServerResponse, id: string, body: Buffer | undefined): void {
    // Looked up when the body is there: what has changed meanwhile counts.
    const fn = catalog.fn(id);
    const app = fn && catalog.app(fn.app_id);
    if (!fn || !app) return sendMessage(req, res, 404, 'Fn not found');
    const headers = invokeRequestHeaders(req.rawHeaders, req.headers.connection);
    const detached = req.headers['fn-invoke-type'] === 'detached';
    const call = new HttpCall(req, res, detached ? 'detached' : 'invoke', headers, body);
    // Real 202: the open source server means to, but runs detached calls like any other.
    if (detached) sendEmpty(req, res, 202, ['Fn-Call-Id', call.id]);
    functions.call(app, fn, call);
  }

  return (req, res) => {
    const path = pathOfTarget(req.url!);
    const id = path.slice('/invoke/'.length);
    if (id === '' || (id.includes('/') && id.indexOf('/') !== id.length - 1)) {
      return sendMessage(req, res, 404, `Path not found: ${req.method} ${path}`);
    }
    if (req.method !== 'POST') return sendMessage(req, res, 405, `Method not allowed: ${req.method} ${path}`);
    if (id.endsWith('/')) return sendEmpty(req, res, 307, ['Location', path.slice(0, -1)]);
    if (!catalog.fn(id)) return sendMessage(req, res, 404, 'Fn not found');
    readBody(
      req,
      maxRequestSize,
      (body) => run(req, res, id, body),
      (bytes) => requestTooLarge(req, res, bytes, maxRequestSize),
    );
  };
}
