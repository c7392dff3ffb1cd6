// Whether what was changed on a real Fn server answers: its data plane keeps what it had for some seconds, and only a
// call shows whether an image can be pulled and started there.
import { setTimeout as sleep } from 'node:timers/promises';
import { FnmeshError } from '../errors.js';
import { firstTrigger } from '../fn/first-trigger.js';
import { NOTE_BUILD } from '../fn/model.js';
import { type VersionNotes, versionAnnotations } from '../fn/notes.js';
import type { Observed } from '../fn/observe.js';
import type { ReadyResult } from '../fn/ready.js';
import { parallel } from '../process/parallel.js';
import type { DeployPorts, Readiness } from './ports.js';
import { failed } from './prepare.js';
import type { VersionRow } from './result.js';
import { labelOf } from './result.js';
import { type Origin, type TakenBack, takeBack } from './take-back.js';

/** A version that this deploy made, changed, or found half done. `at`: when, by performance.now(). */
export type Touched = Origin & { row: VersionRow; at: number };

type Unready = Extract<ReadyResult, { ready: false }>;
type Ports = Pick<DeployPorts, 'fn' | 'locate' | 'emit'>;

const JOBS = 16;

/**
 * Calls each version once. What cannot start is taken back: a new version goes, a changed one becomes what it was.
 * What only did not answer in time stays, is said, and gets no traffic by itself. What goes wrong with one of them
 * is its row's error; it keeps its note of not having answered, by which the next deploy asks again.
 * @returns The ids of the fns that were taken back, so that the server has to be read again.
 */
export async function awaitReady(
  app: string,
  touched: readonly Touched[],
  after: Observed,
  readiness: Extract<Readiness, { when: 'after' }>,
  ports: Ports,
): Promise<Set<string>> {
  const changed = touched.filter(({ before }) => before !== undefined);
  const until = Math.max(0, ...changed.map(({ at }) => at + readiness.cacheMs));
  const wait = until - performance.now();
  if (wait > 0) {
    const text = `waiting ${(wait / 1000).toFixed(1)} s: the Fn server answers from what it had for up to ${readiness.cacheMs / 1000} s`;
    ports.emit({ type: 'note', text });
    await sleep(wait);
  }
  const takenBack = new Set<string>();
  await parallel(JOBS, touched, async (each) => {
    try {
      if ((await ask(app, each, after, readiness, ports)) === 'taken back') takenBack.add(each.fnId);
    } catch (error) {
      failed(each.row, error);
    }
  });
  return takenBack;
}

async function ask(
  app: string,
  each: Touched,
  after: Observed,
  readiness: Extract<Readiness, { when: 'after' }>,
  ports: Ports,
): Promise<'taken back' | undefined> {
  const now = after.fns.find(({ fn }) => fn.id === each.fnId);
  const trigger = now && firstTrigger(now.triggers);
  if (now?.notes == null || trigger === undefined || each.row.cannotRun !== undefined) return undefined;
  const endpoint = ports.locate(app, trigger) ?? each.row.address;
  if (endpoint === null) return undefined;
  const result = await answerOf(each, endpoint, readiness);
  if (!result.ready && (result.kind === 'pull' || result.kind === 'init')) {
    const what = await takeBack(each, now, ports.fn);
    failed(each.row, doesNotStart(each.row, what, result));
    if (what === 'left') return undefined;
    each.row.release = what === 'restored' ? releaseOf(each) : null;
    return 'taken back';
  }
  const { unready = false, ...notes } = now.notes;
  if (result.ready === unready) {
    const noted: VersionNotes = result.ready ? notes : { ...notes, unready: true };
    const annotations = { [NOTE_BUILD]: versionAnnotations(noted)[NOTE_BUILD] ?? '' };
    await ports.fn.updateTrigger(trigger.id, { annotations });
    now.notes = noted;
  }
  if (!result.ready) failed(each.row, notInTime(each.row, result));
  return undefined;
}

/**
 * The answer of a version's own. Where a new one does not start it may be the answer of another that was removed from
 * its place a moment ago, which the server still has: then it is asked again once that is forgotten.
 */
async function answerOf(
  { before, at }: Touched,
  endpoint: string,
  readiness: Extract<Readiness, { when: 'after' }>,
): Promise<ReadyResult> {
  const result = await readiness.call(endpoint);
  if (result.ready || before !== undefined) return result;
  if (result.kind !== 'pull' && result.kind !== 'init') return result;
  const wait = at + readiness.cacheMs - performance.now();
  if (wait <= 0) return result;
  await sleep(wait);
  return readiness.call(endpoint);
}

/** The release that a version is again. */
function releaseOf({ before, kept, earlier }: Origin): number | null {
  return (kept === null ? earlier?.number : before?.notes?.release?.number) ?? null;
}

function notInTime(row: VersionRow, { why, try: next }: Unready): FnmeshError {
  const label = labelOf(row);
  const way = { try: next ?? `fnmesh deploy ${label}` };
  return new FnmeshError('not_ready', `${label} is deployed and did not answer in time: ${why}`, way);
}

function doesNotStart(row: VersionRow, what: TakenBack, { why, try: next }: Unready): FnmeshError {
  const outcome = {
    removed: 'does not start and was removed again',
    restored: 'does not start and is again what it was',
    left: 'does not start, and what it was before is not known',
  }[what];
  const way = next === undefined ? {} : { try: next };
  return new FnmeshError('failed', `${labelOf(row)} ${outcome}: ${why}`, way);
}
