// Whether counts fit the weights they were drawn by: the exact multinomial test, or chi-square where there are too
// many outcomes to go through.
import { WHOLE } from '../routing/route.js';
import { chiSquareTail } from './gamma.js';
import type { BasisPoints } from '../routing/route.js';

/** A test of counts against weights, for one number of requests. */
export type GoodnessTest = {
  readonly name: 'exact multinomial' | 'chi-square';
  /** How likely counts at least as unlikely as these are, when the weights hold. Counts in the weights' order. */
  pValue(counts: readonly number[]): number;
};

/** The exact test goes through every outcome, up to this many: two versions to 199 999 requests, three to 630. */
export const MOST_OUTCOMES = 200_000;
/** Chi-square wants at least this many expected in each class; smaller classes are pooled. */
const LEAST_EXPECTED = 5;

/**
 * The test for `n` requests drawn by these weights, which are above 0 and sum to 10 000. Null when there are too many
 * outcomes for the exact test and too few requests for chi-square.
 */
export function goodnessTest(weights: readonly BasisPoints[], n: number): GoodnessTest | null {
  return outcomes(n, weights.length) <= MOST_OUTCOMES ? exact(weights, n) : chiSquare(weights, n);
}

/** In how many ways n requests can fall on k versions; stops counting above the limit. */
function outcomes(n: number, k: number): number {
  let count = 1;
  for (let i = 1; i < k && count <= MOST_OUTCOMES; i++) count = (count * (n + i)) / i;
  return Math.round(count);
}

/** The sum of the probabilities of all outcomes that are no likelier than the observed one. */
function exact(weights: readonly BasisPoints[], n: number): GoodnessTest {
  const logs = weights.map((weight) => Math.log(weight / WHOLE));
  const factorials = new Float64Array(n + 1);
  for (let i = 1; i <= n; i++) factorials[i] = factorials[i - 1]! + Math.log(i);
  const term = (index: number, count: number) => count * logs[index]! - factorials[count]!;

  const likelihoods = new Float64Array(outcomes(n, weights.length));
  let filled = 0;
  const visit = (index: number, left: number, sum: number) => {
    if (index === weights.length - 1) likelihoods[filled++] = sum + term(index, left);
    else for (let count = 0; count <= left; count++) visit(index + 1, left - count, sum + term(index, count));
  };
  visit(0, n, factorials[n]!);
  likelihoods.sort();
  const sums = new Float64Array(likelihoods.length + 1);
  likelihoods.forEach((likelihood, index) => (sums[index + 1] = sums[index]! + Math.exp(likelihood)));

  return {
    name: 'exact multinomial',
    pValue(counts) {
      const observed = counts.reduce((sum, count, index) => sum + term(index, count), factorials[n]!);
      // Equally likely outcomes differ in the last digits, by the order in which they were summed up.
      return Math.min(1, sums[upTo(likelihoods, observed + 1e-7)]!);
    },
  };
}

/** How many of the sorted values are at most `limit`. */
function upTo(sorted: Float64Array, limit: number): number {
  let low = 0;
  for (let high = sorted.length; low < high;) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function chiSquare(weights: readonly BasisPoints[], n: number): GoodnessTest | null {
  const classes = pool(weights, (LEAST_EXPECTED * WHOLE) / n);
  if (classes.length < 2) return null;
  return {
    name: 'chi-square',
    pValue(counts) {
      const statistic = classes.reduce((sum, members) => {
        const observed = members.reduce((total, index) => total + counts[index]!, 0);
        const expected = (members.reduce((total, index) => total + weights[index]!, 0) / WHOLE) * n;
        return sum + (observed - expected) ** 2 / expected;
      }, 0);
      return chiSquareTail(statistic, classes.length - 1);
    },
  };
}

/** Puts versions together, smallest first, until each class has at least this weight. */
function pool(weights: readonly BasisPoints[], least: number): number[][] {
  const bySize = weights.map((_, index) => index).sort((a, b) => weights[a]! - weights[b]!);
  const classes: number[][] = [];
  let open: number[] = [];
  let weight = 0;
  for (const index of bySize) {
    open.push(index);
    weight += weights[index]!;
    if (weight < least) continue;
    classes.push(open);
    open = [];
    weight = 0;
  }
  // The largest comes last, so what is left over is only there when all together are too small.
  return classes;
}
