import type { FieldChange } from '../../deploy/diff.js';
import type { OutputResult } from '../../deploy/output.js';
import type { DeployResult, RowError, VersionRow } from '../../deploy/result.js';
import { WHOLE } from '../../routing/route.js';
import { formatPercent } from '../../routing/weights.js';
import type { ChosenTarget } from '../../target/target.js';
import { megabytes, seconds } from '../format.js';
import { table } from '../table.js';
import { functionLines } from './wire.js';

/** A row per version, what failed, the addresses, and what to type next. `dry` = nothing was done, `prune` = it was to remove what has no folder. */
export function deployView(
  result: DeployResult,
  dry: boolean,
  gatewayUrl: string | null,
  prune = false,
): string {
  const parts = [appLine(result, dry), rowsView(result.versions, dry)];
  for (const row of result.versions) parts.push(...details(row, dry));
  parts.push(...orphanLines(result.orphans, prune));
  parts.push(...result.functions.flatMap((fn) => functionLines(fn, gatewayUrl)));
  if (result.failed > 0) parts.push(`${result.failed} of ${result.versions.length} versions failed`);
  for (const { why, command } of result.next) parts.push(`${why}: ${command}`);
  return parts.filter(Boolean).join('\n');
}

function appLine({ app }: DeployResult, dry: boolean): string {
  if (app.action === 'unchanged') return '';
  const done =
    app.action === 'create' ? (dry ? 'would be created' : 'created') : dry ? 'would be updated' : 'updated';
  const reached = app.touches.map(({ version, share }) =>
    share === null ? version : `${version} (${formatPercent(share)})`,
  );
  return [
    `app ${app.name} ${done}`,
    ...(app.action === 'update' ? app.changes.map((change) => `  ${changeText(change)}`) : []),
    ...(app.kept.length > 0 ? [`  stays, since fnmesh did not put it: ${app.kept.join(', ')}`] : []),
    ...(reached.length > 0 ? [`  this reaches every version: ${reached.join(', ')}`] : []),
  ].join('\n');
}

/** Which Fn server and registry count, and where each was said. */
export function whereText({ name, fn, registry }: ChosenTarget): string {
  const server = fn.kind === 'server' ? `${fn.api.value} (${fn.api.from})` : 'embedded';
  const images = registry === null ? 'none named' : `${registry.value} (${registry.from})`;
  return `target ${name.value} (${name.from}): Fn server ${server}, registry ${images}`;
}

function orphanLines(orphans: DeployResult['orphans'], prune: boolean): string[] {
  return orphans.map(({ function: fn, version, share }) => {
    const way =
      share === WHOLE
        ? `fnmesh destroy ${fn} removes the function`
        : share !== null && share > 0
          ? `has ${formatPercent(share)}; shift that away, then --prune removes it`
          : prune
            ? 'would be removed'
            : '--prune removes it';
    return `${fn}/${version} is on the server and its folder is gone: ${way}`;
  });
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
  if (inPlace) {
    if (row.changes.length > 0 && row.release !== null)
      lines.push(`${label} ${dry ? 'would be' : 'is'} release ${row.release}`);
    lines.push(...row.changes.map((change) => `  ${changeText(change)}`));
    if (row.kept.length > 0) lines.push(`  stays, since fnmesh did not put it: ${row.kept.join(', ')}`);
  }
  if (row.error && row.error.message !== row.cannotRun) {
    lines.push(...errorLines(row.function, row.version, row.error));
  }
  return lines;
}

/** What failed of a version, with what its build or process wrote. */
export function errorLines(fn: string, version: string, error: RowError): string[] {
  return [
    `${fn}/${version} failed: ${error.message}`,
    ...(error.output ? error.output.split('\n').map((line) => `  | ${line}`) : []),
    ...(error.try ? [`  try: ${error.try}`] : []),
  ];
}

/** `memory: 128 → 256` */
export function changeText({ field, from, to }: FieldChange): string {
  return `${field}: ${from === null ? 'none' : valueText(from)} → ${to === null || to === '' ? 'removed' : valueText(to)}`;
}

/** The images that were written, and where. */
export function outputView({ kind, path, images }: OutputResult): string {
  const rows = images.map(({ version, image, digest, size }) => [
    version,
    image,
    digest.slice(0, 19),
    megabytes(size),
  ]);
  return [table(['version', 'image', 'digest', 'size'], rows, [3]), `written to ${path} (${kind})`].join(
    '\n',
  );
}

/** A value of a change; of a digest the first digits tell it apart. */
function valueText(value: FieldChange['to']): string {
  const digest =
    typeof value === 'string' ? /^([^"\s]+@sha256:[0-9a-f]{12})[0-9a-f]{52}$/.exec(value)?.[1] : undefined;
  return digest === undefined ? JSON.stringify(value) : `${digest}…`;
}
