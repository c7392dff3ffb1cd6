// What may be sent to an Fn server: ids that are ids, and bodies without what a real server chokes on (seen with
// fnproject/fn 0.3.753: null annotations block its database, unusual ids end its process, an id in a body changes
// that other object, endpoint annotations are stored). Pure.
import { FnmeshError } from '../errors.js';
import type { AppChange, FnSpec, TriggerChange, TriggerSpec } from './fn-server.js';
import type { Annotations, FnChange, Json } from './model.js';

/** Fn's ids, api/id/id.go. */
const ID = /^[0-9A-HJKMNP-TV-Z]{26}$/;

const APP_KEYS = ['config', 'annotations', 'syslog_url'] as const;
const FN_KEYS = ['image', 'memory', 'timeout', 'idle_timeout', 'config', 'annotations'] as const;
const TRIGGER_KEYS = ['fn_id', 'source', 'annotations'] as const;

/** Whether a text can be the id of something: 26 characters of 0-9 and A-Z without I, L, O, U. */
export function isId(text: string): boolean {
  return ID.test(text);
}

/**
 * The id, if it is one.
 * @throws FnmeshError `not_found`: nothing has such an id.
 */
export function checkedId(kind: 'app' | 'fn' | 'trigger', id: string): string {
  if (isId(id)) return id;
  const shown = id.length > 40 ? `${id.slice(0, 40)}…` : id;
  throw new FnmeshError(
    'not_found',
    `no ${kind} has the id ${JSON.stringify(shown)}: Fn's ids are 26 characters of 0-9 and A-Z without I, L, O and U`,
  );
}

/** The body of an app's PUT. */
export function appChange(change: AppChange): AppChange {
  return changeOf(picked(change, APP_KEYS));
}

/** The body of a fn's PUT. */
export function fnChange(change: FnChange): FnChange {
  return changeOf(picked(change, FN_KEYS));
}

/** The body of a trigger's PUT. @throws FnmeshError `not_found` for a fn's id that is none. */
export function triggerChange(change: TriggerChange): TriggerChange {
  if (change.fn_id !== undefined) checkedId('fn', change.fn_id);
  return changeOf(picked(change, TRIGGER_KEYS));
}

/** The body of an app's POST. */
export function appSpec(spec: { name: string } & AppChange): { name: string } & AppChange {
  return specOf(picked(spec, ['name', ...APP_KEYS]));
}

/** The body of a fn's POST. @throws FnmeshError `not_found` for an app's id that is none. */
export function fnSpec(spec: FnSpec): FnSpec {
  checkedId('app', spec.app_id);
  return specOf(picked(spec, ['app_id', 'name', ...FN_KEYS]));
}

/** The body of a trigger's POST. @throws FnmeshError `not_found` for ids that are none. */
export function triggerSpec(spec: TriggerSpec): TriggerSpec & { type: 'http' } {
  checkedId('app', spec.app_id);
  checkedId('fn', spec.fn_id);
  return { type: 'http', ...specOf(picked(spec, ['app_id', 'name', ...TRIGGER_KEYS])) };
}

/** Whether an annotation is the server's own, such as a fn's invoke endpoint. */
export function isServers(key: string): boolean {
  return key.startsWith('fnproject.io/');
}

/** In a change '' removes a key, as null is meant to. */
function changeOf<T extends { annotations?: Annotations }>(change: T): T {
  return withAnnotations(change, ([key, value]) => [[key, value ?? '']]);
}

/** In something new there is nothing to remove. */
function specOf<T extends { annotations?: Annotations }>(spec: T): T {
  return withAnnotations(spec, ([key, value]) => (value === null ? [] : [[key, value]]));
}

function withAnnotations<T extends { annotations?: Annotations }>(
  body: T,
  each: (entry: [string, Json]) => [string, Json][],
): T {
  if (body.annotations === undefined) return body;
  const own = Object.entries(body.annotations).filter(([key]) => !isServers(key));
  return { ...body, annotations: Object.fromEntries(own.flatMap(each)) };
}

/** Only what the API takes: callers may hand over whole objects that were read. */
function picked<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(
    keys.flatMap((key) => (from[key] === undefined ? [] : [[key, from[key]]])),
  ) as Pick<T, K>;
}
