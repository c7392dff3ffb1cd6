import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { formatChange } from '../../src/routing/changes.js';
import { diffSplits, sameShares } from '../../src/routing/diff.js';
import { parseShift } from '../../src/routing/parse-shift.js';
import { WHOLE } from '../../src/routing/route.js';
import { addVersions, firstSplit, removeVersion, resplit } from '../../src/routing/split.js';
import { versionsOf } from '../../src/routing/versions.js';
import type { WeightChange } from '../../src/routing/changes.js';
import type { Split } from '../../src/routing/route.js';
import { splits } from '../helpers/splits.js';

/** `v1=60 v2=40` as a split. */
function split(text: string): Split {
  return Object.fromEntries(
    text.split(' ').map((word) => [word.split('=')[0]!, Math.round(Number(word.split('=')[1]) * 100)]),
  );
}

const shift = (before: string, words: string, prefix?: string) =>
  resplit(split(before), parseShift(words.split(' ')), prefix);

describe('resplit', () => {
  test.each<[string, string, string, string]>([
    ['one other serves', 'v1=100 v2=0', 'v2=10', 'v1=90 v2=10'],
    ['others keep their proportions', 'v1=60 v2=30 v3=10', 'v3=40', 'v1=40 v2=20 v3=40'],
    ['all to one, the others stay at 0', 'v1=60 v2=40', 'v2=100', 'v1=0 v2=100'],
    ['none to one', 'v1=60 v2=30 v3=10', 'v1=0', 'v1=0 v2=75 v3=25'],
    ['every version named', 'v1=100 v2=0', 'v1=25 v2=75', 'v1=25 v2=75'],
    ['half a percent', 'v1=100 v2=0', 'v2=0.5%', 'v1=99.5 v2=0.5'],
    [
      'a tie goes to the smaller share',
      'v1=50 v2=25 v3=25 v4=0',
      'v4=0.02%',
      'v1=49.99 v2=25 v3=24.99 v4=0.02',
    ],
    ['a tie of equals goes to the lower name', 'v2=50 v10=50 v11=0', 'v11=0.01%', 'v2=50 v10=49.99 v11=0.01'],
    ['largest remainder first', 'v1=33.33 v2=33.33 v3=33.34', 'v3=50', 'v1=25 v2=25 v3=50'],
    ['up from the current share', 'v1=70 v2=30', 'v2=+10', 'v1=60 v2=40'],
    ['down from the current share', 'v1=70 v2=30', 'v2=-12.5', 'v1=82.5 v2=17.5'],
    ['down to nothing', 'v1=70 v2=30', 'v2=-30', 'v1=100 v2=0'],
    ['a step of nothing', 'v1=70 v2=30', 'v2=+0', 'v1=70 v2=30'],
    ['the only other, at 0, takes what is left', 'v1=100 v2=0', 'v1=90', 'v1=90 v2=10'],
    ['one other, at 0, and nothing is left', 'v1=100 v2=0', 'v1=100', 'v1=100 v2=0'],
    ['the rest', 'v1=0 v2=100', 'v2=30 v1=rest', 'v1=70 v2=30'],
    ['the rest is all that is not asked for', 'v1=60 v2=30 v3=10', 'v2=50 v1=rest', 'v1=50 v2=50 v3=0'],
    ['the rest alone', 'v1=60 v2=40', 'v2=rest', 'v1=0 v2=100'],
    ['the rest of 100', 'v1=60 v2=40', 'v2=100 v1=rest', 'v1=0 v2=100'],
    ['the same again', 'v1=60 v2=40', 'v2=40', 'v1=60 v2=40'],
    ['the only version', 'v1=100', 'v1=100', 'v1=100'],
  ])('%s: %s, %s → %s', (_, before, words, after) => {
    expect(shift(before, words)).toEqual(split(after));
  });

  test.each<[string, string, string, string, string]>([
    [
      'v1=60 v2=40',
      'v1=40 v2=50',
      'usage',
      'v1=40 v2=50: every version is named, and this sums to 90 %, not 100 %',
      'v1=40 v2=60',
    ],
    [
      'v1=60 v2=40',
      'v1=60 v2=70',
      'usage',
      'v1=60 v2=70: this sums to 130 %, more than 100 %',
      'v1=60 v2=40',
    ],
    [
      'v1=60 v2=40 v3=0',
      'v3=100 v2=100',
      'usage',
      'v3=100 v2=100: this sums to 200 %, more than 100 %',
      'v3=100 v2=0',
    ],
    [
      'v1=50 v2=50',
      'v1=+10 v2=+10',
      'usage',
      'v1=60 v2=60: this sums to 120 %, more than 100 %',
      'v1=60 v2=40',
    ],
    [
      'v1=60 v2=40',
      'v1=0 v2=0',
      'usage',
      'v1=0 v2=0: every version is named, and this sums to 0 %, not 100 %',
      'v1=0 v2=100',
    ],
    ['v1=100', 'v1=0', 'usage', 'v1=0: every version is named, and this sums to 0 %, not 100 %', 'v1=100'],
    ['v1=0 v2=100', 'v2=0', 'usage', 'v2=0: no other version serves, so nobody would answer', 'v1=100'],
    [
      'v1=0 v2=0 v3=100',
      'v3=-100',
      'usage',
      'v3=0: no other version serves, so nobody would answer',
      'v1=100',
    ],
    [
      'v1=0 v2=0 v3=100',
      'v3=40',
      'usage',
      'v3=40: v1, v2 have 0 %, so say which of them takes 60 %',
      'v3=40 v1=60',
    ],
    ['v1=70 v2=30', 'v2=+80', 'usage', 'v2=+80: v2 has 30 %, so this would make it 110 %', 'v2=100'],
    ['v1=70 v2=30', 'v2=-30.5', 'usage', 'v2=-30.5: v2 has 30 %, so this would make it -0.5 %', 'v2=0'],
    [
      'v1=70 v2=30',
      'v1=rest v2=rest',
      'usage',
      'v1=rest v2=rest: only one version can take the rest',
      'v1=rest',
    ],
    ['v1=70 v2=30', 'v22=10', 'not_found', 'v22: no such version; did you mean v2?', 'v2=10'],
    ['v1=70 v2=30', 'v9=10', 'not_found', 'v9: no such version; did you mean v1 or v2?', ''],
    ['v1=100', 'v9=10', 'not_found', 'v9: no such version; did you mean v1?', ''],
    ['v1=70 v2=30', 'v2-x=+5', 'not_found', 'v2-x: no such version; there are v1, v2', ''],
  ])('%s, %s is an error %s: %s', (before, words, code, message, suggestion) => {
    const command = suggestion === '' ? 'fnmesh status' : `fnmesh shift ${suggestion}`;
    expect(() => shift(before, words)).toThrow(expect.objectContaining({ code, message, try: command }));
  });

  test('commands that errors suggest name the function', () => {
    const refusal = { try: 'fnmesh shift cart/v1=60 cart/v2=40' };
    expect(() => shift('v1=60 v2=40', 'v1=60 v2=70', 'cart/')).toThrow(expect.objectContaining(refusal));
    const unknown = {
      message: 'cart/v22: no such version; did you mean v2?',
      try: 'fnmesh shift cart/v2=70',
    };
    expect(() => shift('v1=60 v2=40', 'v22=70', 'cart/')).toThrow(expect.objectContaining(unknown));
  });

  test('a version named twice is refused', () => {
    const change: WeightChange = { version: 'v1', to: { kind: 'share', points: 5000 } };
    expect(() => resplit({ v1: 10_000 }, [change, { ...change, to: { kind: 'rest' } }])).toThrow(
      expect.objectContaining({ message: 'v1=50 v1=rest: v1 is named twice', try: 'fnmesh shift v1=50' }),
    );
  });
});

