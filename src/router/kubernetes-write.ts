// Writes one route object as an edit says, whatever else happens to it meanwhile.
import { FnmeshError } from '../errors.js';
import type { Cluster } from '../kubernetes/cluster.js';
import { kindOf } from '../kubernetes/object.js';
import type { Kind, KubeObject } from '../kubernetes/object.js';
import { isOwn, refuseForeign, refuseManaged } from '../kubernetes/owner.js';
import { withoutRoute } from '../kubernetes/render/merge-route.js';
import { annotated, changeOf, entriesOf, goesBy, RECORD } from '../kubernetes/route-record.js';
import { isSameToUs, withEdit } from './kubernetes-edits.js';
import type { Edit } from './kubernetes-edits.js';

/** How often a write is tried again because somebody else changed what is not fnmesh's. */
const ATTEMPTS = 6;
/** One try, on what the object is now. */
export type Act = (current: KubeObject | null) => Promise<KubeObject | null>;

/**
 * Writes or removes one object as the edit says. What somebody else changed meanwhile stays, if it is not fnmesh's.
 * An answer that was lost is no failure where the object shows that the request arrived. Gives what the object then is.
 * @throws FnmeshError `conflict` when fnmesh's part was changed meanwhile, or the name is somebody else's.
 */
export async function carryOut(cluster: Cluster, edit: Edit, id: string): Promise<KubeObject | null> {
  const { kind, namespace, name } = edit;
  const act: Act = async (current) => {
    if (edit.desired !== null) {
      const object = withEdit(edit, current);
      return current === null ? cluster.create(object) : cluster.replace(object);
    }
    if (current === null) return null;
    const rest = withoutRoute(current);
    if (rest !== null) return cluster.replace(rest);
    const { uid, resourceVersion } = current.metadata;
    await cluster.remove(kind, namespace, name, {
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    });
    return null;
  };
  const isDone = (now: KubeObject | null): boolean =>
    edit.desired === null ? now === null || !isOwn(now) : now !== null && changeOf(now) === id;
  return repeated(cluster, edit, act, isDone);
}

/** Marks an object that goes together with others, so that who meets it looks for the journal. */
export async function mark(cluster: Cluster, edit: Edit, id: string): Promise<void> {
  const act: Act = (current) => {
    if (current === null) throw changedMeanwhile(edit, null);
    return cluster.replace(annotated(current, { [RECORD.goes]: id }));
  };
  edit.before = await repeated(cluster, edit, act, (now) => now !== null && goesBy(now) === id);
}

/** Writes into an object that stays what became of those that go. */
export async function writeNote(cluster: Cluster, note: Edit): Promise<KubeObject | null> {
  const text = note.desired!.metadata.annotations![RECORD.removed]!;
  const act: Act = (current) => cluster.replace(annotated(current!, { [RECORD.removed]: text }));
  const isDone = (now: KubeObject | null) => now?.metadata.annotations?.[RECORD.removed] === text;
  return repeated(cluster, note, act, isDone);
}

/**
 * Does something to an object, again where only what is not fnmesh's changed meanwhile.
 * @param isDone Whether the object shows that a request arrived whose answer was lost.
 */
export async function repeated(
  cluster: Cluster,
  edit: Edit,
  act: Act,
  isDone: (now: KubeObject | null) => boolean,
): Promise<KubeObject | null> {
  let current = edit.before;
  for (let attempt = 1; ; attempt++) {
    try {
      return await act(current);
    } catch (error) {
      if (!(error instanceof FnmeshError)) throw error;
      const now = await cluster.get(edit.kind, edit.namespace, edit.name).catch(() => {
        throw error;
      });
      if (isDone(now)) return now;
      if (error.code !== 'conflict' || attempt === ATTEMPTS) throw error;
      if (now !== null && edit.before === null) refuseForeign(now);
      if (now === null || edit.before === null || !isSameToUs(edit.before, now))
        throw changedMeanwhile(edit, now);
      refuseManaged([now]);
      current = now;
    }
  }
}

function changedMeanwhile({ function: fn }: Edit, now: KubeObject | null): FnmeshError {
  const by = now === null ? undefined : entriesOf(now).at(-1);
  const how =
    now === null
      ? 'it has no route any more'
      : by === undefined
        ? 'it has a route now'
        : `change ${by.number} (${by.verb} by ${by.by}) is its newest`;
  return new FnmeshError('conflict', `${fn} was changed meanwhile: ${how}`, { try: `fnmesh history ${fn}` });
}

/** Items of a list may leave out what the list says for all of them. */
export function typed(kind: Kind, object: KubeObject): KubeObject {
  return kindOf(object) === null
    ? { ...object, apiVersion: `${kind.group}/${kind.version}`, kind: kind.kind }
    : object;
}
