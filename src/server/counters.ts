// What a version has answered: counts, and latencies in a histogram of fixed size.
import type { VersionTraffic } from '../router/router.js';
import type { VersionName } from '../routing/route.js';
import type { Watch } from './http-call.js';

/** Buckets to each doubling: a percentile is right to within 5 %. */
const PER_DOUBLING = 16;
/** The first bucket ends here, in milliseconds. */
const FIRST_MS = 0.01;
/** From 0.01 ms to beyond ten minutes. */
const BUCKETS = 26 * PER_DOUBLING;

/** The counters of one version of one function since the server started. */
export class VersionCounters implements Watch {
  /** Raw headers of every answer of this version. */
  readonly marks: readonly string[];
  inFlight = 0;
  #requests = 0;
  #errors = 0;
  #pinned = 0;
  /** Made with the first answer: thousands of versions are never called. */
  #histogram: Uint32Array | undefined;
  #timed = 0;
  #waiters: (() => void)[] | undefined;

  constructor(
    functionName: string,
    readonly version: VersionName,
  ) {
    this.marks = ['Fnmesh-Function', functionName, 'Fnmesh-Version', version];
  }

  /** Counts a request as under way. */
  started(pinned: boolean): void {
    this.inFlight++;
    if (pinned) this.#pinned++;
  }

  /** Counts a request as answered. @param startedAt performance.now() @param status 0 = nobody waited for it. */
  ended(startedAt: number, status: number): void {
    this.inFlight--;
    this.#requests++;
    if (status >= 500) this.#errors++;
    if (status > 0) {
      this.#histogram ??= new Uint32Array(BUCKETS);
      this.#histogram[bucketOf(performance.now() - startedAt)]!++;
      this.#timed++;
    }
    if (this.inFlight === 0 && this.#waiters) {
      for (const resolve of this.#waiters) resolve();
      this.#waiters = undefined;
    }
  }

  /** Resolves when nothing is under way, or with false after `timeoutMs` milliseconds. */
  drained(timeoutMs: number): Promise<boolean> {
    if (this.inFlight === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      timer.unref();
      (this.#waiters ??= []).push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  /** The counters as they are. */
  read(): VersionTraffic {
    return {
      version: this.version,
      requests: this.#requests,
      errors: this.#errors,
      pinned: this.#pinned,
      p50: this.#percentile(0.5),
      p95: this.#percentile(0.95),
      p99: this.#percentile(0.99),
      inFlight: this.inFlight,
    };
  }

  /** The latency in milliseconds that this part of the answers did not exceed; null without answers. */
  #percentile(part: number): number | null {
    if (!this.#histogram) return null;
    let left = Math.ceil(this.#timed * part);
    for (let i = 0; i < BUCKETS; i++) {
      left -= this.#histogram[i]!;
      if (left <= 0) return Number((FIRST_MS * 2 ** (i / PER_DOUBLING)).toPrecision(3));
    }
    return null;
  }
}

function bucketOf(ms: number): number {
  if (ms <= FIRST_MS) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(Math.log2(ms / FIRST_MS) * PER_DOUBLING));
}
