// What is tried again: broken connections, and servers that say they cannot just now.
import { setTimeout as sleep } from 'node:timers/promises';
import { FnmeshError } from '../../errors.js';
import type { Reply } from './http.js';

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 30_000;

/** An answer that is worth another try, where no answer can be given back. */
export class NotNow extends Error {
  constructor(readonly reply: Reply) {
    super(`status ${reply.status}`);
  }
}

/** Whether the server may answer better in a moment. */
export function isNotNow({ status }: Reply): boolean {
  return status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/**
 * Does `work` until it gives an answer other than 429 and 5xx, at most `attempts` times; the last answer is
 * given as it is. Pauses double from 0.2 s, with chance in them, or are what Retry-After says, up to 30 s.
 * Errors other than FnmeshErrors count as broken connections and are thrown when the attempts are used up.
 */
export async function retried(attempts: number, work: () => Promise<Reply>): Promise<Reply> {
  for (let attempt = 1; ; attempt++) {
    let reply: Reply | undefined;
    try {
      reply = await work();
      if (!isNotNow(reply) || attempt >= attempts) return reply;
    } catch (error) {
      if (error instanceof NotNow) reply = error.reply;
      if (error instanceof FnmeshError || attempt >= attempts) {
        if (reply !== undefined) return reply;
        throw error;
      }
    }
    const pause = FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random());
    await sleep(Math.min((reply && retryAfterMs(reply)) ?? pause, LONGEST_PAUSE_MS));
  }
}

/** Seconds or a date (RFC 9110, 10.2.3). */
function retryAfterMs({ headers }: Reply): number | null {
  const value = headers['retry-after'];
  if (value === undefined) return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}
