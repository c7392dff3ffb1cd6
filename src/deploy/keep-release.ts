// What an fn is before it is changed stays on its server, so that the change can be undone from anywhere.
import { randomUUID } from 'node:crypto';
import type { FnServer } from '../fn/fn-server.js';
import type { Annotations, Fn } from '../fn/model.js';
import { NOTE_RELEASE } from '../fn/model.js';
import { versionAnnotations } from '../fn/notes.js';
import type { ObservedFn } from '../fn/observe.js';
import type { KeptRelease } from '../fn/releases.js';
import { contentOf, KEPT_RELEASES, levelling, releaseName } from '../fn/releases.js';
import { isEmpty } from './diff.js';
import { unlessGone } from '../fn/unless-gone.js';

/**
 * Keeps the fn as it is as release `number`, and removes the oldest of those that are more than three.
 * @param kept The releases of the fn that are kept already.
 * @param spared Numbers of those that stay whatever their age, two at most: an undo needs them until it is done.
 * @throws FnmeshError as FnServer does.
 */
export async function keepRelease(
  live: ObservedFn,
  number: number,
  kept: readonly KeptRelease[],
  server: FnServer,
  spared: readonly number[] = [],
): Promise<KeptRelease> {
  const { fn, notes } = live;
  const content = contentOf(fn);
  const same = kept.find((release) => release.number === number);
  const isSpared = ({ number }: KeptRelease): number => Number(spared.includes(number));
  const older = kept
    .filter((release) => release !== same)
    .sort((a, b) => isSpared(b) - isSpared(a) || b.number - a.number);
  const prune = async (): Promise<void> => {
    for (const release of older.slice(KEPT_RELEASES - 1))
      await server.deleteFn(release.fn.id).catch(unlessGone);
  };
  if (same !== undefined) {
    if (isEmpty(levelling(contentOf(same.fn), content))) {
      // A deploy was broken off right after it had made the copy.
      await prune();
      return same;
    }
    // Left by a deploy that was broken off; what is live counts.
    await server.deleteFn(same.fn.id).catch(unlessGone);
  }
  const annotations = { ...content.annotations, ...releaseNotes(live, number) };
  const spec = { ...content, annotations, app_id: fn.app_id, name: releaseName(fn.name, number) };
  const copy = await server.createFn(spec);
  await prune();
  return { fn: copy, of: fn.name, number, release: notes?.release ?? null };
}

/** The notes of a copy stand in itself, since it has no trigger. What nobody noted is a deploy of its own. */
function releaseNotes({ fn, notes }: { fn: Fn; notes: ObservedFn['notes'] }, number: number): Annotations {
  if (notes?.release?.number === number) return versionAnnotations(notes);
  const unknown = { number, deploy: randomUUID().slice(0, 8), at: fn.updated_at, by: 'unknown' };
  return { ...(notes && versionAnnotations(notes)), [NOTE_RELEASE]: unknown };
}
