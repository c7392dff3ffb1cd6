import type { ProbeResult } from '../../traffic/probe.js';
import { formatPercent } from '../../routing/weights.js';
import { latency, seconds } from '../format.js';
import { table } from '../table.js';

const OUTCOMES = { pass: 'ok', fail: 'FAILED', changed: 'not judged', none: 'not judged' } as const;

/** Asked and observed share per version, errors, latencies, verdict. */
export function probeView(result: ProbeResult): string {
  const { verdict } = result;
  const rows = verdict.versions.map((row) => [
    row.version,
    row.asked === null ? '-' : formatPercent(row.asked),
    String(row.observed),
    row.share === null ? '-' : `${row.share} %`,
    row.smallest === null ? '-' : `± ${row.smallest} points`,
  ]);
  const kinds = Object.entries(result.errorKinds).map(([kind, count]) => `${kind} × ${count}`);
  const times = `p50 ${latency(result.p50)}  p95 ${latency(result.p95)}  p99 ${latency(result.p99)}`;
  return [
    table(['version', 'asked', 'requests', 'observed', 'would show'], rows, [1, 2, 3, 4]),
    `${result.sent} requests to ${result.function} in ${seconds(result.ms)}${result.aborted ? ' (stopped)' : ''}, ${result.errors} errors${kinds.length > 0 ? ` (${kinds.join(', ')})` : ''}, ${times}`,
    `${OUTCOMES[verdict.outcome]}: ${verdict.reasons.join('; ')}`,
  ].join('\n');
}
