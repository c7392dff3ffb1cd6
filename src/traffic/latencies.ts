/** How many latencies are kept: enough for p99, and little enough for a probe that runs for days. */
const KEPT = 100_000;

/** Latencies in milliseconds; a quantile is null before the first. */
export type Latencies = {
  add(ms: number): void;
  /** The smallest latency that at least this part (0 to 1) of them does not exceed, of those kept. */
  quantile(part: number): number | null;
};

/** Collects latencies and keeps the newest ones. */
export function collectLatencies(kept = KEPT): Latencies {
  const ring: number[] = [];
  let added = 0;
  return {
    add(ms) {
      ring[added % kept] = ms;
      added++;
    },
    quantile(part) {
      const sorted = Float64Array.from(ring).sort();
      return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? null;
    },
  };
}
