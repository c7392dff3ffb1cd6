import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createDraw } from '../../src/routing/draw.js';
import { WHOLE } from '../../src/routing/route.js';
import type { Split, VersionName } from '../../src/routing/route.js';
import { seededRandom, splits } from '../helpers/splits.js';

/** Draws `draws` times; gives the largest distance of a count from its exact share, in basis points of a request. */
function largestDistance(split: Split, draws: number, random: () => number): number {
  const draw = createDraw(split, random);
  const weights = Object.entries(split);
  const counts = new Map<VersionName, number>();
  let largest = 0;
  for (let t = 1; t <= draws; t++) {
    const version = draw.next();
    counts.set(version, (counts.get(version) ?? 0) + 1);
    for (const [name, weight] of weights) {
      largest = Math.max(largest, Math.abs((counts.get(name) ?? 0) * WHOLE - t * weight));
    }
  }
  return largest;
}

describe('createDraw', () => {
  test('keeps every count within 2 of its exact share at every moment', () => {
    fc.assert(
      fc.property(splits({ most: 12 }), fc.integer(), (split, seed) => {
        expect(largestDistance(split, 20_000, seededRandom(seed))).toBeLessThanOrEqual(2 * WHOLE);
      }),
      { numRuns: 60 },
    );
  });

  test.each<[string, () => number]>([
    ['chance always takes the first', () => 0],
    ['chance always takes the last', () => 1 - Number.EPSILON],
  ])('keeps the bound however chance falls: %s', (_, random) => {
    fc.assert(
      fc.property(splits({ most: 12 }), (split) => {
        expect(largestDistance(split, 5_000, random)).toBeLessThanOrEqual(2 * WHOLE);
      }),
      { numRuns: 40 },
    );
  });

  test.each<Split>([
    { v1: 5000, v2: 5000 },
    { v1: 9999, v2: 1 },
    { v1: 9998, v2: 1, v3: 1 },
    { v1: 3333, v2: 3333, v3: 3334 },
    Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`v${index + 1}`, index === 0 ? 9989 : 1])),
    Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`v${index + 1}`, 100])),
  ])('keeps the bound for %o', (split) => {
    expect(largestDistance(split, 20_000, seededRandom(7))).toBeLessThanOrEqual(2 * WHOLE);
  });

  test('never draws a version at 0', () => {
    const draw = createDraw({ v1: 0, v2: 10_000, v3: 0 });
    for (let t = 0; t < 1000; t++) expect(draw.next()).toBe('v2');
  });

  test('gives each of two halves the first place about as often', () => {
    const random = seededRandom(1);
    let first = 0;
    for (let t = 0; t < 2000; t++) if (createDraw({ v1: 5000, v2: 5000 }, random).next() === 'v1') first++;
    expect(first).toBeGreaterThan(880);
    expect(first).toBeLessThan(1120);
  });

  test('orders at random: two draws differ, and runs of the same version occur', () => {
    const sequence = (seed: number) => {
      const draw = createDraw({ v1: 5000, v2: 5000 }, seededRandom(seed));
      return Array.from({ length: 1000 }, () => draw.next());
    };
    const one = sequence(1);
    expect(one).not.toEqual(sequence(2));
    const repeats = one.filter((version, index) => version === one[index - 1]).length;
    // Strict alternation has 0 and coin tosses have about 500; the bound costs some of them.
    expect(repeats).toBeGreaterThan(250);
    expect(repeats).toBeLessThan(550);
  });

  test('uses Math.random when no other chance is given', () => {
    expect(['v1', 'v2']).toContain(createDraw({ v1: 5000, v2: 5000 }).next());
  });

  test('refuses a split that does not sum to 100 %', () => {
    expect(() => createDraw({ v1: 5000 })).toThrow('a split must sum to 10000 basis points, not 5000');
  });
});
