// YAML and JSON texts with the place of every value: the only importer of yaml, itself imported lazily.
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import { messageOf } from '../errors.js';

/** A key's way from the top of a file: `['triggers', 0, 'source']`. */
export type KeyPath = readonly (string | number)[];
/** A place in a file; both count from 1. */
export type Place = { line: number; column: number };
/** Why a text is no YAML, and where. */
export type SyntaxProblem = Place & { text: string };

/** A text that was read: its value and where each part of it stands. */
export type ParsedText = {
  value: unknown;
  /** Where the value (or, for `key`, its key) at a path stands; the nearest part that exists when it is missing. */
  place(path: KeyPath, part?: 'key' | 'value'): Place;
};

/** How many aliases a file may expand to; a file of this kind has a handful. */
const MAX_ALIASES = 100;

/**
 * Reads YAML, or JSON, which is a part of it.
 * @param textual says which values are text although they look like a number or a boolean (`PORT: 8080`, which
 * Fn reads as "8080"): they keep the characters they were written with, and an empty value is ''.
 * @returns the value and its places, or the syntax problems.
 */
export function parseText(
  text: string,
  textual: (path: KeyPath) => boolean,
): ParsedText | { problems: SyntaxProblem[] } {
  const lines = new LineCounter();
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false });
  } catch (error) {
    // Thousands of nested brackets overflow the parser's stack.
    return { problems: [{ line: 1, column: 1, text: `cannot be read: ${messageOf(error)}` }] };
  }
  if (document.errors.length > 0) {
    return { problems: document.errors.map((error) => ({ ...at(error.pos[0]), text: error.message })) };
  }
  keepText(document, textual);
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return { value, place: (path, part = 'value') => at(offsetOf(document, path, part)) };
  } catch (error) {
    return { problems: [{ ...at(firstAlias(document)), text: messageOf(error) }] };
  }
}

/** A value to write at a path. */
export type TextEdit = { path: KeyPath; value: unknown };

/**
 * Writes values into YAML or JSON and leaves everything else as it stands: comments, order, spacing, quotes.
 * Texts that are there are replaced in their place and quoted as they were; what is missing is added at the
 * end of the map it belongs to.
 * @throws Error when the text is no YAML.
 */
export function editText(text: string, edits: readonly TextEdit[]): string {
  const document = parseDocument(text);
  if (document.errors[0] !== undefined) throw document.errors[0];
  const splices = edits.flatMap((edit) => spliceOf(document, edit)).sort((a, b) => b.start - a.start);
  let edited = text;
  for (const { start, end, written } of splices)
    edited = edited.slice(0, start) + written + edited.slice(end);
  if (splices.length === edits.length && holds(edited, edits)) return edited;

  // Some value is missing or of an odd form: the document writes itself, with its comments.
  for (const { path, value } of edits) {
    const node = document.getIn(path, true);
    if (isScalar(node)) {
      node.value = value;
    } else {
      const written = document.createNode(value);
      if (isNode(node)) written.comment = node.comment;
      document.setIn(path, written);
    }
  }
  return document.toString({ lineWidth: 0 });
}

/**
 * Adds a key with a text that needs no quotes to the map at the top, behind the key `after` or, without that, in
 * front, and leaves everything else as it stands.
 * @throws Error when the text is no YAML, or no map.
 */
export function insertKey(text: string, after: string, key: string, value: string): string {
  const document: Document = parseDocument(text);
  const map = document.contents;
  if (document.errors[0] !== undefined) throw document.errors[0];
  if (!isMap(map)) throw new Error('not a map');
  const at = map.items.findIndex((item) => isScalar(item.key) && item.key.value === after);
  const [first, before] = [rangeOf(map.items[0]?.key), rangeOf(map.items[at]?.value)];
  const spliced = first && withPair(text, map.flow === true, key, value, first, before);
  map.items.splice(at + 1, 0, document.createPair(key, value));

  const read = spliced === undefined ? undefined : parseDocument(spliced);
  const same = read?.errors.length === 0 && JSON.stringify(read.toJS()) === JSON.stringify(document.toJS());
  // Of an odd form: the document writes itself, with its comments.
  return same ? spliced! : document.toString({ lineWidth: 0 });
}

