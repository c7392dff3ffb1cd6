// Ids as Fn makes them: 26 characters, sortable by time (fnproject/fn 0.3.753, api/id/id.go).
import { randomBytes } from 'node:crypto';

/** Crockford's base 32: no I, L, O, U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const COUNTER_LIMIT = 32 ** 7;

/**
 * Makes a source of ids: 10 characters of milliseconds, 9 drawn at random once per source, 7 that count. Ids of one
 * source rise, also within a millisecond and when the clock is set back; two sources differ by what they drew.
 */
export function idSource(clock: () => number = Date.now): () => string {
  let stamp = -1;
  let prefix = '';
  let draw = drawn();
  let counter = 0;
  return () => {
    const now = clock();
    if (counter === COUNTER_LIMIT) {
      // A later millisecond keeps the order although the new draw may be lower.
      counter = 0;
      draw = drawn();
      stamp = Math.max(stamp + 1, now);
      prefix = encoded(stamp, 10) + draw;
    } else if (now > stamp) {
      stamp = now;
      prefix = encoded(stamp, 10) + draw;
    }
    return prefix + encoded(counter++, 7);
  };
}

/** A new id: 26 characters of 0-9 and A-Z without I, L, O, U; unique, and higher than the one before. */
export const newId: () => string = idSource();

function encoded(number: number, length: number): string {
  let text = '';
  for (let rest = number; text.length < length; rest = Math.floor(rest / 32))
    text = ALPHABET.charAt(rest % 32) + text;
  return text;
}

function drawn(): string {
  return Array.from(randomBytes(9), (byte) => ALPHABET.charAt(byte % 32)).join('');
}
