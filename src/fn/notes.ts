// fnmesh's notes on what it deployed. They lie in a version's first trigger, since Fn starts new processes when the
// annotations of a fn or app change, but not when a trigger's do (fnproject/fn 0.3.753, api/agent/slots.go).
import { firstTrigger } from './first-trigger.js';
import type { Annotations, Fn, Json, Trigger } from './model.js';
import { NOTE_BUILD, NOTE_FUNCTION, NOTE_IMAGE, NOTE_VERSION } from './model.js';
import { readRelease, releaseAnnotation, type Release } from './releases.js';

const PREFIX = 'fnmesh/';
// Fn takes 512 bytes a value.
const VALUE_BYTES = 480;

/**
 * Which keys fnmesh put: what it put it may remove, what others put stays. `secrets`: keys of config whose values came
 * from the environment, and are shown nowhere.
 */
export type PutKeys = { config: string[]; annotations: string[]; limits: string[]; secrets?: string[] };

/** What fnmesh noted of a version. */
export type VersionNotes = {
  function: string;
  version: string;
  /** The build's hash; '' when the note is not there. */
  hash: string;
  /** Why it cannot run on the embedded server. */
  cannotRun?: string;
  /** True for a version that `deploy --as` made, which has no folder of its own. */
  as?: true;
  /** True after a deploy that did not see it answer: it gets no traffic by itself. */
  unready?: true;
  /** The image as it was put, and the tag under which it was pushed. */
  image?: { ref: string; tag?: string } | undefined;
  /** Which release it is, and whose. */
  release?: Release | undefined;
  put: PutKeys;
};

/** Annotations that say which keys fnmesh put. */
export function putAnnotations(put: PutKeys): Annotations {
  const notes: Annotations = {};
  for (const [kind, keys] of Object.entries(put)) {
    pack(keys).forEach(
      (part, index) => (notes[`${PREFIX}${kind}${index === 0 ? '' : `-${index + 1}`}`] = part),
    );
  }
  return notes;
}

/** What `putAnnotations` wrote. */
export function readPut(annotations: Annotations = {}): PutKeys {
  const all = (kind: string): string[] =>
    Object.entries(annotations).flatMap(([key, value]) =>
      key === PREFIX + kind || new RegExp(`^${PREFIX}${kind}-\\d+$`).test(key) ? texts(value) : [],
    );
  const secrets = all('secrets');
  const put = { config: all('config'), annotations: all('annotations'), limits: all('limits') };
  return secrets.length === 0 ? put : { ...put, secrets };
}

/** All notes of a version, for its first trigger. */
export function versionAnnotations(notes: VersionNotes): Annotations {
  const { hash, cannotRun, as, unready, image, release } = notes;
  return {
    ...memberAnnotations(notes),
    [NOTE_BUILD]: {
      hash,
      ...(cannotRun !== undefined && { cannotRun: cannotRun.slice(0, 300) }),
      ...(as && { as }),
      ...(unready && { unready }),
    },
    ...(image && { [NOTE_IMAGE]: size(image) <= VALUE_BYTES ? image : { ref: image.ref } }),
    ...(release && releaseAnnotation(release)),
    ...putAnnotations(notes.put),
  };
}

/** The notes of a version's further triggers: only whose they are. */
export function memberAnnotations({
  function: fn,
  version,
}: {
  function: string;
  version: string;
}): Annotations {
  return { [NOTE_FUNCTION]: fn, [NOTE_VERSION]: version };
}

/** What fnmesh noted of an fn, in its first trigger or, without one, in itself; null when it did not make it. */
export function readNotes(fn: Fn, triggers: readonly Trigger[]): VersionNotes | null {
  const annotations = firstTrigger(triggers)?.annotations ?? fn.annotations ?? {};
  const { [NOTE_FUNCTION]: name, [NOTE_VERSION]: version, [NOTE_BUILD]: build } = annotations;
  if (typeof name !== 'string' || typeof version !== 'string') return null;
  const { hash = '', cannotRun, as, unready } = (build ?? {}) as Partial<VersionNotes>;
  const image = annotations[NOTE_IMAGE] as VersionNotes['image'];
  const release = readRelease(annotations);
  return {
    function: name,
    version,
    hash,
    ...(cannotRun !== undefined && { cannotRun }),
    ...(as && { as }),
    ...(unready && { unready }),
    ...(image && { image }),
    ...(release && { release }),
    put: readPut(annotations),
  };
}

/** Whether a key of annotations is fnmesh's or the server's own, so that no file of the user's decides on it. */
export function isReserved(key: string): boolean {
  return key.startsWith(PREFIX) || key.startsWith('fnproject.io/');
}

function pack(keys: readonly string[]): string[][] {
  const parts: string[][] = [];
  for (const key of [...keys].sort()) {
    // Too long to be noted: it stays on the server when it leaves the file.
    if (size([key]) > VALUE_BYTES) continue;
    const last = parts.at(-1);
    if (last !== undefined && size([...last, key]) <= VALUE_BYTES) last.push(key);
    else parts.push([key]);
  }
  return parts;
}

function size(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value));
}

function texts(value: Json): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
