// Takes a deploy back: what the versions were before it was kept on their Fn server.
import { randomUUID } from 'node:crypto';
import { FnmeshError } from '../errors.js';
import type { Annotations, FnChange } from '../fn/model.js';
import { observe } from '../fn/observe.js';
import type { Observed, ObservedFn } from '../fn/observe.js';
import { versionAnnotations } from '../fn/notes.js';
import { type DeployStamp, isUnnoted, type Release } from '../fn/releases.js';
import { firstTrigger } from '../fn/first-trigger.js';
import { parallel } from '../process/parallel.js';
import { checkStill, warm } from './apply.js';
import { awaitReady, type Touched } from './await-ready.js';
import { lineages } from './deploys.js';
import { diffNotes, isEmpty } from './diff.js';
import { keepRelease } from './keep-release.js';
import { withDeployLock } from './lock.js';
import { releaseNumbers } from './plan.js';
import { planUndoDeploy, type UndoDeployPlan, type UndoneVersion } from './plan-undo.js';
import type { LivePorts } from './ports.js';
import { emptyRow, failed } from './prepare.js';
import type { RowError } from './result.js';

/** What became of one version. `release`: the number of its new release; null when it failed. */
type UndoneRow = Omit<UndoneVersion, 'body' | 'notes'> & { release: number | null; error?: RowError };

/** What an undo of a deploy did. */
export type UndoDeployResult = {
  app: string;
  undoes: string;
  versions: UndoneRow[];
  failed: number;
  /** How long the server may go on answering as before, in milliseconds; 0: no longer. */
  cacheMs: number;
};

const JOBS = 8;

/**
 * Carries a plan out; a version that fails stays as it is and does not stop the others.
 * @throws FnmeshError `conflict` when something was deployed since the plan.
 */
export async function undoDeploy(
  plan: UndoDeployPlan,
  by: string,
  message: string | undefined,
  ports: LivePorts,
): Promise<UndoDeployResult> {
  const { app: name, undoes } = plan;
  const app = await ports.fn.app(name);
  if (app === undefined)
    throw new FnmeshError('conflict', `the app ${name} is gone`, { try: 'fnmesh status' });
  const rows: UndoneRow[] = [];
  await withDeployLock(app, ports.fn, by, ports.emit, async (assertHeld, fn) => {
    const held = { ...ports, fn };
    const deploy = randomUUID().slice(0, 8);
    const at = new Date().toISOString();
    const stamp: DeployStamp = { deploy, at, by, undoes, ...(message && { message }) };
    const observed = await observe(fn, name);
    const table = await ports.router.read(name);
    const now = planUndoDeploy(name, observed, table, undoes);
    const touched: Touched[] = [];
    await parallel(JOBS, now.versions, async (version) => {
      const live = observed.fns.find(({ fn }) => fn.name === version.fn) as ObservedFn;
      const row = emptyRow({ ...version, fn: version.fn }, table);
      try {
        assertHeld();
        const kept = observed.releases.filter(({ of }) => of === version.fn);
        // An undo that was broken off had changed it already: then only the note is missing.
        const isDone = isEmpty(version.body) && isUnnoted(live.fn, live.notes?.release?.number, kept);
        const numbers = releaseNumbers(live, kept, !isDone);
        await warm(version, live.fn.id, held, version.body);
        const spared = sparedFor(version, observed);
        const copy = isDone ? null : await keepRelease(live, numbers.live, kept, fn, spared);
        await checkStill(live, app, held);
        // Whose commit comes back is what later deploys must not be older than.
        const commit = version.notes.release?.commit;
        const release = { ...stamp, number: numbers.next, restores: version.to, ...(commit && { commit }) };
        await put(live, version.body, notesOf(version, release, live, held), held);
        const earlier = kept.find(({ number }) => number === numbers.live - 1) ?? null;
        const at = performance.now();
        touched.push({ row, fnId: live.fn.id, before: live, kept: copy, earlier, at });
        row.release = numbers.next;
      } catch (error) {
        failed(row, error);
      }
      rows.push(rowOf(version, row));
    });
    if (ports.readiness.when !== 'after') return;
    await awaitReady(name, touched, await observe(fn, name), ports.readiness, held);
    for (const { row } of touched) {
      const shown = rows.find(({ fn }) => fn === row.fn);
      if (shown !== undefined && row.error !== undefined)
        Object.assign(shown, { error: row.error, release: null });
    }
  });
  rows.sort(
    (a, b) =>
      plan.versions.findIndex(({ fn }) => fn === a.fn) - plan.versions.findIndex(({ fn }) => fn === b.fn),
  );
  const cacheMs = ports.readiness.when === 'before' ? 0 : ports.readiness.cacheMs;
  return { app: name, undoes, versions: rows, failed: rows.filter(({ error }) => error).length, cacheMs };
}

/** The copies that tell what an undo does, and from what: without them it could not be done again. */
function sparedFor({ fn, to, notes }: UndoneVersion, observed: Observed): number[] {
  const stack = lineages(observed).find(({ live }) => live.fn.name === fn)?.stack ?? [];
  return [notes.release?.number ?? to, ...stack.slice(-1)];
}

/** What is noted of a version: until it has answered a call it counts as unready, as after a deploy. */
function notesOf(
  { notes: { unready: _, ...notes } }: UndoneVersion,
  release: Release,
  live: ObservedFn,
  { readiness }: LivePorts,
): Annotations {
  const isAsked = readiness.when === 'after' && notes.cannotRun === undefined && live.triggers.length > 0;
  return versionAnnotations({ ...notes, release, ...(isAsked && { unready: true }) });
}

/** Notes stand in the first trigger; without one they go with the change. */
async function put(
  { fn, triggers }: ObservedFn,
  body: FnChange,
  notes: Annotations,
  { fn: server }: LivePorts,
): Promise<void> {
  const trigger = firstTrigger(triggers);
  const noted = diffNotes(trigger?.annotations ?? fn.annotations, notes) ?? {};
  if (trigger === undefined) {
    await server.updateFn(fn.id, { ...body, annotations: { ...body.annotations, ...noted } });
    return;
  }
  if (!isEmpty(body)) await server.updateFn(fn.id, body);
  if (!isEmpty(noted)) await server.updateTrigger(trigger.id, { annotations: noted });
}

function rowOf(
  { body: _, notes: __, ...version }: UndoneVersion,
  row: { release: number | null; error?: RowError },
): UndoneRow {
  return { ...version, release: row.release, ...(row.error && { error: row.error }) };
}
