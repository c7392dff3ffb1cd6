// Whether what was seen shows that a new split has arrived: it fits the new one, and would not fit the old one. Pure.
import { sameShares } from '../routing/diff.js';
import type { Split, VersionName } from '../routing/route.js';
import { versionsOf } from '../routing/versions.js';
import { judge } from './verdict.js';

/** A split and the one before it; null: there was no route. */
export type Move = { before: Split | null; after: Split };

/** Answers per version. */
export type Counts = Readonly<Record<VersionName, number>>;

/** `old`: what was seen does not fit the new split. `unsure`: it would fit both, or there is too little of it. */
export type ArrivalVerdict = 'arrived' | 'old' | 'unsure';

/** What counts say of a move. */
export function judgeArrival({ before, after }: Move, counts: Counts): ArrivalVerdict {
  const fit = outcome(after, counts);
  if (fit === 'fail') return 'old';
  if (fit !== 'pass') return 'unsure';
  if (before === null) return 'arrived';
  return outcome(before, counts) === 'fail' ? 'arrived' : 'unsure';
}

/** Whether callers could tell the splits apart at all. */
export function isVisible({ before, after }: Move): boolean {
  return before === null || !sameShares(before, after);
}

/** The counts of two batches together. */
export function addCounts(a: Counts, b: Counts): Counts {
  return Object.fromEntries(
    versionsOf({ ...a, ...b }).map((version) => [version, (a[version] ?? 0) + (b[version] ?? 0)]),
  );
}

function outcome(asked: Split, observed: Counts): 'pass' | 'fail' | 'changed' | 'none' {
  return judge({ asked, observed, errors: 0, changed: false, pinned: false, allowErrors: true }).outcome;
}
