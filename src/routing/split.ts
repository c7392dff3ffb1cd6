// New splits from old ones. Named versions get exactly what was asked, the others keep their proportions.
import { FnmeshError } from '../errors.js';
import { formatChange } from './changes.js';
import { nearest } from './near.js';
import { WHOLE } from './route.js';
import { compareVersions, versionsOf } from './versions.js';
import { formatPercent, formatWeight } from './weights.js';
import type { WeightChange } from './changes.js';
import type { BasisPoints, Split, VersionName } from './route.js';

/** A named version's new weight, in basis points. */
type Asked = { version: VersionName; points: BasisPoints };

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
  const command = (words: readonly string[]) =>
    `fnmesh shift ${words.map((word) => prefix + word).join(' ')}`;
  for (const change of changes) checkKnown(before, change, prefix, command);
  checkOnce(changes, command);

  const asked = changes.flatMap((change): Asked[] => {
    const points = pointsOf(before, change, command);
    return points === null ? [] : [{ version: change.version, points }];
  });
  const sum = asked.reduce((total, { points }) => total + points, 0);
  const corrected = () => command(fill(asked).map(formatAsked));
  if (sum > WHOLE) {
    throw new FnmeshError('usage', `${words(asked)}: this sums to ${formatPercent(sum)}, more than 100 %`, {
      try: corrected(),
    });
  }
  const rest = changes.find(({ to }) => to.kind === 'rest');
  if (rest) asked.push({ version: rest.version, points: WHOLE - sum });

  const named = new Set(asked.map(({ version }) => version));
  const others = versionsOf(before).filter((version) => !named.has(version));
  const left = rest ? 0 : WHOLE - sum;
  const serving = others.some((version) => before[version]! > 0);
  if (left > 0 && others.length === 0) {
    throw new FnmeshError(
      'usage',
      `${words(asked)}: every version is named, and this sums to ${formatPercent(sum)}, not 100 %`,
      { try: corrected() },
    );
  }
  if (left === WHOLE && !serving) {
    throw new FnmeshError('usage', `${words(asked)}: no other version serves, so nobody would answer`, {
      try: command([`${others[0]!}=100`]),
    });
  }
  if (left > 0 && !serving && others.length > 1) {
    const message = `${words(asked)}: ${others.join(', ')} have 0 %, so say which of them takes ${formatPercent(left)}`;
    throw new FnmeshError('usage', message, {
      try: command([...asked, { version: others[0]!, points: left }].map(formatAsked)),
    });
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

type Command = (words: readonly string[]) => string;

function checkKnown(before: Split, change: WeightChange, prefix: string, command: Command): void {
  if (Object.hasOwn(before, change.version)) return;
  const known = versionsOf(before);
  const near = nearest(change.version, known);
  const hint = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `there are ${known.join(', ')}`;
  const version = near[0];
  throw new FnmeshError('not_found', `${prefix}${change.version}: no such version; ${hint}`, {
    try: version === undefined ? 'fnmesh status' : command([formatChange({ ...change, version })]),
  });
}

function checkOnce(changes: readonly WeightChange[], command: Command): void {
  const isRepeat = (change: WeightChange, index: number) =>
    changes.findIndex(
      ({ version, to }) => version === change.version || (to.kind === 'rest' && change.to.kind === 'rest'),
    ) < index;
  const repeat = changes.find(isRepeat);
  if (!repeat) return;
  const problem = changes.some((change) => change !== repeat && change.version === repeat.version)
    ? `${repeat.version} is named twice`
    : 'only one version can take the rest';
  throw new FnmeshError('usage', `${changes.map(formatChange).join(' ')}: ${problem}`, {
    try: command(changes.filter((change, index) => !isRepeat(change, index)).map(formatChange)),
  });
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
function fill(asked: readonly Asked[]): Asked[] {
  let left = WHOLE;
  return asked.map(({ version, points }, index) => {
    const given = index === asked.length - 1 ? left : Math.min(points, left);
    left -= given;
    return { version, points: given };
  });
}

function formatAsked({ version, points }: Asked): string {
  return `${version}=${formatWeight(points)}`;
}

function words(asked: readonly Asked[]): string {
  return asked.map(formatAsked).join(' ');
}

/** `left` basis points between `versions`, in proportion to their weights, rounded by largest remainder. */
function shareOut(left: BasisPoints, versions: readonly VersionName[], before: Split): Asked[] {
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
