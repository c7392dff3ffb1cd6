import { expect, test } from 'vitest';
import { idSource, newId } from '../../src/fn/id.js';

test('an id is 26 characters of Crockford’s base 32, led by its time', () => {
  expect(newId()).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
  expect(idSource(() => 0)()).toMatch(/^0000000000/);
  expect(idSource(() => 2 ** 48 - 1)()).toMatch(/^7ZZZZZZZZZ/);
});

test('ids of a source rise, whatever the clock does', () => {
  let now = 1_700_000_000_000;
  const steps = [0, 0, 1, 5, -3, -1_000_000, 0, 2_000_000, 0];
  const next = idSource(() => now);
  const ids = Array.from({ length: 9000 }, (_, i) => {
    now += steps[i % steps.length]!;
    return next();
  });
  expect(ids).toEqual([...ids].sort());
  expect(new Set(ids).size).toBe(ids.length);
});

test('two sources at the same time give different ids', () => {
  const ids = Array.from({ length: 1000 }, () => idSource(() => 1)());
  expect(new Set(ids).size).toBe(ids.length);
});
