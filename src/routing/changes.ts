// What one word of `fnmesh shift` asks of one version.
import { formatWeight } from './weights.js';
import type { BasisPoints, VersionName } from './route.js';

/** The weight asked for: a share, a step from the current share (signed), or all that the others leave. */
export type Target =
  | { readonly kind: 'share'; readonly points: BasisPoints }
  | { readonly kind: 'step'; readonly points: number }
  | { readonly kind: 'rest' };

/** A version and the weight asked for it. */
export type WeightChange = { readonly version: VersionName; readonly to: Target };

/** The change as it is typed: `v2=50`, `v2=+10`, `v1=rest`. */
export function formatChange({ version, to }: WeightChange): string {
  if (to.kind === 'rest') return `${version}=rest`;
  const sign = to.kind === 'share' ? '' : to.points < 0 ? '-' : '+';
  return `${version}=${sign}${formatWeight(Math.abs(to.points))}`;
}
