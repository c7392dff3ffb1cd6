// Sends requests: so many, or for so long, at a rate, so many at a time.
import { setTimeout as sleep } from 'node:timers/promises';

/** How much is sent. Without `requests` and `forMs` it goes on until the signal aborts. */
export type LoadOptions = {
  /** How many requests at most. */
  requests?: number | undefined;
  /** For how long new requests are started, in milliseconds. */
  forMs?: number | undefined;
  /** Requests a second over all; as fast as answers come when absent. */
  rate?: number | undefined;
  /** How many requests may be under way at a time. */
  concurrency: number;
};

/** Runs `send` as the options say, and resolves when the last one has ended. Nothing starts after an abort. */
export async function generateLoad(
  options: LoadOptions,
  signal: AbortSignal,
  send: () => Promise<void>,
): Promise<void> {
  const { requests = Infinity, forMs = Infinity, rate = Infinity, concurrency } = options;
  const start = performance.now();
  let started = 0;
  const lane = async () => {
    while (started < requests) {
      const due = (started * 1000) / rate;
      started++;
      if (Math.max(due, performance.now() - start) >= forMs) return;
      const wait = start + due - performance.now();
      // Rounded up: a timer of 19.6 ms ends after 19.
      if (wait > 0) await sleep(Math.ceil(wait), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await send();
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, requests) }, lane));
}
