// The journal of a change of several objects: written to the cluster before the first of them, so that whoever finds
// the change broken off can complete it or put everything back. A ConfigMap, or several for a long one.
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { FnmeshError } from '../errors.js';
import { machine } from '../process/machine.js';
import type { AppName } from '../routing/route.js';
import type { Cluster } from './cluster.js';
import { appLabels } from './names.js';
import { KINDS } from './object.js';
import type { KubeObject } from './object.js';

/** One object of a change. `before` null: there was none. `goes`: it is removed, once all others are written. */
type JournalEdit = { kind: string; name: string; before: KubeObject | null; goes: boolean };

/** A change of several objects. `id` is the change's own. */
export type Journal = { id: string; app: AppName; by: string; at: string; edits: JournalEdit[] };

/** How long things take, in milliseconds. */
export type JournalTimes = { renewMs: number; leaseMs: number; pollMs: number; waitMs: number };

/** A holder that has not renewed for the lease is gone; who could not renew stops a little earlier. */
const JOURNAL_TIMES: JournalTimes = { renewMs: 10_000, leaseMs: 35_000, pollMs: 500, waitMs: 600_000 };
/** The part of the lease after which its holder writes nothing more. */
const HELD_PART = 0.85;
/** A ConfigMap holds 1 MiB (Kubernetes, MaxSecretSize); in bytes, with room for its metadata. */
const CHUNK_BYTES = 900_000;

const JOURNAL_LABEL = 'fnmesh/journal';
const HOLDER = 'fnmesh/holder';
const PARTS = 'fnmesh/parts';
const CONTENT = 'journal.json.gz';

type Holder = { host: string; pid: number; by: string; at: string; turn: number };

/** Journals that this process holds. */
const own = new Set<string>();

/** A journal that is there, and is renewed until it is closed. */
export type OpenJournal = {
  /** @throws FnmeshError `conflict` once others may have taken over. */
  assertHeld(): void;
  /** Takes it away: the change is done, or put back. */
  close(): Promise<void>;
  /** Leaves it for whoever finds it. */
  leave(): void;
};

/** Writes a journal. @throws FnmeshError as Cluster does; then there may be a part of it, which says that nothing was done. */
export async function openJournal(
  cluster: Cluster,
  namespace: string,
  journal: Journal,
  times = JOURNAL_TIMES,
): Promise<OpenJournal> {
  const bytes = await promisify(gzip)(JSON.stringify(journal));
  const parts = Math.ceil(bytes.length / CHUNK_BYTES);
  const holder: Holder = {
    host: machine(),
    pid: process.pid,
    by: journal.by.slice(0, 120),
    at: journal.at,
    turn: 0,
  };
  own.add(journal.id);
  let head: KubeObject;
  try {
    head = await made(cluster, part(namespace, journal, bytes, 0, holder, parts));
    for (let index = 1; index < parts; index++)
      await made(cluster, part(namespace, journal, bytes, index, holder, parts));
  } catch (error) {
    own.delete(journal.id);
    throw error;
  }
  let renewedAt = Date.now();
  let lost = false;
  const renewal = async (): Promise<void> => {
    holder.turn += 1;
    const at = Date.now();
    const annotations = { ...head.metadata.annotations, [HOLDER]: JSON.stringify(holder) };
    try {
      head = await cluster.replace({ ...head, metadata: { ...head.metadata, annotations } });
      renewedAt = at;
    } catch (error) {
      if (!(error instanceof FnmeshError) || error.code !== 'conflict') return;
      // Either it is gone, or an answer was lost and the next renewal goes from what is there.
      const now = await cluster.get(KINDS.ConfigMap, namespace, partName(journal.id, 0));
      if (now === null) lost = true;
      else head = now;
    }
  };
  const renew = setInterval(() => void renewal().catch(() => undefined), times.renewMs);
  renew.unref();
  const leave = (): void => {
    clearInterval(renew);
    own.delete(journal.id);
  };
  return {
    assertHeld() {
      if (!lost && Date.now() - renewedAt < times.leaseMs * HELD_PART) return;
      const why = `the cluster was out of reach for so long that others may have put back the change to app ${journal.app}`;
      throw new FnmeshError('conflict', why, { try: 'fnmesh status' });
    },
    async close() {
      clearInterval(renew);
      try {
        await removeJournal(cluster, namespace, journal.id, parts);
      } finally {
        leave();
      }
    },
    leave,
  };
}

/** Its name is random: one that is there already was made by a request whose answer got lost. */
async function made(cluster: Cluster, object: KubeObject): Promise<KubeObject> {
  try {
    return await cluster.create(object);
  } catch (error) {
    if (!(error instanceof FnmeshError) || error.code !== 'conflict') throw error;
    const { namespace = null, name } = object.metadata;
    const there = await cluster.get(KINDS.ConfigMap, namespace, name);
    if (there === null) throw error;
    return there;
  }
}

