// Waiting for what a cluster does in its own time.
import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again and again until it holds; throws after this many milliseconds. */
export async function until(holds: () => Promise<boolean>, ms = 30_000): Promise<void> {
  for (const end = performance.now() + ms; !(await holds()); await sleep(50)) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${String(holds)}`);
  }
}