type Range = readonly [start: number, valueEnd: number, nodeEnd: number];

function rangeOf(node: unknown): Range | undefined {
  return isNode(node) ? (node.range ?? undefined) : undefined;
}

/** The text with the pair behind the value at `before`, or else in front of the map's `first` key. */
function withPair(
  text: string,
  flow: boolean,
  key: string,
  value: string,
  first: Range,
  before: Range | undefined,
): string {
  const pair = flow ? `${JSON.stringify(key)}: ${JSON.stringify(value)}` : `${key}: ${value}`;
  const gap = /\s*$/.exec(text.slice(0, first[0]))![0];
  const put = (at: number, written: string): string => text.slice(0, at) + written + text.slice(at);
  const lineEnd = text.includes('\r\n') ? '\r\n' : '\n';
  const indent = gap.slice(gap.lastIndexOf('\n') + 1);
  if (before === undefined)
    return put(first[0], flow ? `${pair},${gap || ' '}` : `${pair}${lineEnd}${indent}`);
  if (flow) return put(before[1], `,${gap || ' '}${pair}`);
  const next = text[before[1] - 1] === '\n' ? before[1] : text.indexOf('\n', before[1]) + 1;
  return next === 0 ? `${text}${lineEnd}${indent}${pair}` : put(next, `${indent}${pair}${lineEnd}`);
}

function spliceOf(
  document: Document,
  { path, value }: TextEdit,
): { start: number; end: number; written: string }[] {
  const node = document.getIn(path, true);
  if (!isScalar(node) || !node.range || typeof value !== 'string') return [];
  const [start, end] = node.range;
  if (node.type === 'QUOTE_SINGLE') return [{ start, end, written: `'${value.replaceAll("'", "''")}'` }];
  const plain = node.type === 'PLAIN' && PLAIN.test(value) && start < end;
  return [{ start, end, written: plain ? value : JSON.stringify(value) }];
}

function holds(text: string, edits: readonly TextEdit[]): boolean {
  const document = parseDocument(text);
  return document.errors.length === 0 && edits.every(({ path, value }) => document.getIn(path) === value);
}

// What no YAML reader takes for anything but text; "-v1" behind a word keeps it from being yes, on or null.
const PLAIN = /^([a-z][a-z0-9]*-[a-z0-9-]*[a-z0-9]|\/[A-Za-z0-9/_.-]*|\d+\.\d+\.\d+)$/;

function keepText(document: Document.Parsed, textual: (path: KeyPath) => boolean): void {
  const walk = (node: unknown, path: KeyPath): void => {
    if (isMap(node)) {
      for (const pair of node.items)
        walk(pair.value, [...path, isScalar(pair.key) ? String(pair.key.value) : '']);
    } else if (isSeq(node)) {
      node.items.forEach((item, index) => walk(item, [...path, index]));
    } else if (isScalar(node) && typeof node.value !== 'string' && textual(path)) {
      node.value = node.value === null ? '' : (node.source ?? '');
    }
  };
  walk(document.contents, []);
}

function offsetOf(document: Document.Parsed, path: KeyPath, part: 'key' | 'value'): number {
  let node: Node | null = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const [depth, key] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document) ?? null;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair === undefined) return offset;
      const keyStart = isScalar(pair.key) ? pair.key.range?.[0] : undefined;
      node = (pair.value as Node | null) ?? null;
      const last = depth === path.length - 1;
      offset = (last && part === 'key' ? keyStart : (node?.range?.[0] ?? keyStart)) ?? offset;
    } else if (isSeq(node) && typeof key === 'number') {
      node = (node.items[key] as Node | undefined) ?? null;
      offset = node?.range?.[0] ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function firstAlias(document: Document.Parsed): number {
  let offset = 0;
  visit(document, {
    Alias(_key, node) {
      offset = node.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}
