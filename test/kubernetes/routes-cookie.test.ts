import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cookiePattern, isCookie } from '../../src/kubernetes/render/cookie-pattern.js';
import { decide } from '../../src/routing/decide.js';
import { matchesWhole } from '../helpers/interpret.js';

const text = (letters: string, maxLength: number, minLength = 0) =>
  fc.string({ unit: fc.constantFrom(...letters), maxLength, minLength });

test('the pattern finds the cookie where the embedded gateway does', () => {
  fc.assert(
    fc.property(text('ab.', 3, 1), text('v1.*', 2), text('ab.v1*=;" \t', 24), (name, value, header) => {
      // What an HTTP parser hands on has no space at its ends.
      const cookie = header.trim();
      const rules = [{ when: { cookie: name, equals: value }, version: 'v2' }];
      const head = { header: (asked: string) => (asked === 'cookie' ? cookie : undefined) };
      const { version } = decide({ rules, split: { v1: 10_000, v2: 0 } }, head, { next: () => 'v1' });
      expect(matchesWhole(cookiePattern(name, value), cookie)).toBe(version === 'v2');
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['fn', 'v2', true],
  ['fn', '', true],
  ["!#$%&'*+-.^_`|~", '!#()*+-./:<=>?@[]^_`{|}~', true],
  ['', 'v2', false],
  ['f n', 'v2', false],
  ['f=n', 'v2', false],
  ['fn', 'a;b', false],
  ['fn', 'a b', false],
  ['fn', '"a"', false],
  ['fn', 'a\\b', false],
  ['fn', 'ä', false],
  ['fn\n', 'a', false],
  ['fn', 'a\n', false],
])('a cookie %j of %j: %s', (name, value, is) => {
  expect(isCookie(name, value)).toBe(is);
});
