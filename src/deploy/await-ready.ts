// Whether what was changed on a real Fn server answers: its data plane keeps what it had for some seconds, and only a
// call shows whether an image can be pulled and started there.
import { setTimeout as sleep } from 'node:timers/promises';
import { FnmeshError } from '../errors.js';
import { firstTrigger } from '../fn/first-trigger.js';
import { NOTE_BUILD } from '../fn/model.js';
import type { Observed, ObservedFn } from '../fn/observe.js';
import type { ReadyResult } from '../fn/ready.js';
import type { KeptRelease } from '../fn/releases.js';
import { contentOf, levelling } from '../fn/releases.js';
import { unlessGone } from '../fn/unless-gone.js';
import { parallel } from '../process/parallel.js';
import { diffNotes, isEmpty } from './diff.js';
import type { DeployPorts, Readiness } from './ports.js';
import type { VersionRow } from './result.js';
import { labelOf } from './result.js';
import { failed } from './prepare.js';

/** A version that this deploy made or changed. `at`: when, by performance.now(). */
export type Touched = {
  row: VersionRow;
  fnId: string;
  before: ObservedFn | undefined;
  kept: KeptRelease | null;
  at: number;
};

const JOBS = 16;

/**
 * Calls each version once. What cannot start is taken back: a new version goes, a changed one becomes what it was.
 * What only did not answer in time stays, is said, and gets no traffic by itself.
 * @returns Whether something was taken back, so that the server has to be read again.
 * @throws FnmeshError as FnServer does.
 */
export async function awaitReady(
  app: string,
  touched: readonly Touched[],
  after: Observed,
  readiness: Extract<Readiness, { when: 'after' }>,
  ports: Pick<DeployPorts, 'fn' | 'locate' | 'emit'>,
): Promise<boolean> {
  const changed = touched.filter(({ before }) => before !== undefined);
  const until = Math.max(0, ...changed.map(({ at }) => at + readiness.cacheMs));
  const wait = until - performance.now();
  if (wait > 0) {
    const text = `waiting ${(wait / 1000).toFixed(1)} s: the Fn server answers from what it had for up to ${readiness.cacheMs / 1000} s`;
    ports.emit({ type: 'note', text });
    await sleep(wait);
  }
  let takenBack = false;
  await parallel(JOBS, touched, async (each) => {
    const now = after.fns.find(({ fn }) => fn.id === each.fnId);
    const trigger = now && firstTrigger(now.triggers);
    if (now === undefined || trigger === undefined || each.row.cannotRun !== undefined) return;
    const endpoint = ports.locate(app, trigger) ?? each.row.address;
    if (endpoint === null) return;
    const result = await readiness.call(endpoint);
    if (result.ready) return;
    if (result.kind === 'pull' || result.kind === 'init') {
      takenBack = true;
      await takeBack(each, now, result, ports);
      return;
    }
    const { hash = '', cannotRun, as } = now.notes ?? {};
    const build = { hash, ...(cannotRun !== undefined && { cannotRun }), ...(as && { as }), unready: true };
    await ports.fn.updateTrigger(trigger.id, { annotations: { [NOTE_BUILD]: build } });
    now.notes = now.notes && { ...now.notes, unready: true };
    const label = labelOf(each.row);
    const message = `${label} is deployed and did not answer in time: ${result.why}`;
    failed(each.row, new FnmeshError('not_ready', message, { try: result.try ?? `fnmesh deploy ${label}` }));
  });
  return takenBack;
}

async function takeBack(
  { row, fnId, before, kept }: Touched,
  now: ObservedFn,
  { why, try: next }: Extract<ReadyResult, { ready: false }>,
  { fn: server }: Pick<DeployPorts, 'fn'>,
): Promise<void> {
  const label = labelOf(row);
  const way = next === undefined ? {} : { try: next };
  if (before === undefined) {
    await server.deleteFn(fnId).catch(unlessGone);
    failed(row, new FnmeshError('failed', `${label} does not start and was removed again: ${why}`, way));
    return;
  }
  const change = levelling(contentOf(now.fn), contentOf(before.fn));
  if (!isEmpty(change)) await server.updateFn(fnId, change);
  for (const trigger of before.triggers) {
    const there = now.triggers.find(({ id }) => id === trigger.id);
    const noted = Object.entries(trigger.annotations ?? {}).filter(([key]) => key.startsWith('fnmesh/'));
    const annotations = there && diffNotes(there.annotations, Object.fromEntries(noted));
    if (annotations) await server.updateTrigger(trigger.id, { annotations });
  }
  if (kept !== null) await server.deleteFn(kept.fn.id).catch(unlessGone);
  failed(row, new FnmeshError('failed', `${label} does not start and is again what it was: ${why}`, way));
}
