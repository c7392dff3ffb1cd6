// Whether what a probe saw fits what was asked for.
import { versionsOf } from '../routing/versions.js';
import { goodnessTest } from './goodness.js';
import { smallestShown } from './smallest.js';
import type { BasisPoints, Split, VersionName } from '../routing/route.js';
import type { GoodnessTest } from './goodness.js';

/** A true split is called wrong once in a thousand probes. (The embedded gateway's is more even than chance.) */
const ALPHA = 0.001;

/** What a probe saw. */
export type Observation = {
  asked: Split;
  /** Answers per version, whatever their status. */
  observed: Readonly<Record<VersionName, number>>;
  /** Requests without a good answer. */
  errors: number;
  /** The route was changed while the probe ran. */
  changed: boolean;
  /** The requests named their version. */
  pinned: boolean;
  allowErrors: boolean;
};

/** A version's part in the verdict. */
type VersionVerdict = {
  version: VersionName;
  /** Null for a version that is not in the split. */
  asked: BasisPoints | null;
  observed: number;
  /** The observed share in percent; null when nothing was observed at all. */
  share: number | null;
  /** The smallest deviation, in percentage points, that this number of requests could have shown. */
  smallest: number | null;
};

/** The verdict: `changed` and `none` say that the split was not judged. */
export type Verdict = {
  outcome: 'pass' | 'fail' | 'changed' | 'none';
  /** Why, a sentence each. */
  reasons: string[];
  /** The test that was made, its p-value and the limit below which it fails. */
  test: { name: GoodnessTest['name']; p: number; alpha: number } | null;
  versions: VersionVerdict[];
};

/**
 * Judges a probe. It fails on any error (unless allowed), on any answer of a version that has no weight, and when the
 * counts are less likely than 1 in 1000 by the split.
 */
export function judge(seen: Observation): Verdict {
  const { asked, observed } = seen;
  const weights: Split = Object.fromEntries(
    versionsOf(asked).flatMap((version) => (asked[version]! > 0 ? [[version, asked[version]!]] : [])),
  );
  const serving = versionsOf(weights);
  const counts = serving.map((version) => observed[version] ?? 0);
  const n = counts.reduce((sum, count) => sum + count, 0);
  const total = Object.values(observed).reduce((sum, count) => sum + count, 0);
  const judged = !seen.changed && !seen.pinned && total > 0;
  const test = judged && n > 0 && serving.length > 1 ? goodnessTest(Object.values(weights), n) : null;
  const p = test?.pValue(counts) ?? 1;

  const failures: string[] = [];
  if (seen.errors > 0 && !seen.allowErrors) failures.push(`${plural(seen.errors, 'request')} failed`);
  if (judged) failures.push(...strangers(asked, observed));
  if (test && p < ALPHA) failures.push(`the counts do not fit the split (${test.name}, p = ${format(p)})`);

  const versions = versionsOf({ ...asked, ...observed }).map((version): VersionVerdict => {
    const count = observed[version] ?? 0;
    return {
      version,
      asked: asked[version] ?? null,
      observed: count,
      share: total > 0 ? Math.round((count / total) * 10_000) / 100 : null,
      smallest:
        test && Object.hasOwn(weights, version) ? smallestShown(version, weights, n, test, ALPHA) : null,
    };
  });
  const unjudged = whyNot(seen, total, n > 0 && serving.length > 1 && !test);
  const passed = test
    ? `the counts fit the split (${test.name}, p = ${format(p)})`
    : `all answers are from ${serving.join(', ')}`;
  return {
    outcome: failures.length > 0 ? 'fail' : (unjudged?.outcome ?? 'pass'),
    reasons: [...failures, ...(unjudged ? [unjudged.reason] : failures.length > 0 ? [] : [passed])],
    test: test && { name: test.name, p, alpha: ALPHA },
    versions,
  };
}

/** Answers of versions that should have none. Even one is wrong. */
function strangers(asked: Split, observed: Observation['observed']): string[] {
  return versionsOf(observed).flatMap((version) => {
    const count = observed[version]!;
    if (count === 0 || (asked[version] ?? 0) > 0) return [];
    const place = Object.hasOwn(asked, version) ? 'has 0 %' : 'is not in the split';
    return [`${version} ${place}, but gave ${plural(count, 'answer')}`];
  });
}

/** Why the split was not judged, if it was not. */
function whyNot(
  seen: Observation,
  total: number,
  untestable: boolean,
): { outcome: 'changed' | 'none'; reason: string } | undefined {
  if (seen.changed) {
    return { outcome: 'changed', reason: 'the split was changed during the probe, so it was not judged' };
  }
  if (seen.pinned) {
    return { outcome: 'none', reason: 'the requests named their version, so the split was not judged' };
  }
  if (total === 0)
    return { outcome: 'none', reason: 'no answer named its version, so the split was not judged' };
  if (untestable) {
    return { outcome: 'none', reason: 'too few requests for so many versions, so the split was not judged' };
  }
  return undefined;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function format(p: number): string {
  return p < 0.0001 ? 'below 0.0001' : String(Number(p.toPrecision(2)));
}
