// What a route object notes of its own past: the number of its last change, and its part of the last changes. Pure.
import type { Change, Reason } from '../router/router.js';
import type { FunctionName, Split } from '../routing/route.js';
import { ANNOTATIONS } from './names.js';
import type { KubeObject } from './object.js';

/** Annotations that only the router needs. */
export const RECORD = {
  /** On every object that a change wrote: that change's id. */
  change: 'fnmesh/change',
  /** On an object that is about to be removed together with others: the id of the change that does so. */
  goes: 'fnmesh/goes',
  /** On one route object of the app: the last changes of functions that have no route any more, as JSON. */
  removed: 'fnmesh/removed',
} as const;

/** How many changes a route object keeps. */
export const KEPT_ENTRIES = 20;
/** The longest message that is kept, in characters. */
const LONGEST_MESSAGE = 1000;
/** The longest note of what was removed, in characters: all annotations of an object together have 256 KiB. */
const LONGEST_NOTE = 60_000;

/** A function's part of a change. */
export type Entry = Reason & {
  number: number;
  /** Tells changes of one number apart, when two were made at once. */
  id: string;
  /** RFC 3339, UTC. */
  at: string;
  before: Split | null;
  after: Split | null;
  /** Of a change that has a journal: to how many functions it gave a route, and whether this one has one for the mesh. */
  of?: { functions: number; mesh: boolean };
};

/** A function without a route, and what became of it. */
export type Removed = { function: FunctionName; entries: Entry[] };

/** The object's part of the last changes, oldest first. What people broke by hand is left out. */
export function entriesOf({ metadata }: KubeObject): Entry[] {
  return listIn(metadata.annotations?.[ANNOTATIONS.history]).filter(isEntry);
}

/** The functions without a route that the object keeps for the others. */
export function removedOf({ metadata }: KubeObject): Removed[] {
  return listIn(metadata.annotations?.[RECORD.removed]).flatMap((value) => {
    const { function: fn, entries } = (value ?? {}) as Partial<Removed>;
    if (typeof fn !== 'string' || !Array.isArray(entries)) return [];
    return [{ function: fn, entries: entries.filter(isEntry) }];
  });
}

/** The id of the change that wrote the object last. */
export function changeOf({ metadata }: KubeObject): string | undefined {
  return metadata.annotations?.[RECORD.change];
}

/** The id of the change by which the object is about to be removed. */
export function goesBy({ metadata }: KubeObject): string | undefined {
  return metadata.annotations?.[RECORD.goes];
}

/** The object with these annotations in place of its own of the same names; null takes one away. */
export function annotated(object: KubeObject, notes: Readonly<Record<string, string | null>>): KubeObject {
  const annotations = Object.entries({ ...object.metadata.annotations, ...notes }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  return { ...object, metadata: { ...object.metadata, annotations: Object.fromEntries(annotations) } };
}

/** The entry as it is kept: a message of bounded length. */
export function keptEntry(entry: Entry): Entry {
  const { message } = entry;
  if (message === undefined || message.length <= LONGEST_MESSAGE) return entry;
  return { ...entry, message: `${message.slice(0, LONGEST_MESSAGE - 1)}…` };
}

/** The annotation of what was removed, last what was removed last; null when there is nothing to keep. */
export function removedNote(removed: readonly Removed[]): string | null {
  const texts = removed.map((one) => JSON.stringify(one));
  let length = texts.reduce((sum, text) => sum + text.length + 1, 1);
  let first = 0;
  while (length > LONGEST_NOTE && first < texts.length) length -= texts[first++]!.length + 1;
  return first === texts.length ? null : `[${texts.slice(first).join(',')}]`;
}

function listIn(text: string | undefined): unknown[] {
  if (text === undefined) return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function isEntry(value: unknown): value is Entry {
  const { number, id, at, by, verb } = (value ?? {}) as Partial<Record<keyof Entry, unknown>>;
  return Number.isSafeInteger(number) && [id, at, by, verb].every((text) => typeof text === 'string');
}

/** The changes of an app, oldest first, put together from its functions' parts: those of one number and id are one. */
export function changesFrom(
  parts: readonly { function: FunctionName; entries: readonly Entry[] }[],
): Change[] {
  const changes = new Map<string, { id: string; change: Change }>();
  for (const { function: fn, entries } of parts) {
    for (const { id, before, after, ...entry } of entries) {
      const key = `${entry.number} ${id}`;
      const known = changes.get(key) ?? { id, change: { ...entry, functions: [] } };
      delete (known.change as Partial<Entry>).of;
      known.change.functions.push({ function: fn, before: before ?? null, after: after ?? null });
      changes.set(key, known);
    }
  }
  const ordered = [...changes.values()].sort(
    (a, b) => a.change.number - b.change.number || order(a.change.at, b.change.at) || order(a.id, b.id),
  );
  for (const { change } of ordered) change.functions.sort((a, b) => order(a.function, b.function));
  return ordered.map(({ change }) => change);
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
