// The share that a version gets right after it is deployed: `deploy --as next --shift 5`.
import { FnmeshError } from '../errors.js';
import type { Emit } from '../events.js';
import type { Router } from '../router/router.js';
import type { AppName, BasisPoints, FunctionName, Split, VersionName } from '../routing/route.js';
import { resplit } from '../routing/split.js';
import { applyTraffic, type ApplyOptions, type TrafficResult } from './apply.js';
import type { TrafficRow } from './plan.js';
import { planShift } from './shift.js';

/** A version, and what it is to get. */
export type Share = { function: FunctionName; version: VersionName; points: BasisPoints };

/** What a share does to the split that its function will have once the version is deployed. */
export type ForeseenShare = Pick<TrafficRow, 'function' | 'before' | 'after'>;

/**
 * What `giveShare` would do.
 * @param split The function's split after the deploy; null: it will have no route.
 * @throws FnmeshError `not_found` when the version stands behind no route.
 */
export function foreseeShare({ function: fn, version, points }: Share, split: Split | null): ForeseenShare {
  if (split === null || !Object.hasOwn(split, version)) {
    throw new FnmeshError(
      'not_found',
      `${fn}/${version} stands behind no route, so that it can get no share`,
      {
        try: 'give it an http trigger in func.yaml',
      },
    );
  }
  const after = resplit(split, [{ version, to: { kind: 'share', points } }], `${fn}/`);
  return { function: fn, before: split, after };
}

/**
 * Gives a version that is deployed its share; the others keep their proportions over the rest.
 * @throws FnmeshError as `planShift`; `not_ready` when it cannot take traffic.
 */
export async function giveShare(
  { function: fn, version, points }: Share,
  app: AppName,
  router: Router,
  options: ApplyOptions,
  emit: Emit,
): Promise<TrafficResult> {
  const plan = planShift(await router.read(app), [{ function: fn, version, to: { kind: 'share', points } }]);
  try {
    return await applyTraffic(plan, router, options, emit);
  } catch (error) {
    if (!(error instanceof FnmeshError) || error.code !== 'not_ready') throw error;
    // What it says further is for `shift`, of which alone nothing would have been changed.
    const [why = ''] = error.message.split('\n');
    throw new FnmeshError(error.code, why, { ...(error.try && { try: error.try }), cause: error });
  }
}
