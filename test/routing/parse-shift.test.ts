import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { parseShift } from '../../src/routing/parse-shift.js';
import type { Target } from '../../src/routing/changes.js';

const share = (percent: number): Target => ({ kind: 'share', points: percent * 100 });
const step = (percent: number): Target => ({ kind: 'step', points: percent * 100 });
const rest: Target = { kind: 'rest' };

describe('parseShift', () => {
  test.each<[string[], [string | null, string, Target][]]>([
    [['v2=10'], [[null, 'v2', share(10)]]],
    [['v2=12.55%'], [[null, 'v2', share(12.55)]]],
    [
      ['v1=50', 'v2=50'],
      [
        [null, 'v1', share(50)],
        [null, 'v2', share(50)],
      ],
    ],
    [['cart', 'v2=10'], [['cart', 'v2', share(10)]]],
    [['cart*', 'v2=10'], [['cart*', 'v2', share(10)]]],
    [
      ['cart/v2=10', 'price/v2=10'],
      [
        ['cart', 'v2', share(10)],
        ['price', 'v2', share(10)],
      ],
    ],
    [
      ['cart/v2=10', 'cart/v1=rest', 'price/v1=0'],
      [
        ['cart', 'v2', share(10)],
        ['cart', 'v1', rest],
        ['price', 'v1', share(0)],
      ],
    ],
    [['cart*/v2=10'], [['cart*', 'v2', share(10)]]],
    [
      ['cart', 'v2=10', 'price/v2=20'],
      [
        ['cart', 'v2', share(10)],
        ['price', 'v2', share(20)],
      ],
    ],
    [['v2=+10'], [[null, 'v2', step(10)]]],
    [['v2=-0.5%'], [[null, 'v2', step(-0.5)]]],
    [
      ['v3-beta=1', 'v1=rest'],
      [
        [null, 'v3-beta', share(1)],
        [null, 'v1', rest],
      ],
    ],
    [['Old_Fn.2', 'v1=100'], [['Old_Fn.2', 'v1', share(100)]]],
  ])('%j', (args, expected) => {
    expect(parseShift(args)).toEqual(expected.map(([fn, version, to]) => ({ function: fn, version, to })));
  });

  test.each<[string[], string, string]>([
    [[], 'say which version gets how much of the traffic', 'v2=10'],
    [['cart'], 'cart: say which version gets how much of the traffic', 'cart/v2=10'],
    [['cart*'], 'cart*: say which version gets how much of the traffic', "'cart*/v2=10'"],
    [['v2:50'], '"v2:50" cannot be read; a change is written like v2=50', 'v2=50'],
    [['v2', '50'], '"v2" cannot be read; a change is written like v2=50', 'v2=50'],
    [['v2 50'], '"v2 50" cannot be read; a change is written like v2=50', 'v2=50'],
    [['v2 rest'], '"v2 rest" cannot be read; a change is written like v2=50', 'v2=rest'],
    [['v2=50', '%'], '"%" cannot be read; a change is written like v2=50', 'v2=50%'],
    [['v2=50 %'], '"v2=50 %" cannot be read; a change is written like v2=50', 'v2=50%'],
    [['v2', '=', '50'], '"v2" cannot be read; a change is written like v2=50', 'v2=50'],
    [['v2@10%', 'v1@90%'], '"v2@10%" cannot be read; a change is written like v2=50', 'v2=10% v1=90%'],
    [['v1=90,v2=10'], '"v1=90,v2=10" cannot be read; a change is written like v2=50', 'v1=90 v2=10'],
    [
      ['cart', 'v2=12,5'],
      'cart/v2=12,5: "12,5" is not a percentage; write it like 50, 12.5 or 0.5%',
      'cart/v2=12.5',
    ],
    [['rest=v1'], '"rest=v1" cannot be read; a change is written like v2=50', 'v1=rest'],
    [
      ['v2=30', 'cart/rest=v1'],
      '"cart/rest=v1" cannot be read; a change is written like v2=50',
      'v2=30 cart/v1=rest',
    ],
    [['v2'], '"v2" cannot be read; a change is written like v2=50', 'v2=10'],
    [['cart/v2'], '"cart/v2" cannot be read; a change is written like v2=50', 'cart/v2=10'],
    [['V2=20'], '"V2=20": "V2" is not a version\'s name, such as v2', 'v2=20'],
    [['2=20'], '"2=20": "2" is not a version\'s name, such as v2', 'v2=20'],
    [['cart=20'], '"cart=20": "cart" is not a version\'s name, such as v2', 'cart/v2=20'],
    [
      ['cart', 'price', 'v2=10', 'v1=90'],
      '"price" cannot be read; a change is written like v2=50',
      'cart/v2=10 cart/v1=90 price/v2=10 price/v1=90',
    ],
    [['cart*', 'v2:10'], '"v2:10" cannot be read; a change is written like v2=50', "'cart*' v2=10"],
    [['50'], '"50" cannot be read; a change is written like v2=50', 'v2=50'],
    [['%%%'], '"%%%" cannot be read; a change is written like v2=50', 'v2=50'],
    [['=50'], '"=50" cannot be read; a change is written like v2=50', 'v2=50'],
    [['v2=50', ''], '"" cannot be read; a change is written like v2=50', 'v2=50'],
    [['v2:0.5'], '"v2:0.5" cannot be read; a change is written like v2=50', 'v2=50'],
    [['v2=50abc'], 'v2=50abc: "50abc" is not a percentage; write it like 50, 12.5 or 0.5%', 'v2=50'],
    [['v2='], 'v2=: "" is not a percentage; write it like 50, 12.5 or 0.5%', 'v2=50'],
    [['v2=+1x'], 'v2=+1x: "1x" is not a percentage; write it like 50, 12.5 or 0.5%', 'v2=+1'],
    [
      ['cart*', 'v2=x'],
      'cart*/v2=x: "x" is not a percentage; write it like 50, 12.5 or 0.5%',
      "'cart*/v2=50'",
    ],
    [['v2=10', 'v2=20'], '"v2=20": v2 is named twice', 'v2=10'],
    [['cart', 'v2=10', 'cart/v2=20'], '"cart/v2=20": v2 is named twice', 'cart v2=10'],
    [['cart', 'price/v2=10'], '"cart" is named, but nothing is said about it', 'price/v2=10'],
  ])('%j is refused: %s', (args, message, words) => {
    const refusal = { code: 'usage', message, try: `fnmesh shift ${words}` };
    expect(() => parseShift(args)).toThrow(expect.objectContaining(refusal));
  });

  test('the same version of two functions is no duplicate', () => {
    expect(parseShift(['cart/v2=10', 'v2=20'])).toHaveLength(2);
  });

  test('throws nothing but FnmeshError, whatever is typed', () => {
    const word = fc.oneof(
      fc.string(),
      fc.stringMatching(/^[-a-z0-9/=:+%.,*@ ]{0,20}$/),
      fc.constantFrom('cart', 'v1', 'v2=10', 'cart/v2=+5', 'rest', '=', '%', '50', 'v1=rest'),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 5 }), (args) => {
        try {
          for (const shift of parseShift(args)) expect(shift.version).toMatch(/^v\d/);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(FnmeshError);
          expect((thrown as FnmeshError).code).toBe('usage');
          expect((thrown as FnmeshError).try).toMatch(/^fnmesh shift /);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
