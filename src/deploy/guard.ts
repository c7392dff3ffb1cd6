// What must not be changed although it could be.
import { FnmeshError } from '../errors.js';
import { type BasisPoints, WHOLE } from '../routing/route.js';
import { formatPercent } from '../routing/weights.js';
import type { ObservedFn } from '../fn/observe.js';
import type { DeployRequest } from './result.js';
import { labelOf } from './result.js';

/**
 * Refuses to change a version that shares traffic with others on a server other than the embedded one, and to go back
 * to an older commit than the one that is live: CI jobs finish out of order.
 * @throws FnmeshError `conflict`.
 */
export async function guard(
  version: { function: string; version: string; share: BasisPoints | null },
  before: ObservedFn | undefined,
  request: DeployRequest,
  isEmbedded: boolean,
): Promise<void> {
  if (before === undefined) return;
  const { share } = version;
  const label = labelOf(version);
  if (!isEmbedded && !request.inPlace && share !== null && share > 0 && share < WHOLE) {
    const message = `${label} has ${formatPercent(share)} of the traffic beside other versions; what is being compared must not change`;
    const next = `fnmesh deploy ${label} --as next (a new version), or --in-place`;
    throw new FnmeshError('conflict', message, { try: next });
  }
  const live = before.notes?.release;
  if (live?.commit === undefined || request.commit === undefined || request.isOlder === undefined) return;
  if (live.commit.sha === request.commit.sha || !(await request.isOlder(live.commit))) return;
  const ours = `${short(request.commit.sha)} of ${request.commit.at}`;
  const message = `${label} runs commit ${short(live.commit.sha)} of ${live.commit.at}, deployed by ${live.by}; this folder is at the older ${ours}`;
  throw new FnmeshError('conflict', message, { try: `git pull, or fnmesh deploy ${label} --allow-older` });
}

function short(sha: string): string {
  return sha.slice(0, 10);
}
