import { expect, test } from 'vitest';
import { readShare } from '../../src/cli/share.js';

test.each([
  ['5', 500],
  ['12.5', 1250],
  ['0.5%', 50],
  ['0', 0],
  ['100', 10_000],
])('%s is %i basis points', (text, points) => expect(readShare(text, '--shift')).toBe(points));

test.each([
  ['0.5', '--shift 0.5: "0.5" could mean two things: write 0.5% for 0.5 %, or 50 for 50 %', '--shift 0.5%'],
  ['101', '--shift 101: "101" is more than 100 %', '--shift 100'],
  ['', '--shift : "" is not a percentage; write it like 50, 12.5 or 0.5%', '--shift 5'],
  ['rest', '--shift rest: "rest" is not a percentage; write it like 50, 12.5 or 0.5%', '--shift 5'],
  ['+5', '--shift +5: "+5" is not a percentage; write it like 50, 12.5 or 0.5%', '--shift 5'],
  ['-5', '--shift -5: "-5" is negative; a share is 0 to 100', '--shift 0'],
  ['v2=5', '--shift v2=5: "v2=5" is not a percentage; write it like 50, 12.5 or 0.5%', '--shift 5'],
])('%j is refused', (text, message, way) => {
  const error = { code: 'usage', message, try: way };
  expect(() => readShare(text, '--shift')).toThrow(expect.objectContaining(error) as Error);
});
