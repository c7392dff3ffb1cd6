import type { FieldChange } from '../../deploy/diff.js';
import type { DeployResult, VersionRow } from '../../deploy/result.js';
import { formatPercent } from '../../routing/weights.js';
import { seconds } from '../format.js';
import { table } from '../table.js';
import { functionLines } from './wire.js';

/** A row per version, what failed, the addresses, and what to type next. `dry` = nothing was done. */
export function deployView(result: DeployResult, dry: boolean, gatewayUrl: string | null): string {
  const parts = [appLine(result, dry), rowsView(result.versions, dry)];
  for (const row of result.versions) parts.push(...details(row, dry));
  parts.push(...result.functions.flatMap((fn) => functionLines(fn, gatewayUrl)));
  if (result.failed > 0) parts.push(`${result.failed} of ${result.versions.length} versions failed`);
  for (const { why, command } of result.next) parts.push(`${why}: ${command}`);
  return parts.filter(Boolean).join('\n');
}

function appLine({ app }: DeployResult, dry: boolean): string {
  if (app.action === 'unchanged') return '';
  const done =
    app.action === 'create' ? (dry ? 'would be created' : 'created') : dry ? 'would be updated' : 'updated';
  return [
    `app ${app.name} ${done}`,
    ...(app.action === 'update' ? app.changes.map((change) => `  ${changeText(change)}`) : []),
  ].join('\n');
}

function rowsView(rows: VersionRow[], dry: boolean): string {
  return table(
    ['version', 'build', 'deploy', 'address', ...(dry ? [] : ['time'])],
    rows.map((row) => [
      `${row.function}/${row.version}`,
      row.build,
      row.deploy,
      row.address ?? '-',
      ...(dry ? [] : [seconds(row.ms)]),
    ]),
    [4],
  );
}

function details(row: VersionRow, dry: boolean): string[] {
  const lines: string[] = [];
  const label = `${row.function}/${row.version}`;
  if (row.cannotRun !== undefined) lines.push(`${label}: ${row.cannotRun}`);
  const inPlace = row.deploy === 'updated' || row.deploy === 'to update';
  if (inPlace && row.share !== null && row.share > 0) {
    lines.push(
      `${label} ${dry ? 'would change' : 'changed'} in place, with ${formatPercent(row.share)} of the traffic`,
    );
  }
  if (inPlace) lines.push(...row.changes.map((change) => `  ${changeText(change)}`));
  if (row.error && row.error.message !== row.cannotRun) {
    lines.push(`${label} failed: ${row.error.message}`);
    if (row.error.output) lines.push(...row.error.output.split('\n').map((line) => `  | ${line}`));
    if (row.error.try) lines.push(`  try: ${row.error.try}`);
  }
  return lines;
}

function changeText({ field, from, to }: FieldChange): string {
  return `${field}: ${from === null ? 'none' : JSON.stringify(from)} → ${to === null || to === '' ? 'removed' : JSON.stringify(to)}`;
}
