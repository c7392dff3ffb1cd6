// Compares an answer with a recorded one, placeholders included (`${id}`, `${time}`, `${deadline}`, `${base}`, `${any}`).
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { headerValues, type RawAnswer } from './raw-http.js';

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What an answer must be; see the `response` of a recorded step. */
export type Expected = {
  status?: number;
  headers?: Record<string, string | string[] | null>;
  body?: Json;
  rawBody?: string;
  length?: number;
  sha256?: string;
  truncated?: boolean;
  closed?: boolean;
};

const PLACEHOLDERS: Record<string, string> = {
  id: '[0-9A-HJKMNP-TV-Z]{26}',
  time: String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`,
  deadline: String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)`,
  any: String.raw`[\s\S]*`,
};

/** Everything in which the answer differs from what is expected, one line each; none = it matches. */
export function differences(expected: Expected, answer: RawAnswer | null, base: string): string[] {
  if (answer === null) return expected.closed ? [] : ['the connection was closed without an answer'];
  if (expected.closed) return [`status ${answer.status} instead of a closed connection`];
  const found: string[] = [];
  if (answer.status !== expected.status) found.push(`status ${answer.status} instead of ${expected.status}`);
  if (answer.complete === (expected.truncated ?? false)) {
    found.push(answer.complete ? 'the body is complete' : 'the body is cut');
  }
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    const actual = headerValues(answer, name);
    const wanted = value === null ? [] : [value].flat();
    const same =
      wanted.length === actual.length && wanted.every((one, i) => sameText(one, actual[i] ?? '', base));
    if (!same) found.push(`header ${name}: ${JSON.stringify(actual)} instead of ${JSON.stringify(wanted)}`);
  }
  if (!expected.truncated) found.push(...bodyDifferences(expected, answer.body, base));
  return found;
}

function bodyDifferences(expected: Expected, body: Buffer, base: string): string[] {
  const text = body.toString('utf8');
  const shown = text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
  if (expected.body !== undefined) {
    const parsed = parsedJson(text);
    if (parsed === undefined) return [`body is not JSON: ${shown}`];
    return sameJson(expected.body, parsed, base)
      ? []
      : [`body ${shown}\n  instead of ${JSON.stringify(expected.body).slice(0, 2000)}`];
  }
  if (expected.rawBody !== undefined) {
    return sameText(expected.rawBody, text, base)
      ? []
      : [`body ${JSON.stringify(shown)} instead of ${JSON.stringify(expected.rawBody)}`];
  }
  const found: string[] = [];
  if (expected.length !== undefined && body.length !== expected.length) {
    found.push(`${body.length} bytes instead of ${expected.length}`);
  }
  if (expected.sha256 !== undefined && createHash('sha256').update(body).digest('hex') !== expected.sha256) {
    found.push('other bytes than recorded');
  }
  return found;
}

function parsedJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function sameJson(expected: Json, actual: Json, base: string): boolean {
  if (expected === '${any}') return true;
  if (typeof expected === 'string') return typeof actual === 'string' && sameText(expected, actual, base);
  if (typeof expected !== 'object' || expected === null) return isDeepStrictEqual(expected, actual);
  if (typeof actual !== 'object' || actual === null || Array.isArray(actual) !== Array.isArray(expected))
    return false;
  const mine = Object.entries(expected);
  const theirs = new Map(Object.entries(actual));
  return (
    mine.length === theirs.size &&
    mine.every(([key, value]) => {
      const other = theirs.get(key);
      return other !== undefined && sameJson(value, other, base);
    })
  );
}

function sameText(expected: string, actual: string, base: string): boolean {
  if (!expected.includes('${')) return expected === actual;
  const pattern = expected
    .split(/(\$\{\w+\})/)
    .map((part) => {
      const name = /^\$\{(\w+)\}$/.exec(part)?.[1];
      if (name === 'base') return escaped(base);
      return (name === undefined ? undefined : PLACEHOLDERS[name]) ?? escaped(part);
    })
    .join('');
  return new RegExp(`^${pattern}$`).test(actual);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
}
