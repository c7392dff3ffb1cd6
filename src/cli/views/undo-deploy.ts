import type { UndoDeployPlan, UndoneVersion } from '../../deploy/plan-undo.js';
import type { UndoDeployResult } from '../../deploy/undo.js';
import { formatPercent } from '../../routing/weights.js';
import { changeText, errorLines } from './changes.js';

/** What an undo of a deploy would change. */
export function undoDeployPlanView(plan: UndoDeployPlan): string {
  const lines = plan.versions.flatMap((row) => [
    `${head(row)} would become what release ${row.to} was`,
    ...changes(row),
  ]);
  return [`undo of deploy ${plan.undoes} by ${plan.by} at ${plan.at}`, ...lines].join('\n');
}

/** What an undo of a deploy changed. */
export function undoDeployView(result: UndoDeployResult): string {
  const errors = errorLines(result.versions);
  const lines = result.versions.flatMap((row) =>
    row.error
      ? (errors.get(row) ?? [])
      : [`${head(row)} is release ${row.release} now, with what release ${row.to} was`, ...changes(row)],
  );
  if (result.cacheMs > 0 && result.failed < result.versions.length) {
    lines.push('a real Fn server takes some 5 s and a cold start for this; undoing a shift takes neither');
  }
  return lines.join('\n');
}

function head({
  function: name,
  version,
  from,
  share,
}: Pick<UndoneVersion, 'function' | 'version' | 'from' | 'share'>): string {
  const weight = share !== null && share > 0 ? ` (${formatPercent(share)} of the traffic)` : '';
  return `${name}/${version}@${from}${weight}`;
}

function changes(row: Pick<UndoneVersion, 'changes'>): string[] {
  return row.changes.length === 0
    ? ['  nothing differs']
    : row.changes.map((change) => `  ${changeText(change)}`);
}
