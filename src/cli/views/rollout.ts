import { relative } from 'node:path';
import type { RolloutResult } from '../../deploy/rollout.js';
import { deployView } from './deploy.js';

/** A deploy with what went along with it: versions that went or had to stay, and raised version numbers. */
export function rolloutView(result: RolloutResult, gatewayUrl: string, cwd: string): string {
  const { removed, stayed, bumped } = result;
  return [
    deployView(result, false, gatewayUrl),
    ...removed.map(({ function: fn, version }) => `removed ${fn}/${version}`),
    ...stayed.map(({ function: fn, version, why }) => `kept ${fn}/${version}: ${why}`),
    ...bumped.map(({ file, from, to }) => `${relative(cwd, file)}: version ${from} → ${to}`),
  ].join('\n');
}
