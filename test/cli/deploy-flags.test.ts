import { describe, expect, test } from 'vitest';
import { askedShare } from '../../src/cli/deploy-flags.js';

describe('--shift', () => {
  test.each([
    ['5', 500],
    ['12.5%', 1250],
    ['0.5%', 50],
    ['100', 10_000],
    ['0', 0],
  ])('%s is a share', (shift, points) => expect(askedShare({ as: 'next', shift })).toBe(points));

  test('may be left out', () => {
    expect([askedShare({}), askedShare({ as: 'v3' })]).toEqual([undefined, undefined]);
  });

  test.each<[shift: string, says: RegExp, way: string]>([
    ['x', /^--shift x: "x" is not a percentage/, '--shift 5'],
    ['', /^--shift : "" is not a percentage/, '--shift 5'],
    ['+5', /^--shift \+5: "\+5" is not a percentage/, '--shift 5'],
    ['v2=5', /^--shift v2=5: the version is the one that --as makes/, '--shift 5'],
    ['cart/v2=5', /so only its share is said$/, '--shift 5'],
    ['0.5', /^--shift 0.5: "0.5" could mean two things: write 0.5% for 0.5 %/, '--shift 0.5%'],
    ['101', /"101" is more than 100 %/, '--shift 100'],
    ['5,5', /"5,5" is not a percentage/, '--shift 5.5'],
    ['12.345', /more than two decimals/, '--shift 12.35'],
  ])('%j is refused', (shift, says, way) => {
    const read = () => askedShare({ as: 'next', shift });
    expect(read).toThrow(says);
    expect(read).toThrow(expect.objectContaining({ code: 'usage', try: way }));
  });

  test('is nothing without --as, whatever it is', () => {
    for (const shift of ['5', 'x']) {
      expect(() => askedShare({ shift })).toThrow(
        expect.objectContaining({
          code: 'usage',
          message: '--shift is for the new version that --as makes, and there is no --as',
        }),
      );
    }
  });
});
