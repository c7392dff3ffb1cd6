// A change of several objects, all or none: with a journal on the cluster, by which it is settled if it is broken off.
import type { Cluster } from '../kubernetes/cluster.js';
import { journalIds, leftJournal, lostJournal, openJournal, removeJournal } from '../kubernetes/journal.js';
import type { FoundJournal, Journal, JournalTimes, OpenJournal } from '../kubernetes/journal.js';
import { KINDS } from '../kubernetes/object.js';
import type { Kind, KubeObject } from '../kubernetes/object.js';
import { annotated, changeOf, entriesOf, goesBy, RECORD, removedOf } from '../kubernetes/route-record.js';
import type { AppName } from '../routing/route.js';
import { carryOut, mark, repeated, typed } from './kubernetes-write.js';
import type { Act } from './kubernetes-write.js';
import type { Edit, EditPlan } from './kubernetes-edits.js';

/** How many requests are under way at a time. */
const JOBS = 8;

/**
 * Carries out a change of several objects. Gives what the objects then are, in the order of the edits.
 * @throws FnmeshError what made an edit fail; then all is as before, or the journal stays for the next change.
 */
export async function carryOutAll(
  cluster: Cluster,
  { id, edits }: EditPlan,
  about: Pick<Journal, 'app' | 'by' | 'at'>,
  times?: JournalTimes,
): Promise<(KubeObject | null)[]> {
  const { namespace } = edits[0]!;
  const journal: Journal = {
    ...about,
    id,
    edits: edits.map(({ kind, name, before, desired }) => {
      return { kind: kind.kind, name, before: before && stripped(before), goes: desired === null };
    }),
  };
  const open = await openJournal(cluster, namespace, journal, times);
  const written = new Map<Edit, KubeObject | null>();
  try {
    const work = async (edit: Edit): Promise<void> => {
      if (edit.desired === null) await mark(cluster, edit, id);
      else written.set(edit, await carryOut(cluster, edit, id));
    };
    // The first alone: of those who change the same functions at once, it decides who goes on.
    await inParallel(edits.slice(0, 1), open, work);
    await inParallel(edits.slice(1), open, work);
  } catch (error) {
    await putBack(cluster, namespace, journal, open).catch(() => {
      // Whoever meets one of the objects next finds the journal.
    });
    open.leave();
    throw error;
  }
  try {
    const going = edits.filter(({ desired }) => desired === null);
    await inParallel(going, open, async (edit) => void written.set(edit, await carryOut(cluster, edit, id)));
  } finally {
    open.leave();
  }
  // All is done; a journal that stays says so to whoever finds it.
  await open.close().catch(() => undefined);
  return edits.map((edit) => written.get(edit) ?? null);
}

/** All are begun even when one fails early: those that follow only see the failure when nothing is under way any more. */
async function inParallel(
  edits: readonly Edit[],
  open: OpenJournal,
  work: (edit: Edit) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < edits.length && failures.length === 0) {
      const edit = edits[next++]!;
      try {
        open.assertHeld();
        await work(edit);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(JOBS, edits.length) }, lane));
  if (failures.length > 0) throw failures[0];
}

/**
 * Settles a change that somebody broke off: completes it when only its end was missing, else puts everything back.
 * Waits while who makes it is still at it. Does nothing when there is no journal.
 * @throws FnmeshError as Cluster does, and `conflict` when somebody has been at it for ten minutes.
 */
export async function settle(
  cluster: Cluster,
  namespace: string,
  id: string,
  times?: JournalTimes,
): Promise<void> {
  const found: FoundJournal | null = await leftJournal(cluster, namespace, id, times);
  if (found === null) return;
  if (found.journal !== null) {
    const { journal } = found;
    const live = await liveObjects(cluster, namespace, journal);
    if (journal.edits.every((edit) => isWritten(edit, live, id))) {
      for (const { goes, kind, name, before } of journal.edits) {
        const object = live.get(`${kind} ${name}`);
        if (!goes || object === undefined || goesBy(object) !== id) continue;
        const edit: Edit = {
          function: name,
          kind: kindNamed(kind),
          namespace,
          name,
          before: object,
          desired: null,
        };
        if (before !== null) await carryOut(cluster, edit, id);
      }
    } else {
      await putBackObjects(cluster, namespace, journal, live);
    }
  }
  await removeJournal(cluster, namespace, id, found.parts);
}

/**
 * Takes away the journals of changes whose every object is as it should be: who made them was ended just before that.
 * What is held, or half done, stays for the next change that meets it.
 * @throws FnmeshError as Cluster does.
 */
