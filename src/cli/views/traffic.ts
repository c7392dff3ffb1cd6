import { diffSplits } from '../../routing/diff.js';
import { formatPercent } from '../../routing/weights.js';
import type { TrafficPlan, TrafficRow } from '../../traffic/plan.js';
import type { TrafficResult } from '../../traffic/apply.js';
import { table } from '../table.js';

/** `--dry-run` of shift and undo. */
export function trafficPlanView(plan: TrafficPlan): string {
  const head = plan.writes.length === 0 ? 'unchanged: nothing would be written' : `would ${verb(plan)}:`;
  return `${head}\n${sharesView(plan.rows)}`;
}

/** What shift or undo did. */
export function trafficView(result: TrafficResult): string {
  if (result.number === null) return `unchanged\n${sharesView(result.rows)}`;
  return `${sharesView(result.rows)}\nchange ${result.number}: ${verb(result)}; \`fnmesh undo\` ${result.reason.verb === 'undo' ? 'goes further back' : 'takes it back'}`;
}

function verb({ reason }: Pick<TrafficPlan, 'reason'>): string {
  if (reason.undoes !== undefined) return `undo change ${reason.undoes}`;
  return reason.to === undefined ? reason.verb : `go back to the state after change ${reason.to}`;
}

/** Each version's share before and after, a line each. */
export function sharesView(rows: readonly Pick<TrafficRow, 'function' | 'before' | 'after'>[]): string {
  const cells = rows.flatMap((row) =>
    diffSplits(row.before, row.after).map(({ version, before, after }) => [
      row.function,
      version,
      percent(before),
      before === after ? '' : '→',
      percent(after),
    ]),
  );
  return table(['function', 'version', 'before', '', 'after'], cells, [2, 4]);
}

function percent(points: number | null): string {
  return points === null ? '-' : formatPercent(points);
}
