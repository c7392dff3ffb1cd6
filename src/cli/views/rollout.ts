import { relative } from 'node:path';
import type { DeployResult, RowError } from '../../deploy/result.js';
import type { RolloutResult } from '../../deploy/rollout.js';
import type { TrafficResult } from '../../traffic/apply.js';
import type { ForeseenShare } from '../../traffic/share.js';
import { deployView } from './deploy.js';
import { sharesView, trafficView } from './traffic.js';

/** A plan of a deploy, and the share that a new version would then get. `prune`: what has no folder would go. */
export function foreseenView(
  plan: DeployResult & { shift: ForeseenShare | null; shiftError?: RowError },
  gatewayUrl: string | null,
  prune: boolean,
): string {
  const { shift } = plan;
  const lines = [deployView(plan, true, gatewayUrl, prune)];
  if (shift !== null) lines.push('would then shift:', sharesView([shift]));
  return [...lines, ...shiftErrorLines(plan, 'would fail')].filter(Boolean).join('\n');
}

/**
 * A deploy with what went along with it: versions that went or had to stay, raised version numbers, and the share of a
 * new version.
 */
export function rolloutView(
  result: RolloutResult & { shift: TrafficResult | null; shiftError?: RowError },
  gatewayUrl: string | null,
  cwd: string,
): string {
  const { removed, stayed, bumped, shift } = result;
  return [
    deployView(result, false, gatewayUrl),
    ...removed.map(({ function: fn, version }) => `removed ${fn}/${version}`),
    ...stayed.map(({ function: fn, version, why }) => `kept ${fn}/${version}: ${why}`),
    ...bumped.map(({ file, from, to }) => `${relative(cwd, file)}: version ${from} → ${to}`),
    // Shares that are as asked already stand behind the address.
    ...(shift === null || shift.number === null ? [] : [trafficView(shift)]),
    ...shiftErrorLines(result, 'failed'),
  ].join('\n');
}

function shiftErrorLines({ shiftError: error }: { shiftError?: RowError }, verb: string): string[] {
  if (error === undefined) return [];
  return [`the shift ${verb}: ${error.message}`, ...(error.try === undefined ? [] : [`  try: ${error.try}`])];
}
