import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { formatPercent, formatWeight, parsePercent } from '../../src/routing/weights.js';

describe('parsePercent', () => {
  test.each([
    ['50', 5000],
    ['50%', 5000],
    ['12.5', 1250],
    ['12.55', 1255],
    ['12.50%', 1250],
    ['0.5%', 50],
    ['.5%', 50],
    ['0.01%', 1],
    ['0', 0],
    ['0.00', 0],
    ['1', 100],
    ['1.0', 100],
    ['100', 10_000],
    ['100.00%', 10_000],
  ])('%s is %i basis points', (text, points) => {
    expect(parsePercent(text)).toBe(points);
  });

  test.each([
    ['50abc', '"50abc" is not a percentage', 'v2=50'],
    ['12,5', '"12,5" is not a percentage', 'v2=12.5'],
    ['100,0', '"100,0" is not a percentage', 'v2=100'],
    ['NaN', '"NaN" is not a percentage', 'v2=50'],
    ['Infinity', '"Infinity" is not a percentage', 'v2=50'],
    ['1e2', '"1e2" is not a percentage', 'v2=50'],
    ['0x10', '"0x10" is not a percentage', 'v2=50'],
    ['', '"" is not a percentage', 'v2=50'],
    ['%', '"%" is not a percentage', 'v2=50'],
    ['.', '"." is not a percentage', 'v2=50'],
    ['5.', '"5." is not a percentage', 'v2=50'],
    ['5.%', '"5.%" is not a percentage', 'v2=50'],
    ['1.2.3', '"1.2.3" is not a percentage', 'v2=50'],
    ['50%%', '"50%%" is not a percentage', 'v2=50'],
    [' 50', '" 50" is not a percentage', 'v2=50'],
    ['-5', '"-5" is negative', 'v2=0'],
    ['101', '"101" is more than 100 %', 'v2=100'],
    ['99999999999999999999', '"99999999999999999999" is more than 100 %', 'v2=100'],
    ['12.345', '"12.345" has more than two decimals', 'v2=12.35'],
    ['0.001%', '"0.001%" has more than two decimals', 'v2=0.01%'],
    ['150.001', '"150.001" has more than two decimals', 'v2=100'],
    ['0.5', 'write v2=0.5% for 0.5 %, or v2=50 for 50 %', 'v2=0.5%'],
    ['0.05', 'write v2=0.05% for 0.05 %, or v2=5 for 5 %', 'v2=0.05%'],
    ['.25', 'write v2=0.25% for 0.25 %, or v2=25 for 25 %', 'v2=0.25%'],
  ])('"%s" is refused: %s', (text, message, word) => {
    const refusal = {
      code: 'usage',
      message: expect.stringContaining(message) as string,
      try: `fnmesh shift ${word}`,
    };
    expect(() => parsePercent(text)).toThrow(expect.objectContaining(refusal));
  });

  test('names what the percentage is for', () => {
    expect(() => parsePercent('x', 'cart/v3=')).toThrow('cart/v3=x: "x" is not');
  });

  test('reads what formatWeight writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), (points) => {
        expect(parsePercent(formatWeight(points))).toBe(points);
      }),
    );
  });

  test('throws nothing but FnmeshError, with a command that can be read', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-+0-9.,%e]{0,8}$/)), (text) => {
        try {
          const points = parsePercent(text);
          expect(Number.isInteger(points) && points >= 0 && points <= 10_000).toBe(true);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(FnmeshError);
          parsePercent((thrown as FnmeshError).try!.split('=')[1]!);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

test.each([
  [5000, '50 %', '50'],
  [1250, '12.5 %', '12.5'],
  [1255, '12.55 %', '12.55'],
  [50, '0.5 %', '0.5%'],
  [7, '0.07 %', '0.07%'],
  [100, '1 %', '1'],
  [0, '0 %', '0'],
  [10_000, '100 %', '100'],
])('%i basis points are "%s" for people and %s in a command', (points, percent, weight) => {
  expect(formatPercent(points)).toBe(percent);
  expect(formatWeight(points)).toBe(weight);
});
