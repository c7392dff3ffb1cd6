// A call made by an HTTP request: carries it to the function and the answer back.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { newId } from '../fn/id.js';
import type { Call, CallFailure } from './functions/call.js';
import { INVALID, TOO_BUSY } from './functions/call.js';
import { invokeResponseHeaders, triggerResponse } from './headers.js';

/** Methods whose requests may be made twice without harm (RFC 9110, section 9.2.2). */
export const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
/** Up to this size a body is written together with its head, in bytes; beyond, copying costs more than a write. */
const SMALL = 4096;
const NONE: readonly string[] = [];

/** Hears how each call ended; shared by all calls of a version. */
export interface Watch {
  /** @param startedAt performance.now() at its start. @param status What the caller was answered, 0 = nobody waited. */
  ended(startedAt: number, status: number): void;
}

/** How the function's answer becomes the caller's. */
export type Way = 'invoke' | 'trigger' | 'detached';

/** One request on its way through a function. */
export class HttpCall implements Call {
  readonly id = newId();
  retried = false;
  unread = 0;
  queued = 0;

  /**
   * @param headers Header lines for the function.
   * @param marks Raw headers that every answer carries, failures included.
   */
  constructor(
    private readonly req: IncomingMessage,
    private readonly res: ServerResponse,
    private readonly way: Way,
    readonly headers: string,
    readonly body: Buffer | undefined,
    private readonly marks: readonly string[] = NONE,
    private readonly watch?: Watch,
    private readonly startedAt = 0,
  ) {}

  get idempotent(): boolean {
    return this.way === 'trigger' && IDEMPOTENT.has(this.req.method!);
  }

  gone(): boolean {
    // The response of a pipelined request has no socket yet; the request always has.
    return this.way !== 'detached' && this.req.socket.destroyed;
  }

  answer(raw: string[], body: Buffer): void {
    if (this.way === 'detached') return;
    if (this.way === 'invoke') return this.#write(200, invokeResponseHeaders(raw), body);
    const response = triggerResponse(raw);
    if (response) this.#write(response.status, response.headers, body);
    else this.fail(INVALID);
  }

  fail(failure: CallFailure): void {
    if (this.way === 'detached') return;
    this.watch?.ended(this.startedAt, this.gone() ? 0 : failure.status);
    const marks = ['Fn-Call-Id', this.id, ...this.marks];
    sendMessage(this.req, this.res, failure.status, failure.message, marks);
  }

  #write(status: number, headers: string[], body: Buffer): void {
    this.watch?.ended(this.startedAt, this.gone() ? 0 : status);
    headers.push('Fn-Call-Id', this.id);
    for (const mark of this.marks) headers.push(mark);
    if (status !== 204 && status !== 304) headers.push('Content-Length', String(body.length));
    asFnDoes(this.req, this.res).writeHead(status, headers);
    if (body.length <= SMALL) this.res.end(body.toString('latin1'), 'latin1');
    else this.res.end(body);
  }
}

/**
 * Answers with Fn's JSON for whatever went wrong: `{"message": …}` and a newline.
 * @param headers Raw headers to add.
 */
export function sendMessage(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  message: string,
  headers: readonly string[] = NONE,
): void {
  const body = `${JSON.stringify({ message })}\n`;
  const all = ['Content-Type', 'application/json; charset=utf-8', ...headers];
  if (status === TOO_BUSY.status) all.push('Retry-After', '15');
  all.push('Content-Length', String(Buffer.byteLength(body)));
  asFnDoes(req, res).writeHead(status, all).end(body);
}

/** Answers with a status, headers and no body. */
export function sendEmpty(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  headers: readonly string[],
): void {
  asFnDoes(req, res)
    .writeHead(status, [...headers, 'Content-Length', '0'])
    .end();
}

/** Servers that are closing: their answers end the connection. */
export const closing = new WeakSet<object>();

/** HTTP/1.1 connections persist without saying so; Fn's server does not say so either. */
export function asFnDoes(req: IncomingMessage, res: ServerResponse): ServerResponse {
  // Every socket that a server accepted knows its server, though the types do not say so.
  const { server } = req.socket as { server?: object };
  if (server && closing.has(server)) res.shouldKeepAlive = false;
  if (res.shouldKeepAlive && req.httpVersionMinor === 1) res.removeHeader('connection');
  return res;
}
