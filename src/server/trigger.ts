// /t/{app}{source}, and its old name /r/: calls the fn behind an http trigger (fnproject/fn 0.3.753,
// api/server/runner_httptrigger.go).
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pathOfTarget } from '../routing/match.js';
import { readBody } from './body.js';
import type { Catalog } from './catalog.js';
import type { Functions } from './functions/functions.js';
import { triggerRequestHeaders } from './headers.js';
import type { Watch } from './http-call.js';
import { HttpCall, sendMessage } from './http-call.js';
import type { InvokeOptions } from './invoke.js';
import { TRIGGER_METHODS, fullUrl, requestTooLarge } from './request.js';

/** Who else has to do with a call: raw headers for its answers, and who hears of its end. */
export type Escort = { marks: readonly string[]; watch: Watch; startedAt: number };

/** Calls the fn behind the trigger of the app with exactly this source, or answers 404 as Fn does. */
export function callTrigger(
  { catalog, functions }: { catalog: Catalog; functions: Functions },
  appName: string,
  source: string,
  req: IncomingMessage,
  res: ServerResponse,
  body: Buffer | undefined,
  escort?: Escort,
): void {
  const app = catalog.appByName(appName);
  const trigger = app && catalog.triggerBySource(app.id, source);
  const fn = trigger && catalog.fn(trigger.fn_id);
  if (!app || !fn) {
    escort?.watch.ended(escort.startedAt, 404);
    return sendMessage(req, res, 404, app ? 'Trigger not found' : 'App not found', escort?.marks);
  }
  const headers = triggerRequestHeaders(req.rawHeaders, req.headers.connection, req.method!, fullUrl(req));
  const call = new HttpCall(
    req,
    res,
    'trigger',
    headers,
    body,
    escort?.marks,
    escort?.watch,
    escort?.startedAt,
  );
  functions.call(app, fn, call);
}

/** Handles every request whose path is `/t` or `/r` or below. */
export function createTrigger(options: InvokeOptions): (req: IncomingMessage, res: ServerResponse) => void {
  const { catalog, maxRequestSize } = options;
  return (req, res) => {
    const path = pathOfTarget(req.url!);
    const target = splitTarget(path);
    if (target === undefined) return sendMessage(req, res, 404, `Path not found: ${req.method} ${path}`);
    if (target === 'malformed') return sendMessage(req, res, 400, `Invalid URL escape in ${path}`);
    if (!TRIGGER_METHODS.has(req.method!)) {
      return sendMessage(req, res, 405, `Method not allowed: ${req.method} ${path}`);
    }
    if (!catalog.appByName(target.app)) return sendMessage(req, res, 404, 'App not found');
    readBody(
      req,
      maxRequestSize,
      (body) => callTrigger(options, target.app, target.source, req, res, body),
      (bytes) => requestTooLarge(req, res, bytes, maxRequestSize),
    );
  };
}

/** App name and source of `/t/{app}{source}`, unescaped; no source means `/`. Undefined when no app is named. */
function splitTarget(path: string): { app: string; source: string } | 'malformed' | undefined {
  const plain = unescaped(path);
  if (plain === undefined) return 'malformed';
  const end = plain.indexOf('/', '/t/'.length);
  const app = plain.slice('/t/'.length, end < 0 ? undefined : end);
  if (app === '') return undefined;
  return { app, source: end < 0 ? '/' : plain.slice(end) };
}

/** The path with its escapes resolved; undefined when one is malformed or the bytes are no UTF-8. */
function unescaped(path: string): string | undefined {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
