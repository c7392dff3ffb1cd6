import fc from 'fast-check';
import { WHOLE } from '../../src/routing/route.js';
import type { Split } from '../../src/routing/route.js';

/** Splits of v1 … vN, 1 to `most` versions, that sum to 10 000; some versions at 0, some tiny. */
export function splits({ most }: { most: number }): fc.Arbitrary<Split> {
  const cut = fc.oneof(
    fc.integer({ min: 0, max: WHOLE }),
    fc.integer({ min: 0, max: 12 }),
    fc.constantFrom(0, WHOLE),
  );
  return fc.array(cut, { maxLength: most - 1 }).map((cuts) => {
    const ends = [...cuts, WHOLE].sort((a, b) => a - b);
    return Object.fromEntries(ends.map((end, index) => [`v${index + 1}`, end - (ends[index - 1] ?? 0)]));
  });
}

/** A repeatable stand-in for Math.random (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
