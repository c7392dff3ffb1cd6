import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chiSquareTail, logGamma, upperGamma } from '../../src/traffic/gamma.js';
import { goodnessTest, MOST_OUTCOMES } from '../../src/traffic/goodness.js';
import { smallestShown } from '../../src/traffic/smallest.js';
import { judge } from '../../src/traffic/verdict.js';
import type { Observation } from '../../src/traffic/verdict.js';
import { splits } from '../helpers/splits.js';

describe('the chi-square distribution', () => {
  // Upper critical values as printed in the usual tables.
  test.each([
    [1, 0.05, 3.841],
    [1, 0.001, 10.828],
    [2, 0.05, 5.991],
    [2, 0.001, 13.816],
    [3, 0.01, 11.345],
    [5, 0.001, 20.515],
    [10, 0.95, 3.94],
    [10, 0.05, 18.307],
    [10, 0.001, 29.588],
    [30, 0.99, 14.953],
    [100, 0.001, 149.449],
  ])('with %i degrees of freedom has a tail of %f from %f', (degrees, tail, statistic) => {
    // The tables give three decimals; the tail is about that steep there.
    expect(Math.abs(chiSquareTail(statistic, degrees) / tail - 1)).toBeLessThan(0.001);
  });

  test('has the closed form exp(-x/2) for two degrees of freedom, and (1 + x/2) times that for four', () => {
    for (let x = 0.01; x < 60; x *= 1.3) {
      expect(chiSquareTail(x, 2) / Math.exp(-x / 2)).toBeCloseTo(1, 11);
      expect(chiSquareTail(x, 4) / (Math.exp(-x / 2) * (1 + x / 2))).toBeCloseTo(1, 11);
    }
  });

  test('series and continued fraction meet, and the edges are right', () => {
    for (const a of [0.5, 1, 5.5, 50]) {
      expect(upperGamma(a, a + 1 - 1e-9)).toBeCloseTo(upperGamma(a, a + 1 + 1e-9), 8);
      expect(upperGamma(a, 0)).toBe(1);
      expect(upperGamma(a, 1e4)).toBeCloseTo(0, 12);
    }
  });

  test.each([
    [0.5, Math.log(Math.PI) / 2],
    [1, 0],
    [2, 0],
    [5, Math.log(24)],
    [30.5, 72.9534711841694],
  ])('ln Γ(%f) is %f', (x, value) => {
    expect(logGamma(x)).toBeCloseTo(value, 9);
  });
});

