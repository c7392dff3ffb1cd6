// What to say when an fn is no more what it was when the deploy was planned. Pure.
import { FnmeshError } from '../errors.js';
import type { Fn, Trigger } from '../fn/model.js';
import { observed, type ObservedFn } from '../fn/observe.js';
import { contentOf, levelling } from '../fn/releases.js';

/**
 * The error that names what changed, without values of config, and by whom where notes tell.
 * @param now The fn as it is; undefined: it is gone.
 */
export function changedMeanwhile(before: ObservedFn, now: Fn | undefined, triggers: Trigger[]): FnmeshError {
  const name = before.fn.name;
  const again = { try: 'fnmesh deploy --all --dry-run' };
  if (now === undefined) {
    return new FnmeshError('conflict', `${name} was removed since this deploy was planned`, again);
  }
  const change = levelling(contentOf(before.fn), contentOf(now));
  const { config = {}, annotations = {}, ...flat } = change;
  const fields = [
    ...Object.entries(flat).map(([field, value]) => `${field} (now ${value})`),
    ...Object.keys(config).map((key) => `config.${key}`),
    ...Object.keys(annotations).map((key) => `annotations.${key}`),
  ];
  const release = observed(now, triggers).notes?.release;
  const isNew = release !== undefined && release.deploy !== before.notes?.release?.deploy;
  const who = isNew ? `by ${release.by} at ${release.at}` : 'not by fnmesh';
  const message = `${name} was changed since this deploy was planned, ${who}: ${fields.join(', ')}; it was left as it is`;
  return new FnmeshError('conflict', message, again);
}

/**
 * Refuses to write over what others than fnmesh changed while this deploy was built or waited its turn. What another
 * deploy changed meanwhile came before this one, as if it had begun earlier.
 * @param first The fn as it was when this deploy began; undefined: it was not there.
 * @throws FnmeshError `conflict` that says what changed.
 */
export function checkOthers(first: ObservedFn | undefined, now: ObservedFn | undefined): void {
  if (first === undefined || now === undefined) return;
  if (first.notes?.release?.deploy !== now.notes?.release?.deploy) return;
  const change = levelling(contentOf(first.fn), contentOf(now.fn));
  if (Object.keys(change).length > 0) throw changedMeanwhile(first, now.fn, now.triggers);
}
