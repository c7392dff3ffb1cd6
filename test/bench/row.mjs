// The rows of the table: what was measured, against what, and whether it is what issue 4 asks for.
import { differences, median, ratios, short, spread } from './stats.mjs';

/**
 * A row that compares two series round by round.
 * @param {object} row
 * @param {string} row.name What `npm run bench -- NAME` calls it.
 * @param {string} row.what For people.
 * @param {number[]} row.measured One number a round.
 * @param {number[]} row.against The other side's, of the same rounds.
 * @param {string} row.unit Of both.
 * @param {'ratio'|'inverse'|'difference'} row.by measured ÷ against, against ÷ measured, or measured − against.
 * @param {{atMost?: number, atLeast?: number}} [row.reach] Bounds of the median; absent = nothing is asked.
 * @param {string} [row.side] What the other side is.
 * @param {string} [row.note] Anything else one should know.
 */
export function compared({ name, what, measured, against, unit, by, reach = {}, side = '', note = '' }) {
  const results =
    by === 'ratio'
      ? ratios(measured, against)
      : by === 'inverse'
        ? ratios(against, measured)
        : differences(measured, against);
  const sign = by === 'difference' ? ` ${unit}` : '×';
  return {
    name,
    what,
    measured: `${spread(measured)} ${unit}`,
    against: `${side} ${spread(against)} ${unit}`.trim(),
    result: `${spread(results)}${sign}`,
    reach: bounds(reach, by === 'difference' ? ` ${unit}` : '×'),
    reached: isReached(reach, median(results)),
    note,
    numbers: { measured, against, results },
  };
}

/** A row that has nothing to be compared with. `reach` bounds the median. */
export function alone({ name, what, measured, unit, reach = {}, note = '' }) {
  return {
    name,
    what,
    measured: `${spread(measured)} ${unit}`,
    against: '–',
    result: '–',
    reach: bounds(reach, ` ${unit}`),
    reached: isReached(reach, median(measured)),
    note,
    numbers: { measured },
  };
}

/** A row that could not be measured here, and what it would take. */
export function notMeasured(name, what, why) {
  const none = { against: '–', result: '–', reach: '–', reached: null, note: '' };
  return { name, what, measured: `not measured: ${why}`, ...none };
}

function bounds({ atMost, atLeast }, unit) {
  if (atMost !== undefined) return `≤ ${short(atMost)}${unit}`;
  return atLeast === undefined ? '–' : `≥ ${short(atLeast)}${unit}`;
}

function isReached({ atMost = Infinity, atLeast = -Infinity }, number) {
  if (atMost === Infinity && atLeast === -Infinity) return null;
  return number <= atMost && number >= atLeast;
}
