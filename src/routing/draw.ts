// Chooses a version for each request so that the shares hold at every moment, not only on average.
import { FnmeshError } from '../errors.js';
import { WHOLE } from './route.js';
import type { Split, VersionName } from './route.js';

/** How far a count may be from its exact share, in requests. */
const BOUND = 2;
const LIMIT = BOUND * WHOLE;

/** Hands out versions by weight, one a request. Not to be shared between routes. */
export type Draw = {
  /** The next request's version. */
  next(): VersionName;
};

/** A version with weight. `ahead` is its count minus its exact share, in ten-thousandths of a request. */
type Lane = { readonly version: VersionName; readonly weight: number; ahead: number; open: boolean };

/**
 * A draw whose counts differ from the exact shares by at most 2 at every moment, in an order that is random
 * among the orders that keep this bound. Remainders are carried forward; there are no blocks. A version at 0
 * is never drawn. Each draw takes time in proportion to the number of versions and allocates nothing.
 *
 * With D = 10 000·count − draws·weight for each version, all D must stay within ±20 000. Two rules see to it:
 *
 * 1. A version is open to chance when drawing it leaves its own D ≤ 20 000, all others ≥ −20 000, and at most
 *    one version below −10 000. Among the open ones chance decides in proportion to weight.
 * 2. When none is open, the version whose D would fall below −20 000 first is taken, of those whose own D stays
 *    ≤ 20 000 (earliest deadline first).
 *
 * Why this never fails: to stay ≥ −20 000 over the next h draws, a version needs ⌈(h·w − D − 20 000)/10 000⌉ of
 * them, which is less than h·w/10 000 when D ≥ −10 000, and less than one more when D ≥ −20 000. Where at most one
 * version is below −10 000, all needs together are less than h + 1, so at most h, for every h. Draws that may only
 * come later (to stay ≤ 20 000) have windows three shares long, so no later stretch is overbooked either. Such a
 * state is therefore feasible, and unit jobs with release times and deadlines that are feasible are met by earliest
 * deadline first. Rule 1 only ever leads to such states; rule 2 keeps a feasible state feasible. Something is always
 * free to be drawn, since all D sum to 0 and so one of them is ≤ 0.
 *
 * @param random Gives numbers from 0 to below 1.
 * @throws FnmeshError `failed` when the split does not sum to 10 000, for then no order keeps the bound.
 */
export function createDraw(split: Split, random: () => number = Math.random): Draw {
  const lanes: Lane[] = Object.entries(split)
    .filter(([, weight]) => weight > 0)
    .map(([version, weight]) => ({ version, weight, ahead: 0, open: false }));
  const sum = lanes.reduce((total, lane) => total + lane.weight, 0);
  if (sum !== WHOLE) throw new FnmeshError('failed', `a split must sum to ${WHOLE} basis points, not ${sum}`);

  return {
    next() {
      const openWeight = markOpen(lanes);
      const chosen = openWeight > 0 ? byChance(lanes, Math.floor(random() * openWeight)) : mostUrgent(lanes);
      for (const lane of lanes) lane.ahead -= lane.weight;
      chosen.ahead += WHOLE;
      return chosen.version;
    },
  };
}

/** Marks the versions that chance may take (rule 1); gives the sum of their weights. */
function markOpen(lanes: Lane[]): number {
  let late = 0;
  let lost = 0;
  for (const lane of lanes) {
    if (lane.ahead - lane.weight < -WHOLE) late++;
    if (lane.ahead - lane.weight < -LIMIT) lost++;
  }
  let openWeight = 0;
  for (const lane of lanes) {
    const isLate = lane.ahead - lane.weight < -WHOLE ? 1 : 0;
    const isLost = lane.ahead - lane.weight < -LIMIT ? 1 : 0;
    // Once drawn, this version is 10 000 higher: then it is late only if it would have been lost.
    lane.open = isReleased(lane) && lost - isLost === 0 && late - isLate + isLost <= 1;
    if (lane.open) openWeight += lane.weight;
  }
  return openWeight;
}

function isReleased(lane: Lane): boolean {
  return lane.ahead + WHOLE - lane.weight <= LIMIT;
}

/** The open version that holds the ticket, when each open one holds as many as its weight. */
function byChance(lanes: Lane[], ticket: number): Lane {
  let holder = lanes[0]!;
  for (const lane of lanes) {
    if (!lane.open) continue;
    holder = lane;
    ticket -= lane.weight;
    if (ticket < 0) break;
  }
  return holder;
}

/** The released version that would first fall below the bound (rule 2). */
function mostUrgent(lanes: Lane[]): Lane {
  let urgent: Lane | undefined;
  for (const lane of lanes) {
    if (!isReleased(lane)) continue;
    // (a + LIMIT) / weight compared crosswise, to stay with integers.
    if (!urgent || (lane.ahead + LIMIT) * urgent.weight < (urgent.ahead + LIMIT) * lane.weight) urgent = lane;
  }
  return urgent!;
}