/** A split, and changes of some of its versions. */
const shifts = splits({ most: 8 }).chain((before) => {
  const change = fc.record({
    version: fc.constantFrom(...Object.keys(before), 'v99'),
    to: fc.oneof(
      fc.record({ kind: fc.constant('share' as const), points: fc.integer({ min: 0, max: WHOLE }) }),
      fc.record({ kind: fc.constant('step' as const), points: fc.integer({ min: -WHOLE, max: WHOLE }) }),
      fc.record({ kind: fc.constant('rest' as const) }),
    ),
  });
  return fc.record({ before: fc.constant(before), changes: fc.array(change, { maxLength: 4 }) });
});

describe('properties', () => {
  test('a split sums to 100 %, keeps its versions, and gives named ones exactly what was asked', () => {
    fc.assert(
      fc.property(shifts, ({ before, changes }) => {
        let after: Split;
        try {
          after = resplit(before, changes);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(FnmeshError);
          return;
        }
        expect(Object.keys(after)).toEqual(versionsOf(before));
        expect(Object.values(after).reduce((sum, points) => sum + points, 0)).toBe(WHOLE);
        for (const { version, to } of changes) {
          expect(after[version]).toBeGreaterThanOrEqual(0);
          if (to.kind === 'share') expect(after[version]).toBe(to.points);
          if (to.kind === 'step') expect(after[version]).toBe(before[version]! + to.points);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('versions that are not named keep their proportions, within one basis point', () => {
    fc.assert(
      fc.property(splits({ most: 8 }), fc.integer({ min: 0, max: WHOLE }), (before, points) => {
        const others = WHOLE - before.v1!;
        fc.pre(others > 0);
        const after = resplit(before, [{ version: 'v1', to: { kind: 'share', points } }]);
        for (const [version, weight] of Object.entries(before)) {
          if (version === 'v1') continue;
          expect(Math.abs(after[version]! - ((WHOLE - points) * weight) / others)).toBeLessThan(1);
          if (weight === 0) expect(after[version]).toBe(0);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('the same weight again changes nothing', () => {
    fc.assert(
      fc.property(splits({ most: 8 }), (before) => {
        fc.pre(before.v1! > 0);
        expect(resplit(before, [{ version: 'v1', to: { kind: 'share', points: before.v1! } }])).toEqual(
          before,
        );
      }),
    );
  });

  test('the command that an error suggests works, after at most four corrections', () => {
    fc.assert(
      fc.property(shifts, ({ before, changes }) => {
        fc.pre(changes.length > 0);
        let words = changes.map(formatChange);
        for (let round = 0; ; round++) {
          try {
            resplit(before, parseShift(words));
            return;
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(FnmeshError);
            const suggested = (thrown as FnmeshError).try!;
            if (suggested === 'fnmesh status') return;
            expect(round).toBeLessThan(5);
            words = suggested.replace('fnmesh shift ', '').split(' ');
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('versions of a split', () => {
  test('the lowest version of a new function gets everything', () => {
    expect(Object.entries(firstSplit(['v10', 'v2', 'v3']))).toEqual([
      ['v2', 10_000],
      ['v3', 0],
      ['v10', 0],
    ]);
  });

  test('a new version arrives at 0, in its place', () => {
    expect(Object.entries(addVersions(split('v1=60 v3=40'), ['v2', 'v3']))).toEqual([
      ['v1', 6000],
      ['v2', 0],
      ['v3', 4000],
    ]);
  });

  test('only a version without weight is removed', () => {
    expect(removeVersion(split('v1=100 v2=0'), 'v2')).toEqual(split('v1=100'));
    expect(removeVersion(split('v1=100'), 'v2')).toEqual(split('v1=100'));
    expect(() => removeVersion(split('v1=60 v2=40'), 'v2', 'cart/')).toThrow(
      expect.objectContaining({
        code: 'conflict',
        message: 'cart/v2 still has 40 % of the traffic',
        try: 'fnmesh shift cart/v2=0',
      }),
    );
  });
});

test('a difference has a row for each version of either side', () => {
  expect(diffSplits(split('v1=60 v2=40'), split('v2=100 v10=0'))).toEqual([
    { version: 'v1', before: 6000, after: null },
    { version: 'v2', before: 4000, after: 10_000 },
    { version: 'v10', before: null, after: 0 },
  ]);
  expect(diffSplits(null, null)).toEqual([]);
});

test.each([
  ['v1=60 v2=40', 'v1=60 v2=40', true],
  ['v1=100', 'v1=100 v2=0', true],
  ['v1=100 v2=0', 'v1=100', true],
  ['v1=60 v2=40', 'v1=40 v2=60', false],
])('%s and %s are the same to callers: %s', (before, after, same) => {
  expect(sameShares(split(before), split(after))).toBe(same);
});
