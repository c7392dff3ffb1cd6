import { expect, test } from 'vitest';
import { isDeployNewest } from '../../src/traffic/newest.js';

const AT = '2026-01-01T12:00:00.500Z';

test.each<[string, deploy: string | null, shift: string | null, boolean]>([
  ['nothing at all', null, null, false],
  ['only a shift', null, AT, false],
  ['only a deploy', AT, null, true],
  ['a deploy a millisecond later', '2026-01-01T12:00:00.501Z', AT, true],
  ['a deploy a millisecond earlier', '2026-01-01T12:00:00.499Z', AT, false],
  // What a deploy writes it writes after its time was taken.
  ['both of one moment', AT, AT, false],
  ['a deploy whose server writes no fraction, earlier', '2026-01-01T12:00:00Z', AT, false],
  ['a deploy whose server writes no fraction, later', '2026-01-01T12:00:01Z', AT, true],
  ['a deploy whose server writes microseconds', '2026-01-01T12:00:00.500001Z', AT, false],
  ['a deploy from another time zone', '2026-01-01T13:00:00.600+01:00', AT, true],
])('%s', (_, deploy, shift, expected) => {
  const at = (text: string | null) => (text === null ? null : { at: text });
  expect(isDeployNewest(at(deploy), at(shift) ?? undefined)).toBe(expected);
});
