// Numbers of a bench: taken side by side, put together by their medians.

/**
 * Takes one measurement of each kind per round, all kinds within each round, in turns first: what disturbs the machine
 * disturbs all of them. `takes` = functions by kind; gives the numbers (or what else they give) by kind, one a round.
 */
export async function interleaved(rounds, takes) {
  const kinds = Object.keys(takes);
  const taken = Object.fromEntries(kinds.map((kind) => [kind, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < kinds.length; turn++) {
      const kind = kinds[(round + turn) % kinds.length];
      taken[kind].push(await takes[kind](round));
    }
  }
  return taken;
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Of each round its own ratio, so that a slow moment that both shared falls out. */
export function ratios(numerators, denominators) {
  return numerators.map((number, round) => number / denominators[round]);
}

/** Of each round its own difference. */
export function differences(numbers, others) {
  return numbers.map((number, round) => number - others[round]);
}

/** Median and range: `1.24 (1.20–1.31)`; a single number stands alone. */
export function spread(numbers, format = short) {
  const text = format(median(numbers));
  if (numbers.length === 1) return text;
  return `${text} (${format(Math.min(...numbers))}–${format(Math.max(...numbers))})`;
}

/** Three significant digits, no exponent. */
export function short(number) {
  if (number === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(number))));
  return number.toFixed(Math.min(digits, 6));
}
