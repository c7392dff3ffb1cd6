// New splits from old ones. Named versions get exactly what was asked, the others keep their proportions.
import { FnmeshError } from '../errors.js';
import { formatChange } from './changes.js';
import { checkKnown, checkOnce } from './check-changes.js';
import { WHOLE } from './route.js';
import { shareOut } from './share-out.js';
import { shiftCommand } from './shift-command.js';
import { compareVersions, versionsOf } from './versions.js';
import { formatPercent, formatWeight } from './weights.js';
import type { WeightChange } from './changes.js';
import type { Command } from './check-changes.js';
import type { BasisPoints, Split, VersionName } from './route.js';
import type { Share } from './share-out.js';

/**
 * The split after some versions were given new weights. The versions not named share what is left in proportion
 * to their current weights, rounded by largest remainder, where a tie goes to the smaller share, then the lower
 * name (gcloud's update-traffic rule, googlecloudsdk/api_lib/run/traffic.py). When none of them has weight and
 * there is exactly one, it takes what is left. `rest` takes all that is not asked for by name.
 *
 * @param prefix What stands before version names in the commands that errors suggest, such as `cart/`.
 * @throws FnmeshError `not_found` for an unknown version, `usage` when no split follows from what was asked;
 *   both with a corrected command.
 */
export function resplit(before: Split, changes: readonly WeightChange[], prefix = ''): Split {
  const command: Command = (words) => shiftCommand(words.map((word) => prefix + word));
  for (const change of changes) checkKnown(before, change, prefix, command);
  checkOnce(changes, command);

  const asked = changes.flatMap((change): Share[] => {
    const points = pointsOf(before, change, command);
    return points === null ? [] : [{ version: change.version, points }];
  });
  const refusal = (problem: string, instead: readonly Share[]) =>
    new FnmeshError('usage', `${asked.map(formatShare).join(' ')}: ${problem}`, {
      try: command(instead.map(formatShare)),
    });
  const sum = asked.reduce((total, { points }) => total + points, 0);
  if (sum > WHOLE) throw refusal(`this sums to ${formatPercent(sum)}, more than 100 %`, fill(asked));
  const rest = changes.find(({ to }) => to.kind === 'rest');
  if (rest) asked.push({ version: rest.version, points: WHOLE - sum });

  const named = new Set(asked.map(({ version }) => version));
  const others = versionsOf(before).filter((version) => !named.has(version));
  const left = rest ? 0 : WHOLE - sum;
  const [other] = others;
  if (left > 0 && other === undefined) {
    throw refusal(`every version is named, and this sums to ${formatPercent(sum)}, not 100 %`, fill(asked));
  }
  if (left > 0 && other !== undefined && others.every((version) => before[version] === 0)) {
    if (left === WHOLE) {
      throw refusal('no other version serves, so nobody would answer', [{ version: other, points: WHOLE }]);
    }
    if (others.length > 1) {
      const problem = `${others.join(', ')} have 0 %, so say which of them takes ${formatPercent(left)}`;
      throw refusal(problem, [...asked, { version: other, points: left }]);
    }
  }

  const after = new Map(shareOut(left, others, before).map(({ version, points }) => [version, points]));
  for (const { version, points } of asked) after.set(version, points);
  return Object.fromEntries(versionsOf(before).map((version) => [version, after.get(version)!]));
}

/** The split of a function that is routed for the first time: its lowest version gets 100 %. */
export function firstSplit(versions: readonly VersionName[]): Split {
  const sorted = [...versions].sort(compareVersions);
  return Object.fromEntries(sorted.map((version, index) => [version, index === 0 ? WHOLE : 0]));
}

/** The split with these versions added at 0; those it has keep their weights. */
export function addVersions(split: Split, versions: readonly VersionName[]): Split {
  const added = { ...Object.fromEntries(versions.map((version) => [version, 0])), ...split };
  return Object.fromEntries(versionsOf(added).map((version) => [version, added[version]!]));
}

/**
 * The split without a version that has no weight.
 * @throws FnmeshError `conflict` when the version has weight.
 */
export function removeVersion(split: Split, version: VersionName, prefix = ''): Split {
  const points = split[version] ?? 0;
  if (points > 0) {
    throw new FnmeshError(
      'conflict',
      `${prefix}${version} still has ${formatPercent(points)} of the traffic`,
      {
        try: `fnmesh shift ${prefix}${version}=0`,
      },
    );
  }
  return Object.fromEntries(
    versionsOf(split).flatMap((name) => (name === version ? [] : [[name, split[name]!]])),
  );
}

/** The weight asked for, or null for `rest`. */
function pointsOf(before: Split, change: WeightChange, command: Command): BasisPoints | null {
  const { version, to } = change;
  if (to.kind !== 'step') return to.kind === 'rest' ? null : to.points;
  const current = before[version]!;
  const points = current + to.points;
  if (points >= 0 && points <= WHOLE) return points;
  const outcome = `${version} has ${formatPercent(current)}, so this would make it ${formatPercent(points)}`;
  throw new FnmeshError('usage', `${formatChange(change)}: ${outcome}`, {
    try: command([`${version}=${points < 0 ? '0' : '100'}`]),
  });
}

/** The same versions with weights that sum to 100 %: each at most what was asked, the last one all that is left. */
function fill(asked: readonly Share[]): Share[] {
  let left = WHOLE;
  return asked.map(({ version, points }, index) => {
    const given = index === asked.length - 1 ? left : Math.min(points, left);
    left -= given;
    return { version, points: given };
  });
}

function formatShare({ version, points }: Share): string {
  return `${version}=${formatWeight(points)}`;
}
