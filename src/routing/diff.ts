// What differs between two splits.
import { versionsOf } from './versions.js';
import type { BasisPoints, Split, VersionName } from './route.js';

/** A version's weight before and after; null where the version, or the whole route, is not there. */
export type WeightRow = { version: VersionName; before: BasisPoints | null; after: BasisPoints | null };

/** A row for each version of either split, lowest first. */
export function diffSplits(before: Split | null, after: Split | null): WeightRow[] {
  return versionsOf({ ...before, ...after }).map((version) => ({
    version,
    before: before?.[version] ?? null,
    after: after?.[version] ?? null,
  }));
}

/** Whether callers see the same shares: a version at 0 and one that is not there are alike. */
export function sameShares(before: Split, after: Split): boolean {
  return diffSplits(before, after).every((row) => (row.before ?? 0) === (row.after ?? 0));
}
