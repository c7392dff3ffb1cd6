import type { Change } from '../../router/router.js';
import { diffSplits } from '../../routing/diff.js';
import { formatPercent } from '../../routing/weights.js';
import type { HistoryRow } from '../../traffic/history.js';
import { ago } from '../format.js';
import { table } from '../table.js';

/** `fnmesh history`: a line per function of each change, newest first. */
export function historyView(rows: HistoryRow[]): string {
  if (rows.length === 0) return 'no changes yet';
  const cells = rows.flatMap((row) =>
    parts(row).map(([fn, outcome], index) => [
      index === 0 ? String(row.number ?? row.deploy) : '',
      index === 0 ? ago(row.at) : '',
      index === 0 ? what(row) : '',
      fn,
      outcome,
      index === 0 ? row.by : '',
      index === 0 ? why(row) : '',
    ]),
  );
  return table(['change', 'when', 'what', 'function', 'before → after', 'by', 'message'], cells, [0]);
}

function parts({ functions, releases }: HistoryRow): [fn: string, outcome: string][] {
  return [
    ...functions.map((part): [string, string] => [part.function, moved(part)]),
    ...releases.map(({ function: fn, version, from, to, restores }): [string, string] => [
      fn,
      `${version}@${from} → ${version}@${to}${restores === null ? '' : ` (what @${restores} was)`}`,
    ]),
  ];
}

/** What a change did to one function, in a line: `shift v1 100 % → 50 %, v2 0 % → 50 %`. */
export function changeLine(change: Change, fn: string): string {
  const part = change.functions.find((each) => each.function === fn);
  return part ? `${change.verb} ${moved(part)}` : change.verb;
}

function what(row: HistoryRow): string {
  const undone = row.undoes ?? row.undoesDeploy;
  const of = undone !== null ? ` of ${undone}` : row.to !== null ? ` to ${row.to}` : '';
  return `${row.verb}${of}${row.undone ? ' (undone)' : ''}`;
}

/** Its message, and the commit that was deployed: ` (commit 1a2b3c4, dirty)`. */
function why({ message, commit }: HistoryRow): string {
  const made = commit && `(commit ${commit.sha.slice(0, 7)}${commit.dirty ? ', dirty' : ''})`;
  return [message, made].filter(Boolean).join(' ');
}

function moved({ before, after }: Change['functions'][number]): string {
  if (after === null) return 'route removed';
  const rows = diffSplits(before, after).filter((row) => row.before !== row.after);
  if (rows.length === 0) return 'written anew, same shares';
  return rows
    .map((row) => {
      const to = row.after === null ? 'removed' : formatPercent(row.after);
      return row.before === null
        ? `${row.version} ${to}`
        : `${row.version} ${formatPercent(row.before)} → ${to}`;
    })
    .join(', ');
}
