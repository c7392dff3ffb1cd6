// What cannot start is taken back: a new version goes, a changed one becomes what it was.
import { firstTrigger } from '../fn/first-trigger.js';
import type { FnServer } from '../fn/fn-server.js';
import type { Annotations, Trigger } from '../fn/model.js';
import { NOTE_FUNCTION } from '../fn/model.js';
import type { ObservedFn } from '../fn/observe.js';
import { contentOf, type KeptRelease, levelling } from '../fn/releases.js';
import { unlessGone } from '../fn/unless-gone.js';
import { diffNotes, isEmpty } from './diff.js';

/** What a version was before, as far as it is known. */
export type Origin = {
  fnId: string;
  /** As it was when the deploy began; undefined: it was not there. */
  before: ObservedFn | undefined;
  /** The copy that this deploy made of it; null: this deploy did not change it. */
  kept: KeptRelease | null;
  /** Where this deploy found it half done: the release that an earlier one, which was broken off, had changed. */
  earlier: KeptRelease | null;
};

/** What became of it. `left`: nobody knows what it was before, so that it stays. */
export type TakenBack = 'removed' | 'restored' | 'left';

/**
 * Takes a version back.
 * @param now The version as it is.
 * @throws FnmeshError as FnServer does.
 */
export async function takeBack(
  { fnId, before, kept, earlier }: Origin,
  now: ObservedFn,
  server: FnServer,
): Promise<TakenBack> {
  if (before === undefined) {
    await server.deleteFn(fnId).catch(unlessGone);
    return 'removed';
  }
  if (kept !== null) {
    await level(now, before, server);
    await restoreTriggers(before.triggers, now, server);
    await server.deleteFn(kept.fn.id).catch(unlessGone);
    return 'restored';
  }
  if (earlier !== null) {
    await level(now, earlier, server);
    const trigger = firstTrigger(now.triggers);
    const annotations = diffNotes(trigger?.annotations, notesIn(earlier.fn.annotations));
    if (trigger && annotations) await server.updateTrigger(trigger.id, { annotations });
    await server.deleteFn(earlier.fn.id).catch(unlessGone);
    return 'restored';
  }
  // An earlier deploy made it and never saw it run. Without notes it may be somebody else's.
  const isOurs = before.notes?.unready === true && (before.notes.release?.number ?? 1) === 1;
  if (!isOurs) return 'left';
  await server.deleteFn(fnId).catch(unlessGone);
  return 'removed';
}

async function level(now: ObservedFn, to: Pick<ObservedFn, 'fn'>, server: FnServer): Promise<void> {
  const change = levelling(contentOf(now.fn), contentOf(to.fn));
  if (!isEmpty(change)) await server.updateFn(now.fn.id, change);
}

async function restoreTriggers(
  before: readonly Trigger[],
  { fn, triggers }: ObservedFn,
  server: FnServer,
): Promise<void> {
  const ids = new Set(before.map(({ id }) => id));
  for (const { id, annotations } of triggers) {
    const isOurs = annotations?.[NOTE_FUNCTION] !== undefined;
    if (isOurs && !ids.has(id)) await server.deleteTrigger(id).catch(unlessGone);
  }
  for (const { id, name, source, annotations } of before) {
    const there = triggers.find((trigger) => trigger.id === id);
    const notes = notesIn(annotations);
    if (there === undefined) {
      if (isEmpty(notes)) continue;
      await server.createTrigger({ app_id: fn.app_id, fn_id: fn.id, name, source, annotations: notes });
      continue;
    }
    const noted = diffNotes(there.annotations, notes);
    const change = { ...(there.source !== source && { source }), ...(noted && { annotations: noted }) };
    if (!isEmpty(change)) await server.updateTrigger(id, change);
  }
}

function notesIn(annotations: Annotations = {}): Annotations {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => key.startsWith('fnmesh/')));
}
