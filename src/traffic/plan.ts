// What shift and undo plan: the rows to show and the writes that make them so. Plain JSON.
import { FnmeshError } from '../errors.js';
import { versionsOf } from '../routing/versions.js';
import { formatSplit } from '../routing/weights.js';
import type { Reason, RouteChange, RouteTable } from '../router/router.js';
import type { AppName, FunctionName, Split } from '../routing/route.js';

/** A function's split before and after. `revision` is the number of the change that last touched its route. */
export type TrafficRow = {
  function: FunctionName;
  revision: number;
  before: Split;
  after: Split;
  changed: boolean;
};

/** What will be done. `writes` is empty when nothing changes. */
export type TrafficPlan = {
  app: AppName;
  rows: TrafficRow[];
  /** Why the writes are made, apart from who makes them and their message. */
  reason: Pick<Reason, 'verb' | 'undoes' | 'to'>;
  writes: RouteChange[];
};

/** The rows and writes that give functions of the table new splits, in the table's order. */
export function planTraffic(
  table: RouteTable,
  reason: TrafficPlan['reason'],
  splits: ReadonlyMap<FunctionName, Split>,
): TrafficPlan {
  const planned = table.routes.flatMap(({ route, revision }) => {
    const after = splits.get(route.function);
    if (!after) return [];
    const before = route.split;
    const changed = versionsOf(before).some((version) => before[version] !== after[version]);
    const write: RouteChange = { kind: 'put', route: { ...route, split: after }, ifRevision: revision };
    return [{ row: { function: route.function, revision, before, after, changed }, write }];
  });
  // An undo is recorded even where the split is the old one already: else the next undo would find it again.
  const isWritten = (row: TrafficRow) => row.changed || reason.undoes !== undefined;
  return {
    app: table.app,
    rows: planned.map(({ row }) => row),
    reason,
    writes: planned.filter(({ row }) => isWritten(row)).map(({ write }) => write),
  };
}

/**
 * Makes a move that is not the same twice (a relative shift, an undo) safe to repeat.
 * @param ifRevision The number of the newest change that the user has seen; undefined when it does not matter.
 * @throws FnmeshError `conflict` when another change is the newest of the planned functions.
 */
export function checkRevision(plan: TrafficPlan, ifRevision: number | undefined): void {
  if (ifRevision === undefined || plan.rows.length === 0) return;
  const newest = plan.rows.reduce((a, b) => (b.revision > a.revision ? b : a));
  if (newest.revision === ifRevision) return;
  const message = `${newest.function} is at change ${newest.revision} (${formatSplit(newest.before)}), not ${ifRevision}`;
  throw new FnmeshError('conflict', message, { try: `fnmesh history ${newest.function}` });
}
