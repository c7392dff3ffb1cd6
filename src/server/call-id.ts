// Ids of calls: 26 characters that sort by time, as Fn's (fnproject/fn 0.3.753, api/id/id.go).
import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const COUNTER_MAX = 32 ** 5;

/** This server's part of its ids, so that two servers never give the same. */
const SERVER = [...randomBytes(11)].map((byte) => ALPHABET[byte & 31]).join('');

let millisecond = 0;
/** Time and server, made anew only when the millisecond has changed. */
let prefix = '';
let counter = 0;

/** A new id: time (10 characters), server (11), counter (5). */
export function newCallId(now = Date.now()): string {
  if (now !== millisecond) {
    millisecond = now;
    prefix = encode(now, 10) + SERVER;
  }
  counter = (counter + 1) % COUNTER_MAX;
  return prefix + encode(counter, 5);
}

function encode(value: number, length: number): string {
  let text = '';
  let rest = value;
  for (let i = 0; i < length; i++) {
    text = ALPHABET[rest % 32]! + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}