function part(
  namespace: string,
  { id, app }: Journal,
  bytes: Buffer,
  index: number,
  holder: Holder,
  parts: number,
): KubeObject {
  const chunk = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
  const annotations = { [HOLDER]: JSON.stringify(holder), [PARTS]: String(parts) };
  return {
    apiVersion: 'v1',
    kind: KINDS.ConfigMap.kind,
    metadata: {
      name: partName(id, index),
      namespace,
      labels: { ...appLabels(app), [JOURNAL_LABEL]: id },
      ...(index === 0 && { annotations }),
    },
    binaryData: { [CONTENT]: chunk.toString('base64') },
  };
}

function partName(id: string, index: number): string {
  return `fnmesh-journal-${id}${index === 0 ? '' : `-${index + 1}`}`;
}

/** What is found of a journal; `journal` null: it was not written whole, so nothing else was. */
export type FoundJournal = { id: string; journal: Journal | null; parts: number };

/**
 * Waits for whoever holds the journal. Gives it once they are gone; null when it is not there, or no more.
 * @throws FnmeshError `conflict` when they go on for ten minutes.
 */
export async function leftJournal(
  cluster: Cluster,
  namespace: string,
  id: string,
  times = JOURNAL_TIMES,
): Promise<FoundJournal | null> {
  const started = performance.now();
  let seen = { turn: -1, since: started };
  for (;;) {
    const head = await cluster.get(KINDS.ConfigMap, namespace, partName(id, 0));
    if (head === null) return null;
    const holder = holderOf(head);
    const now = performance.now();
    if (holder !== null && holder.turn !== seen.turn) seen = { turn: holder.turn, since: now };
    if (holder === null || isGone(id, holder) || now - seen.since > times.leaseMs) {
      return read(cluster, namespace, id, head);
    }
    if (now - started > times.waitMs) {
      const since = `${holder.by} has been changing several routes since ${holder.at}`;
      const way = `kubectl delete configmap -n ${namespace} ${partName(id, 0)} (if nobody does any more)`;
      throw new FnmeshError('conflict', since, { try: way });
    }
    await sleep(times.pollMs);
  }
}

/** The journal, where it is certain at once that nobody holds it any more; else null. Waits for nobody. */
export async function lostJournal(
  cluster: Cluster,
  namespace: string,
  id: string,
): Promise<FoundJournal | null> {
  const head = await cluster.get(KINDS.ConfigMap, namespace, partName(id, 0));
  const holder = head === null ? null : holderOf(head);
  if (head === null || (holder !== null && !isGone(id, holder))) return null;
  return read(cluster, namespace, id, head);
}

async function read(
  cluster: Cluster,
  namespace: string,
  id: string,
  head: KubeObject,
): Promise<FoundJournal> {
  const parts = Number(head.metadata.annotations?.[PARTS] ?? 1);
  const chunks = [head];
  for (let index = 1; index < parts; index++) {
    const chunk = await cluster.get(KINDS.ConfigMap, namespace, partName(id, index));
    if (chunk === null) return { id, journal: null, parts };
    chunks.push(chunk);
  }
  const bytes = chunks.map((chunk) =>
    Buffer.from((chunk.binaryData as Record<string, string> | undefined)?.[CONTENT] ?? '', 'base64'),
  );
  try {
    const text = (await promisify(gunzip)(Buffer.concat(bytes))).toString();
    return { id, journal: JSON.parse(text) as Journal, parts };
  } catch (error) {
    const name = `ConfigMap ${namespace}/${partName(id, 0)}`;
    throw new FnmeshError('conflict', `${name}: the journal of a change that was broken off cannot be read`, {
      try: `kubectl delete configmap -n ${namespace} ${partName(id, 0)}, then fnmesh status`,
      cause: error,
    });
  }
}

/** Takes a journal away, its first part last: until then it is found. */
export async function removeJournal(
  cluster: Cluster,
  namespace: string,
  id: string,
  parts: number,
): Promise<void> {
  for (let index = parts - 1; index >= 0; index--)
    await cluster.remove(KINDS.ConfigMap, namespace, partName(id, index));
}

/** The ids of the journals that there are of an app. */
export async function journalIds(cluster: Cluster, namespace: string, app: AppName): Promise<string[]> {
  const maps = await cluster.list(KINDS.ConfigMap, { namespace, labels: appLabels(app) });
  const ids = maps.flatMap(({ metadata }) => metadata.labels?.[JOURNAL_LABEL] ?? []);
  return [...new Set(ids)];
}

function holderOf({ metadata }: KubeObject): Holder | null {
  try {
    return JSON.parse(metadata.annotations?.[HOLDER] ?? 'null') as Holder | null;
  } catch {
    return null;
  }
}

/** Whether the holder was a process of this machine that has ended, or this one, which holds it no more. */
function isGone(id: string, { host, pid }: Holder): boolean {
  if (host !== machine()) return false;
  if (pid === process.pid) return !own.has(id);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
