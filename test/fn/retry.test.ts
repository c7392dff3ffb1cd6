import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NoAnswer } from '../../src/fn/http.js';
import { failureOf, retryAfterMs, retryText, waitMs } from '../../src/fn/retry.js';

const NEW = { answered: false, loopback: false };
const HERE = { answered: false, loopback: true };
const KNOWN = { answered: true, loopback: true };

const noAnswer = (code: string, arrived = false) =>
  new NoAnswer(Object.assign(new Error('x'), { code }), { arrived });
const answer = (status: number, body: unknown = {}, headers = {}) => ({ status, body, headers });

describe('what is worth another attempt', () => {
  test.each([
    [200, false],
    [404, false],
    [409, false],
    [429, true],
    [500, true],
    [501, false],
    [502, true],
    [503, true],
    [504, true],
  ])('an answer of %i: %s', (status, again) => {
    expect(failureOf(answer(status), NEW) !== null).toBe(again);
  });

  test.each([
    ['ECONNREFUSED', NEW, true],
    ['ECONNREFUSED', HERE, false],
    ['ECONNREFUSED', KNOWN, true],
    ['ECONNRESET', HERE, true],
    ['EAI_AGAIN', NEW, true],
    ['ENOTFOUND', NEW, false],
    ['ENOTFOUND', KNOWN, true],
    ['TIMEOUT', HERE, true],
    ['EHOSTUNREACH', NEW, true],
    ['CERT_HAS_EXPIRED', KNOWN, false],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', NEW, false],
    ['ERR_TLS_CERT_ALTNAME_INVALID', NEW, false],
  ])('%s, %j: %s', (code, known, again) => {
    expect(failureOf(noAnswer(code), known) !== null).toBe(again);
  });

  test.each([
    ['{"items":[', NEW, true],
    ['<html>', NEW, false],
    ['<html>', KNOWN, true],
    ['', NEW, true],
  ])('200 with %j, %j: %s', (body, known, again) => {
    expect(failureOf(answer(200, body), known) !== null).toBe(again);
  });

  test('what may have arrived', () => {
    const arrived = (outcome: Parameters<typeof failureOf>[0]) => failureOf(outcome, NEW)?.arrived;
    expect([429, 500, 502, 503, 504].map((status) => arrived(answer(status)))).toEqual([
      false,
      true,
      true,
      true,
      true,
    ]);
    expect([arrived(noAnswer('ECONNRESET', true)), arrived(noAnswer('ECONNRESET'))]).toEqual([true, false]);
    expect(arrived(answer(200, '{'))).toBe(true);
  });
});

describe('how long is waited', () => {
  const now = Date.parse('2026-01-02T03:04:05Z');
  test.each([
    [undefined, undefined],
    ['2', 2000],
    [' 0 ', 0],
    ['Fri, 02 Jan 2026 03:04:08 GMT', 3000],
    ['Fri, 02 Jan 2026 03:04:00 GMT', 0],
    ['soon', undefined],
    ['-1', undefined],
  ])('Retry-After %j: %j ms', (header, ms) => {
    // V8 reads "-1" as a date of the year 2001, which is past.
    expect(retryAfterMs(header, now) || undefined).toBe(ms || undefined);
  });

  test('twice as long each time, less up to a half, at most 10 s', () => {
    const attempts = fc.integer({ min: 1, max: 60 });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(attempts, random, (attempt, chance) => {
        const ms = waitMs(attempt, { why: '', arrived: false }, 500, chance);
        const most = Math.min(10_000, 500 * 2 ** (attempt - 1));
        expect(ms).toBeGreaterThan(most / 2 - 1e-6);
        expect(ms).toBeLessThanOrEqual(most);
      }),
    );
  });

  test('as the server asks, within bounds', () => {
    const asked = (afterMs: number) => waitMs(1, { why: '', arrived: false, afterMs }, 500, 0.5);
    expect([0, 3000, 3_600_000].map(asked)).toEqual([0, 3000, 10_000]);
  });

  test('not for a connection that was closed while it was idle, the first time', () => {
    const stale = { why: '', arrived: true, atOnce: true };
    expect([waitMs(1, stale, 500, 0), waitMs(2, stale, 500, 0)]).toEqual([0, 1000]);
  });

  test.each([
    [2000, 'the Fn server answers 503; again in 2 s'],
    [420, 'the Fn server answers 503; again in 0.4 s'],
    [10, 'the Fn server answers 503; again at once'],
  ])('%i ms: %s', (ms, text) => {
    expect(retryText({ why: 'answers 503', arrived: true }, ms)).toBe(text);
  });
});
