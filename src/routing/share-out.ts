// Divides a share between versions in proportion, in whole basis points.
import { compareVersions } from './versions.js';
import type { BasisPoints, Split, VersionName } from './route.js';

/** A version's new weight, in basis points. */
export type Share = { version: VersionName; points: BasisPoints };

/**
 * Divides `left` basis points between `versions` in proportion to their weights, rounded by largest remainder; a
 * tie goes to the smaller share, then the lower name. When none has weight, each gets `left`: callers see to it
 * that there is then one version or nothing left.
 */
export function shareOut(left: BasisPoints, versions: readonly VersionName[], before: Split): Share[] {
  const total = versions.reduce((sum, version) => sum + before[version]!, 0);
  if (total === 0) return versions.map((version) => ({ version, points: left }));
  const shares = versions.map((version) => {
    const share = before[version]!;
    const remainder = (left * share) % total;
    return { version, share, remainder, points: (left * share - remainder) / total };
  });
  const missing = left - shares.reduce((sum, { points }) => sum + points, 0);
  const byRemainder = [...shares].sort(
    (a, b) => b.remainder - a.remainder || a.share - b.share || compareVersions(a.version, b.version),
  );
  for (const share of byRemainder.slice(0, missing)) share.points++;
  return shares;
}
