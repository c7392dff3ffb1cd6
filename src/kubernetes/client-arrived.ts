// Whether a write whose answer was lost had arrived: the live object holds what was sent. Pure.
import type { KubeObject } from './object.js';

/** Maps that are whole: what is not in them was taken out on purpose. */
const WHOLE = new Set(['labels', 'annotations', 'data', 'binaryData']);
/** What the API server writes itself. */
const OWN = new Set([
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'managedFields',
  'selfLink',
]);

/**
 * Whether everything in `sent` is in `live`: lists of the same length, labels, annotations and data to the letter, else
 * the live object may have more, as the API server fills in defaults. `status` and what the API server keeps in the
 * metadata are of no matter.
 */
export function holds(live: KubeObject, sent: KubeObject): boolean {
  const { metadata, stringData, ...rest } = sent;
  delete rest['status'];
  const own = Object.fromEntries(Object.entries(metadata).filter(([field]) => !OWN.has(field)));
  const text = Object.entries((stringData ?? {}) as Record<string, string>);
  const data = text.map(([key, value]): [string, string] => [key, Buffer.from(value).toString('base64')]);
  const secret =
    text.length === 0 ? {} : { data: { ...(rest['data'] as object), ...Object.fromEntries(data) } };
  return within(live, { ...rest, ...secret, metadata: own }, false);
}

function within(live: unknown, sent: unknown, whole: boolean): boolean {
  if (isEmpty(sent) && isEmpty(live)) return true;
  if (Array.isArray(sent)) {
    return (
      Array.isArray(live) &&
      live.length === sent.length &&
      sent.every((each, at) => within(live[at], each, false))
    );
  }
  if (typeof sent !== 'object' || sent === null) return live === sent;
  if (typeof live !== 'object' || live === null) return false;
  const [there, wanted] = [live as Record<string, unknown>, sent as Record<string, unknown>];
  if (whole && Object.keys(there).some((key) => !(key in wanted))) return false;
  return Object.entries(wanted).every(([key, value]) => within(there[key], value, WHOLE.has(key)));
}

/** The API server leaves out what is empty. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
