import type { OutputResult } from '../../deploy/output.js';
import type { DeployResult, VersionRow } from '../../deploy/result.js';
import { WHOLE } from '../../routing/route.js';
import { formatPercent } from '../../routing/weights.js';
import { bytes, seconds } from '../format.js';
import { table } from '../table.js';
import { changeText, errorLines } from './changes.js';
import { frontLines } from './front.js';
import { functionLines } from './wire.js';

/** A row per version, what failed, the addresses, and what to type next. `dry` = nothing was done, `prune` = it was to remove what has no folder. */
export function deployView(
  result: DeployResult,
  dry: boolean,
  gatewayUrl: string | null,
  prune = false,
): string {
  const parts = [appLine(result, dry), rowsView(result.versions, dry)];
  const errors = errorLines(result.versions);
  for (const row of result.versions) parts.push(...details(row, dry), ...(errors.get(row) ?? []));
  for (const { function: fn, version } of result.removes ?? []) {
    parts.push(`${fn}/${version} would be removed, as keep: in fnmesh.yaml says`);
  }
  parts.push(...orphanLines(result.orphans, prune));
  parts.push(...frontLines(result.front, dry));
  parts.push(...result.functions.flatMap((fn) => functionLines(fn, gatewayUrl)));
  const changing = result.versions.filter(({ deploy }) => deploy !== 'unchanged');
  // Of a version that is made or changed its row says so, and of a cluster's routes the lines above.
  const routed = result.front === null ? result.routed : [];
  const rerouted = routed.filter((fn) => changing.every((row) => row.function !== fn));
  if (dry) parts.push(...rerouted.map((fn) => `the route of ${fn} would be written anew`));
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
  if (row.deploy === 'updated' || row.deploy === 'to update') lines.push(...updateLines(row, label, dry));
  if (row.refused !== undefined) {
    lines.push(`deploy would refuse: ${row.refused.message}`);
    if (row.refused.try !== undefined) lines.push(`  try: ${row.refused.try}`);
  }
  return lines;
}

/** What of a version changes, and whom it reaches. */
function updateLines({ changes, kept, release, share }: VersionRow, label: string, dry: boolean): string[] {
  const stays = kept.length > 0 ? [`  stays, since fnmesh did not put it: ${kept.join(', ')}`] : [];
  if (changes.length === 0) {
    return [
      `${label}: only fnmesh's notes of it ${dry ? 'change' : 'changed'}; callers get the same`,
      ...stays,
    ];
  }
  const lines: string[] = [];
  if (share !== null && share > 0) {
    const changed = dry ? 'would change' : 'changed';
    lines.push(`${label} ${changed} in place, with ${formatPercent(share)} of the traffic`);
  }
  if (release !== null) lines.push(`${label} ${dry ? 'would be' : 'is'} release ${release}`);
  return [...lines, ...changes.map((change) => `  ${changeText(change)}`), ...stays];
}

/** The images that were written, and where. */
export function outputView({ kind, path, images }: OutputResult): string {
  const rows = images.map(({ version, image, digest, size }) => [
    version,
    image,
    digest.slice(0, 19),
    bytes(size),
  ]);
  return [table(['version', 'image', 'digest', 'size'], rows, [3]), `written to ${path} (${kind})`].join(
    '\n',
  );
}