describe('goodnessTest', () => {
  test.each<[number[], number[], number]>([
    // Tails of ten tosses: 2·1/1024, 2·(1+10)/1024.
    [[5000, 5000], [10, 0], 2 / 1024],
    [[5000, 5000], [1, 9], 22 / 1024],
    [[5000, 5000], [5, 5], 1],
    // Three at 1 of 10: 0.001 + 0.027 = P(2 or 3 of 3).
    [[9000, 1000], [1, 2], 0.028],
    [[9000, 1000], [0, 3], 0.001],
    // Thirds: each of the three corners has 1/27 of three requests.
    [[3333, 3333, 3334], [3, 0, 0], 3333 ** 3 / 1e12 + 3333 ** 3 / 1e12],
  ])('%o, counts %o: p = %f, exactly', (weights, counts, p) => {
    const test = goodnessTest(
      weights,
      counts.reduce((sum, count) => sum + count, 0),
    )!;
    expect(test.name).toBe('exact multinomial');
    expect(test.pValue(counts)).toBeCloseTo(p, 9);
  });

  test('is exact up to its bound, chi-square above', () => {
    expect(goodnessTest([5000, 5000], MOST_OUTCOMES - 1)!.name).toBe('exact multinomial');
    expect(goodnessTest([5000, 5000], MOST_OUTCOMES)!.name).toBe('chi-square');
    expect(goodnessTest([5000, 3000, 2000], 630)!.name).toBe('exact multinomial');
    expect(goodnessTest([5000, 3000, 2000], 632)!.name).toBe('chi-square');
  });

  test('chi-square is the usual sum over the classes', () => {
    // (60²/500 + 60²/300 + 0) = 19.2 with 2 degrees: exp(-9.6)
    const test = goodnessTest([5000, 3000, 2000], 1000)!;
    expect(test.pValue([560, 240, 200])).toBeCloseTo(Math.exp(-9.6), 12);
  });

  test('chi-square pools versions of which fewer than five are expected', () => {
    const test = goodnessTest([1, 2, 2, 4995, 5000], 10_000)!;
    // 1 + 2 + 2 are pooled to 5 expected, so that how they differ among themselves does not count.
    expect(test.pValue([1, 2, 2, 4995, 5000])).toBe(1);
    expect(test.pValue([5, 0, 0, 4995, 5000])).toBe(1);
    // (20 - 5)²/5 + 15²/4995 with 2 degrees.
    expect(test.pValue([0, 20, 0, 4980, 5000])).toBeCloseTo(Math.exp(-(45 + 225 / 4995) / 2), 12);
  });

  test('says when there are too many versions for so few requests', () => {
    expect(
      goodnessTest(
        Array.from({ length: 100 }, () => 100),
        9,
      ),
    ).toBeNull();
  });

  test('both tests agree where both can be made', () => {
    const exact = goodnessTest([7000, 3000], 199_000)!;
    const chance = (61_000 - 59_700) ** 2;
    expect(exact.pValue([138_000, 61_000])).toBeCloseTo(
      chiSquareTail(chance / 59_700 + chance / 139_300, 1),
      4,
    );
  });

  test('p-values are probabilities, and the likeliest counts have the highest', () => {
    fc.assert(
      fc.property(splits({ most: 4 }), fc.integer({ min: 1, max: 60 }), (split, n) => {
        const weights = Object.values(split).filter((weight) => weight > 0);
        const all = weights.map((_, index) => (index === 0 ? n : 0));
        const p = goodnessTest(weights, n)!.pValue(all);
        expect(p).toBeGreaterThan(0);
        expect(p).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('smallestShown', () => {
  const shown = (percent: number, n: number) => {
    const weights = { v1: 10_000 - percent * 100, v2: percent * 100 };
    return smallestShown('v2', weights, n, goodnessTest([weights.v1, weights.v2], n)!, 0.001);
  };

  test.each<[number, number, number | null]>([
    [50, 5, null],
    [50, 10, null],
    [50, 11, 50],
    [50, 100, 17],
    [50, 27_000, 1],
    [1, 1100, 0.91],
    [10, 9800, 0.99],
  ])('at %d percent of %i requests: %s points', (percent, n, points) => {
    expect(shown(percent, n)).toBe(points);
  });

  test('a rare version can only be shown to come too often', () => {
    // None of 100 at 1 % is nothing special (0.99^100 = 0.37).
    expect(shown(1, 100)).toBe(5);
  });

  test('with chi-square it is near the root of critical value · p(1-p)/n', () => {
    const split = { v1: 5000, v2: 3000, v3: 2000 };
    const test = goodnessTest([5000, 3000, 2000], 10_000)!;
    expect(smallestShown('v2', split, 10_000, test, 0.001)).toBeCloseTo(
      100 * Math.sqrt((13.816 * 0.21) / 10_000),
      1,
    );
  });
});

describe('judge', () => {
  const seen: Observation = {
    asked: { v1: 5000, v2: 5000, v3: 0 },
    observed: { v1: 50, v2: 50, v3: 0 },
    errors: 0,
    changed: false,
    pinned: false,
    allowErrors: false,
  };

  test.each<[string, Partial<Observation>, string, string[]]>([
    ['an even split', {}, 'pass', ['the counts fit the split (exact multinomial, p = 1)']],
    [
      'a likely one',
      { observed: { v1: 45, v2: 55 } },
      'pass',
      ['the counts fit the split (exact multinomial, p = 0.37)'],
    ],
    [
      'an unlikely one',
      { observed: { v1: 30, v2: 70 } },
      'fail',
      ['the counts do not fit the split (exact multinomial, p = below 0.0001)'],
    ],
    [
      'just unlikely enough',
      { observed: { v1: 33, v2: 67 } },
      'fail',
      ['the counts do not fit the split (exact multinomial, p = 0.00087)'],
    ],
    ['a version at 0', { observed: { v1: 50, v2: 50, v3: 1 } }, 'fail', ['v3 has 0 %, but gave 1 answer']],
    [
      'a stranger',
      { observed: { v1: 50, v2: 50, v9: 2 } },
      'fail',
      ['v9 is not in the split, but gave 2 answers'],
    ],
    ['only strangers', { observed: { v9: 2 } }, 'fail', ['v9 is not in the split, but gave 2 answers']],
    ['an error', { errors: 1 }, 'fail', ['1 request failed']],
    [
      'an error that is allowed',
      { errors: 1, allowErrors: true },
      'pass',
      ['the counts fit the split (exact multinomial, p = 1)'],
    ],
    [
      'one version serves',
      { asked: { v1: 10_000, v2: 0 }, observed: { v1: 3, v2: 0 } },
      'pass',
      ['all answers are from v1'],
    ],
    [
      'changed',
      { changed: true, observed: { v1: 99, v2: 0, v3: 1 } },
      'changed',
      ['the split was changed during the probe, so it was not judged'],
    ],
    [
      'changed, with errors',
      { changed: true, errors: 2 },
      'fail',
      ['2 requests failed', 'the split was changed during the probe, so it was not judged'],
    ],
    [
      'pinned',
      { pinned: true, observed: { v3: 100 } },
      'none',
      ['the requests named their version, so the split was not judged'],
    ],
    [
      'no answers',
      { observed: { v1: 0, v2: 0, v3: 0 } },
      'none',
      ['no answer named its version, so the split was not judged'],
    ],
    [
      'too few',
      {
        asked: Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`v${index + 1}`, 100])),
        observed: { v1: 5, v2: 4 },
      },
      'none',
      ['too few requests for so many versions, so the split was not judged'],
    ],
  ])('%s', (_, change, outcome, reasons) => {
    const verdict = judge({ ...seen, ...change });
    expect(verdict).toMatchObject({ outcome, reasons });
    expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict);
  });

  test('gives the test and a row for each version', () => {
    expect(judge({ ...seen, observed: { v1: 45, v2: 55, v9: 1 } })).toMatchObject({
      test: { name: 'exact multinomial', alpha: 0.001 },
      versions: [
        { version: 'v1', asked: 5000, observed: 45, share: 44.55, smallest: 17 },
        { version: 'v2', asked: 5000, observed: 55, share: 54.46, smallest: 17 },
        { version: 'v3', asked: 0, observed: 0, share: 0, smallest: null },
        { version: 'v9', asked: null, observed: 1, share: 0.99, smallest: null },
      ],
    });
    expect(judge({ ...seen, observed: {} }).versions[0]).toEqual({
      version: 'v1',
      asked: 5000,
      observed: 0,
      share: null,
      smallest: null,
    });
  });
});