export async function tidyJournals(cluster: Cluster, namespace: string, app: AppName): Promise<void> {
  for (const id of await journalIds(cluster, namespace, app)) {
    const found = await lostJournal(cluster, namespace, id);
    if (found === null || (found.journal !== null && !(await isDone(cluster, namespace, found.journal))))
      continue;
    await removeJournal(cluster, namespace, id, found.parts);
  }
}

async function isDone(cluster: Cluster, namespace: string, journal: Journal): Promise<boolean> {
  const live = await liveObjects(cluster, namespace, journal);
  return journal.edits.every((edit) => {
    const isThere = live.has(`${edit.kind} ${edit.name}`);
    return isWritten(edit, live, journal.id) && !(edit.goes && isThere);
  });
}

async function putBack(
  cluster: Cluster,
  namespace: string,
  journal: Journal,
  open: OpenJournal,
): Promise<void> {
  await putBackObjects(cluster, namespace, journal, await liveObjects(cluster, namespace, journal));
  await open.close();
}

async function putBackObjects(
  cluster: Cluster,
  namespace: string,
  journal: Journal,
  live: ReadonlyMap<string, KubeObject>,
): Promise<void> {
  for (const { kind, name, before, goes } of journal.edits) {
    const there = live.get(`${kind} ${name}`) ?? null;
    const isOurs = (now: KubeObject | null): now is KubeObject =>
      now !== null && (goes ? goesBy(now) : changeOf(now)) === journal.id;
    const edit: Edit = {
      function: name,
      kind: kindNamed(kind),
      namespace,
      name,
      before: there,
      desired: before,
    };
    const act: Act = async (current) => {
      // What somebody changed since then is theirs.
      if (!isOurs(current)) return current;
      if (before !== null)
        return cluster.replace(
          goes ? annotated(current, { [RECORD.goes]: null }) : restored(current, before),
        );
      const { uid, resourceVersion } = current.metadata;
      await cluster.remove(edit.kind, namespace, name, { uid: uid!, resourceVersion: resourceVersion! });
      return null;
    };
    await repeated(cluster, edit, act, (now) => !isOurs(now));
  }
}

async function liveObjects(
  cluster: Cluster,
  namespace: string,
  { edits }: Journal,
): Promise<Map<string, KubeObject>> {
  const found = new Map<string, KubeObject>();
  for (const kind of new Set(edits.map((edit) => edit.kind))) {
    const objects = await cluster.list(kindNamed(kind), { namespace });
    for (const object of objects)
      found.set(`${kind} ${object.metadata.name}`, { ...typed(kindNamed(kind), object) });
  }
  return found;
}

/** Written by the change: it is the newest one, or others came after it. */
function isWritten(
  { kind, name, goes }: Journal['edits'][number],
  live: ReadonlyMap<string, KubeObject>,
  id: string,
): boolean {
  const object = live.get(`${kind} ${name}`);
  if (object === undefined) return goes || isNoted(live, id);
  if (goes) return goesBy(object) === id;
  return changeOf(object) === id || entriesOf(object).some((entry) => entry.id === id);
}

/** Whether a change is in the history of something that was removed since. */
function isNoted(live: ReadonlyMap<string, KubeObject>, id: string): boolean {
  return [...live.values()].some((object) =>
    removedOf(object).some(({ entries }) => entries.some((entry) => entry.id === id)),
  );
}

function kindNamed(name: string): Kind {
  return name === KINDS.VirtualService.kind ? KINDS.VirtualService : KINDS.HTTPRoute;
}

/** The live object as it was before, apart from what is not fnmesh's in its labels and annotations. */
function restored(live: KubeObject, before: KubeObject): KubeObject {
  const ours = (key: string) => key.startsWith('fnmesh/') && key !== RECORD.removed;
  const foreign = Object.entries(live.metadata.annotations ?? {}).filter(([key]) => !ours(key));
  const own = Object.entries(before.metadata.annotations ?? {}).filter(([key]) => ours(key));
  return {
    ...live,
    metadata: {
      ...live.metadata,
      labels: { ...live.metadata.labels, ...before.metadata.labels },
      annotations: Object.fromEntries([...foreign, ...own]),
    },
    spec: before.spec,
  };
}

/** What of an object is worth keeping in a journal. */
function stripped({ apiVersion, kind, metadata, spec }: KubeObject): KubeObject {
  const { name, namespace, labels = {}, annotations = {} } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { name, ...(namespace !== undefined && { namespace }), labels, annotations },
    spec,
  };
}
