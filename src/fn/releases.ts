// Releases: what a version ran before it was changed in place stays on the same Fn server, as a copy of its fn that
// has no trigger and is never called. It is named `<fn>~<number>`, which no folder's fn can be. Pure.
import { isDeepStrictEqual } from 'node:util';
import type { Annotations, Fn, FnChange, Json } from './model.js';
import { NOTE_RELEASE } from './model.js';

/** Who deployed, when and from what; the same for all versions of one deploy. */
export type DeployStamp = {
  /** Names the deploy: its versions are undone together. */
  deploy: string;
  /** RFC 3339, UTC. */
  at: string;
  /** `user@machine` */
  by: string;
  message?: string;
  /** The commit of the app's folder; `at` is its committer date. `dirty`: files differed from it. */
  commit?: { sha: string; at: string; dirty: boolean };
  /** undo: the deploy that it undid. */
  undoes?: string;
};

/** What a version noted of the deploy that made its present content. */
export type Release = DeployStamp & {
  /** 1 for the first, rising by one with every change in place. */
  number: number;
  /** undo: the number of the release whose content this is. */
  restores?: number;
};

/** A kept release: the copy, and which fn and release it is of. `release` null: nothing was noted of it. */
export type KeptRelease = { fn: Fn; of: string; number: number; release: Release | null };

/** How many earlier releases of an fn stay. */
export const KEPT_RELEASES = 3;

/** The name of the fn that a deploy holds while it changes an app, so that two cannot mix. */
export const LOCK_NAME = 'fnmesh~lock';

// Fn takes 512 bytes a value.
const VALUE_BYTES = 480;

/** The copy's name: `cart-v1~3`. */
export function releaseName(fn: string, number: number): string {
  return `${fn}~${number}`;
}

/** What a copy's name says, or undefined for any other fn's. */
export function parseReleaseName(name: string): { of: string; number: number } | undefined {
  const [, of, number] = /^(.+)~([1-9]\d{0,8})$/.exec(name) ?? [];
  return of === undefined ? undefined : { of, number: Number(number) };
}

/** The note of a release; texts are cut so that it fits into an annotation. */
export function releaseAnnotation(release: Release): Annotations {
  const { message, commit, ...rest } = release;
  const short = { ...rest, by: cut(rest.by, 80), ...(commit && { commit }) };
  const room = VALUE_BYTES - bytes({ ...short, message: '' });
  const text = message === undefined ? '' : cut(message, Math.max(0, room));
  return { [NOTE_RELEASE]: text === '' ? short : { ...short, message: text } };
}

/** What `releaseAnnotation` wrote; undefined when it is not there, or is none. */
export function readRelease(annotations: Annotations = {}): Release | undefined {
  const note = annotations[NOTE_RELEASE] as Partial<Release> | null | undefined;
  const isRelease =
    typeof note === 'object' &&
    note !== null &&
    Number.isSafeInteger(note.number) &&
    [note.deploy, note.at, note.by].every((text) => typeof text === 'string');
  return isRelease ? (note as Release) : undefined;
}

/** The kept release that an fn is, or undefined. */
export function keptRelease(fn: Fn): KeptRelease | undefined {
  const name = parseReleaseName(fn.name);
  const isOurs = Object.keys(fn.annotations ?? {}).some((key) => key.startsWith('fnmesh/'));
  return name && isOurs ? { fn, ...name, release: readRelease(fn.annotations) ?? null } : undefined;
}

/** What a release is of an fn: what `undo` puts back. Annotations are only those that users decide on. */
export type Content = Required<
  Pick<Fn, 'image' | 'memory' | 'timeout' | 'idle_timeout' | 'config' | 'annotations'>
>;

/** The content of an fn, or of a kept copy of it. */
export function contentOf({ image, memory, timeout, idle_timeout, config, annotations = {} }: Fn): Content {
  const own = Object.entries(annotations).filter(
    ([key]) => !key.startsWith('fnmesh/') && !key.startsWith('fnproject.io/'),
  );
  return { image, memory, timeout, idle_timeout, config, annotations: Object.fromEntries(own) };
}

/**
 * Whether an fn was changed since its present release was noted: a copy has that release's number and another content.
 * A deploy or undo was broken off between the change and its note.
 */
export function isUnnoted(fn: Fn, noted: number | undefined, kept: readonly KeptRelease[]): boolean {
  const copy = kept.find(({ number }) => number === noted);
  return copy !== undefined && Object.keys(levelling(contentOf(copy.fn), contentOf(fn))).length > 0;
}

/** The PUT that makes the content of `before` that of `after`; keys that only `before` has are removed. Empty: they are equal. */
export function levelling(before: Content, after: Content): FnChange {
  const change: FnChange = {};
  for (const name of ['memory', 'timeout', 'idle_timeout'] as const) {
    if (before[name] !== after[name]) change[name] = after[name];
  }
  if (before.image !== after.image) change.image = after.image;
  const config = levelled(before.config, after.config);
  const annotations = levelled(before.annotations, after.annotations);
  if (config !== null) change.config = config;
  if (annotations !== null) change.annotations = annotations;
  return change;
}

function levelled<V extends Json>(
  before: Readonly<Record<string, V>>,
  after: Readonly<Record<string, V>>,
): Record<string, V | ''> | null {
  // A key with an empty value cannot be put: a PUT of '' removes it. So it counts as one that is not there.
  const has = (map: Readonly<Record<string, V>>, key: string): boolean =>
    Object.hasOwn(map, key) && map[key] !== '';
  const changed = Object.entries(after).filter(
    ([key, value]) => has(after, key) && !(has(before, key) && isDeepStrictEqual(before[key], value)),
  );
  const gone = Object.entries(before).filter(([key]) => has(before, key) && !has(after, key));
  if (changed.length + gone.length === 0) return null;
  return Object.fromEntries<V | ''>([...changed, ...gone.map(([key]): [string, ''] => [key, ''])]);
}

function cut(text: string, room: number): string {
  let end = text.length;
  // JSON writes some characters longer than they are.
  while (end > 0 && bytes(text.slice(0, end)) - 2 > room) end -= Math.max(1, Math.ceil((end - room) / 4));
  return end >= text.length ? text : text.slice(0, Math.max(0, end)).replace(/[\uD800-\uDBFF]$/, '');
}

function bytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
