// Which requests to an Fn server are made again, and when. Pure.
import type { Answer } from './http.js';
import { NoAnswer } from './http.js';

/** How often a request is made at most. */
export const TRIES = 4;
/** After this time no request is made again, in milliseconds. */
export const LONGEST_MS = 60_000;
/** What a server may ask to wait at most, in milliseconds. */
const LONGEST_WAIT_MS = 10_000;

/** An attempt that is worth another one. */
export type Failure = {
  /** What the server did, for `the Fn server …`. */
  why: string;
  /** Whether the server may have the request, and may act on it. */
  arrived: boolean;
  /** How long the server asks to wait, in milliseconds. */
  afterMs?: number;
  /** Whether there is nothing to wait for. */
  atOnce?: boolean;
};

/** What is known of the server: whether it has answered as Fn before, and whether it is on this machine. */
export type Known = { answered: boolean; loopback: boolean };

/**
 * Whether the answer is one that a server or a proxy before it gives when it cannot answer just now. To make a PUT or
 * DELETE again does no harm, and a POST is looked up before it is.
 */
function isPassing(status: number): boolean {
  return status === 429 || status === 500 || (status >= 502 && status <= 504);
}

/**
 * Why an attempt is worth another one; null when its outcome is final.
 * @param now Milliseconds since 1970, for a Retry-After that is a date.
 */
export function failureOf(outcome: Answer | NoAnswer, known: Known, now = Date.now()): Failure | null {
  if (outcome instanceof NoAnswer) {
    if (isPermanent(outcome.code, known)) return null;
    const { arrived, stale } = outcome;
    return { why: wordsOf(outcome), arrived, ...(stale && { atOnce: true }) };
  }
  const { status, headers, body } = outcome;
  if (isPassing(status)) {
    const afterMs = retryAfterMs(headers['retry-after'], now);
    // 429 is said before anything is done.
    return { why: `answers ${status}`, arrived: status !== 429, ...(afterMs !== undefined && { afterMs }) };
  }
  const isGarbled = status < 300 && status !== 204 && typeof body === 'string';
  // A web page as the very first answer is no accident: somebody else's server is there.
  if (isGarbled && (known.answered || !isPage(body)))
    return { why: 'answers with broken JSON', arrived: true };
  return null;
}

/** Whether a text looks like a web page. */
export function isPage(text: string): boolean {
  return /^\s*</.test(text);
}

/** Whether a code of node's is about a server's certificate, or about TLS where there is none. */
function isTlsError(code: string): boolean {
  return /CERT|^ERR_TLS|^ERR_SSL|^EPROTO$|^UNABLE_TO_VERIFY/.test(code);
}

/** Waiting does not help: nobody listens on this machine, no such name, no trust. */
function isPermanent(code: string, { answered, loopback }: Known): boolean {
  if (isTlsError(code)) return true;
  if (answered) return false;
  return code === 'ENOTFOUND' || (code === 'ECONNREFUSED' && loopback);
}

function wordsOf({ code, message }: NoAnswer): string {
  if (code === 'TIMEOUT') return `gives ${message}`;
  return code === 'ECONNREFUSED' ? 'refuses the connection' : `breaks off (${code || message})`;
}

/**
 * How long to wait before the next attempt, in milliseconds: what the server asks for, at most 10 s; else twice as long
 * each time, less up to a half by chance, so that many clients do not come again together.
 * @param attempt The attempt that failed, from 1.
 * @param baseMs The first wait.
 * @param random In [0, 1).
 */
export function waitMs(
  attempt: number,
  { afterMs, atOnce }: Failure,
  baseMs: number,
  random: number,
): number {
  if (afterMs !== undefined) return Math.min(afterMs, LONGEST_WAIT_MS);
  // A connection that was closed while it was idle is no reason to wait; a second one may be.
  if (atOnce && attempt === 1) return 0;
  return Math.min(baseMs * 2 ** (attempt - 1), LONGEST_WAIT_MS) * (1 - random / 2);
}

/** The milliseconds that a Retry-After header asks for, in seconds or as a date (RFC 9110, 10.2.3). */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/** What is said before the next attempt: `the Fn server answers 503; again in 2 s`. */
export function retryText({ why }: Failure, ms: number): string {
  const seconds = ms < 1000 ? Math.round(ms / 100) / 10 : Math.round(ms / 1000);
  return `the Fn server ${why}; again ${seconds === 0 ? 'at once' : `in ${seconds} s`}`;
}
