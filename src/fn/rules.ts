// The rules that apps, fns and triggers share: names, annotations, config. Pure; the texts are Fn's own.
import { ApiError } from './api-error.js';
import type { Annotations, Json } from './model.js';

/** The longest name, in bytes of UTF-8. */
const MAX_NAME_BYTES = 255;
const MAX_ANNOTATIONS = 100;
const MAX_KEY_BYTES = 128;
const MAX_VALUE_BYTES = 512;

/** Whether Fn takes the text as an app's or a trigger's name: letters and digits of any script, `_` and `-`. */
export function isWord(name: string): boolean {
  return /^[\p{L}\p{N}_-]+$/u.test(name);
}

/** Whether the text is longer than a name may be. */
export function isTooLong(name: string): boolean {
  return Buffer.byteLength(name) > MAX_NAME_BYTES;
}

/**
 * Annotations of a new object (fnproject/fn 0.3.753, api/models/annotations.go).
 * @throws ApiError 400 for a bad key, an empty, null or too long value, or more than 100 keys.
 */
export function newAnnotations(given: Annotations = {}): Annotations {
  for (const [key, value] of Object.entries(given)) {
    checkKey(key);
    if (isEmpty(value)) throw new ApiError(400, EMPTY_VALUE);
    checkValue(value);
  }
  return counted(given);
}

/**
 * Annotations after a PUT: keys given replace, `""` and null remove, all others stay.
 * @throws ApiError 400 as `newAnnotations`, except for empty values.
 */
export function mergedAnnotations(before: Annotations = {}, change: Annotations = {}): Annotations {
  for (const [key, value] of Object.entries(change)) {
    checkKey(key);
    if (!isEmpty(value)) checkValue(value);
  }
  return counted(merged(before, change, isEmpty));
}

/** Config after a PUT: keys given replace, an empty value removes, all others stay. */
export function mergedConfig(
  before: Record<string, string> = {},
  change: Record<string, string> = {},
): Record<string, string> {
  return merged(before, change, (value) => value === '');
}

/** The annotations without those that only the server makes. */
export function withoutKey(annotations: Annotations | undefined, key: string): Annotations | undefined {
  if (annotations === undefined || !Object.hasOwn(annotations, key)) return annotations;
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => name !== key));
}

/** `{ [key]: value }`, or nothing when the value has no keys: how Fn leaves out empty maps. */
export function unlessEmpty<K extends string, V extends object>(key: K, value: V): { [P in K]?: V } {
  return Object.keys(value).length === 0 ? {} : ({ [key]: value } as { [P in K]?: V });
}

const EMPTY_VALUE =
  'Invalid annotation value, annotation values may only be non-empty strings, numbers, objects, or arrays';

function isEmpty(value: Json): boolean {
  return value === '' || value === null;
}

// Entries rather than assignment: a key may be `__proto__`.
function merged<V>(before: Record<string, V>, change: Record<string, V>, removes: (value: V) => boolean) {
  return Object.fromEntries(
    Object.entries({ ...before, ...change }).filter(([key, value]) => {
      return !(Object.hasOwn(change, key) && removes(value));
    }),
  );
}

function checkKey(key: string): void {
  if (!/^[!-~]+$/.test(key)) {
    throw new ApiError(
      400,
      'Invalid annotation key, annotation keys must be non-empty ascii strings excluding whitespace',
    );
  }
  if (key.length > MAX_KEY_BYTES) {
    throw new ApiError(
      400,
      'Invalid annotation key length, annotation keys may not be larger than 128 bytes',
    );
  }
}

function checkValue(value: Json): void {
  if (jsonBytes(value) > MAX_VALUE_BYTES) {
    throw new ApiError(
      400,
      'Invalid annotation value length, annotation values may not be larger than 512 bytes when serialized as JSON',
    );
  }
}

function jsonBytes(value: Json): number {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    return Infinity; // Nested deeper than the stack.
  }
}

function counted(annotations: Annotations): Annotations {
  if (Object.keys(annotations).length > MAX_ANNOTATIONS) {
    throw new ApiError(
      400,
      'Invalid annotation change, new key(s) exceed maximum permitted number of annotations keys (100)',
    );
  }
  return annotations;
}
