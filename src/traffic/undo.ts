// Takes traffic back to where it was.
import { FnmeshError } from '../errors.js';
import { affects, undoStack } from '../routing/history.js';
import { resolveFunctions } from '../routing/resolve.js';
import { versionsOf } from '../routing/versions.js';
import { formatPercent } from '../routing/weights.js';
import { checkRevision, planTraffic } from './plan.js';
import type { Change, RouteTable } from '../router/router.js';
import type { FunctionName, Split } from '../routing/route.js';
import type { UndoState } from '../routing/history.js';
import type { TrafficPlan } from './plan.js';

/** Which change to undo; without any of these, the app's newest one not yet undone. */
export type UndoOptions = {
  /** A function's name, or a glob of `*`. */
  function?: string | undefined;
  /** Goes to the state right after this change instead. */
  to?: number | undefined;
  /** The newest change of these functions that the user has seen. */
  ifRevision?: number | undefined;
};

/**
 * The newest change that an undo would take back; undefined when there is none.
 * @param fn Only changes of this function.
 */
export function newestChange(changes: readonly Change[], fn?: FunctionName): Change | undefined {
  const { stacks } = undoStack(changes);
  return newestTop(changes, stacks, fn === undefined ? [...stacks.keys()] : [fn]);
}

/**
 * The exact splits before the newest change that is not yet undone, for all functions it moved; or, with `to`, the
 * splits right after that change. Versions that were added since get 0.
 * @param changes The app's whole history, oldest first.
 * @throws FnmeshError `not_found` when there is nothing to undo or no such change; `conflict` when one of the
 *   functions has changed since, or a version that had weight is removed.
 */
export function planUndo(
  table: RouteTable,
  changes: readonly Change[],
  options: UndoOptions = {},
): TrafficPlan {
  const names = table.routes.map(({ route }) => route.function);
  const scope =
    options.function === undefined
      ? names
      : resolveFunctions(table.app, names, options.function, (fn) => `fnmesh undo ${fn}`);
  const plan =
    options.to === undefined
      ? planBack(table, changes, scope)
      : planTo(table, changes, scope, options.to, options.function);
  checkRevision(plan, options.ifRevision);
  return plan;
}

function planBack(
  table: RouteTable,
  changes: readonly Change[],
  scope: readonly FunctionName[],
): TrafficPlan {
  const { stacks } = undoStack(changes);
  const change = newestTop(changes, stacks, scope);
  if (!change) {
    throw new FnmeshError('not_found', `nothing to undo for ${scope.join(', ') || table.app}`, {
      try: 'fnmesh history',
    });
  }
  const splits = new Map<FunctionName, Split>();
  for (const { function: fn, before } of change.functions) {
    if (before === null || !affects(change, fn)) continue;
    checkNewest(changes, stacks, change, fn);
    splits.set(fn, restored(table, fn, before, `change ${change.number}`));
  }
  return planTraffic(table, { verb: 'undo', undoes: change.number }, splits);
}

/** Of the changes on top of these functions' stacks the newest: of several with one number the last. */
function newestTop(
  changes: readonly Change[],
  stacks: UndoState<Change>['stacks'],
  functions: readonly FunctionName[],
): Change | undefined {
  const tops = new Set(functions.map((fn) => stacks.get(fn)?.at(-1)));
  return changes.findLast((change) => tops.has(change));
}

function planTo(
  table: RouteTable,
  changes: readonly Change[],
  scope: readonly FunctionName[],
  to: number,
  asked: string | undefined,
): TrafficPlan {
  if (!changes.some(({ number }) => number === to)) {
    const kept =
      changes.length > 0 ? `they are ${changes[0]!.number} to ${changes.at(-1)!.number}` : 'there are none';
    throw new FnmeshError('not_found', `no change ${to} is known; ${kept}`, { try: 'fnmesh history' });
  }
  const splits = new Map<FunctionName, Split>();
  for (const fn of scope) {
    const last = changes.findLast(
      ({ number, functions }) => number <= to && functions.some((row) => row.function === fn),
    );
    const split = last?.functions.find((row) => row.function === fn)?.after;
    if (split) splits.set(fn, restored(table, fn, split, `the state after change ${to}`));
  }
  if (splits.size === 0) {
    const who = asked ?? `no function of ${table.app}`;
    const message = `${who} had ${asked === undefined ? 'a' : 'no'} route right after change ${to}`;
    throw new FnmeshError('not_found', message, { try: 'fnmesh history' });
  }
  return planTraffic(table, { verb: 'undo', to }, splits);
}

/** A change is only undone whole: not when one of its functions has gone on since. */
function checkNewest(
  changes: readonly Change[],
  stacks: UndoState<Change>['stacks'],
  change: Change,
  fn: FunctionName,
): void {
  if (stacks.get(fn)?.at(-1) === change) return;
  // Only a later change can have put something above it on the stack, or taken it away.
  const newer = changes.findLast((later) => later.number > change.number && affects(later, fn))!;
  const message = `change ${change.number} also moved ${fn}, which change ${newer.number} (${newer.verb} by ${newer.by}) changed since`;
  const way = newer.verb === 'shift' ? `fnmesh undo ${fn}` : 'fnmesh history';
  throw new FnmeshError('conflict', message, { try: way });
}

/** The function's present versions with the weights they had. */
function restored(table: RouteTable, fn: FunctionName, wanted: Split, from: string): Split {
  const present = table.routes.find(({ route }) => route.function === fn)?.route.split;
  if (!present) {
    throw new FnmeshError('conflict', `${fn} has no route any more`, { try: `fnmesh deploy ${fn}` });
  }
  const gone = versionsOf(wanted).find((version) => wanted[version]! > 0 && !Object.hasOwn(present, version));
  if (gone !== undefined) {
    const share = formatPercent(wanted[gone]!);
    throw new FnmeshError('conflict', `${from} gave ${fn}/${gone} ${share}, but ${fn}/${gone} is removed`, {
      try: `fnmesh deploy ${fn}/${gone}`,
    });
  }
  return Object.fromEntries(versionsOf(present).map((version) => [version, wanted[version] ?? 0]));
}
