// What a probe could have seen: the smallest deviation that its number of requests would have shown.
import { WHOLE } from '../routing/route.js';
import { shareOut } from '../routing/share-out.js';
import { versionsOf } from '../routing/versions.js';
import type { Split, VersionName } from '../routing/route.js';
import type { GoodnessTest } from './goodness.js';

/**
 * The smallest distance of a version's observed share from its weight, in percentage points, that the test would
 * have rejected, with the others' counts in proportion; null when no outcome of `n` requests would have been.
 * @param weights The versions with weight; the test's counts are in their order, lowest version first.
 */
export function smallestShown(
  version: VersionName,
  weights: Split,
  n: number,
  test: GoodnessTest,
  alpha: number,
): number | null {
  const versions = versionsOf(weights);
  const others = versions.filter((name) => name !== version);
  const rejects = (count: number) => {
    const shares = shareOut(n - count, others, weights);
    const counts = new Map(
      [{ version, points: count }, ...shares].map((share) => [share.version, share.points]),
    );
    return test.pValue(versions.map((name) => counts.get(name)!)) < alpha;
  };
  const exact = (n * weights[version]!) / WHOLE;
  const up = first(Math.ceil(exact), n, rejects);
  const down = first(-Math.floor(exact), 0, (count) => rejects(-count));
  const distances = [up, down === null ? null : -down].flatMap((count) =>
    count === null ? [] : [Math.abs(count - exact)],
  );
  if (distances.length === 0) return null;
  return Math.round((Math.min(...distances) / n) * 10_000) / 100;
}

/** The first integer from `low` to `high` that holds, where all above one that holds do, too. */
function first(low: number, high: number, holds: (count: number) => boolean): number | null {
  if (low > high || !holds(high)) return null;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return high;
}
