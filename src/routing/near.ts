// "Did you mean": the known names that a mistyped name is closest to.

/**
 * The number of insertions, deletions, replacements and swaps of neighbours that make `a` into `b`
 * (optimal string alignment).
 */
export function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const differs = a[row - 1] === b[column - 1] ? 0 : 1;
      let cost = Math.min(current[column - 1]! + 1, previous[column]! + 1, previous[column - 1]! + differs);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, older[column - 2]! + 1);
      current.push(cost);
    }
    older = previous;
    previous = current;
  }
  return previous[b.length]!;
}

/**
 * The known names nearest to `name`, best first, three at most. A name counts as near when a third of the
 * longer of the two (at least one letter) turns one into the other, upper and lower case alike.
 */
export function nearest(name: string, known: readonly string[]): string[] {
  return known
    .map((candidate) => ({
      candidate,
      distance: editDistance(name.toLowerCase(), candidate.toLowerCase()),
      limit: Math.max(1, Math.floor(Math.max(name.length, candidate.length) / 3)),
    }))
    .filter(({ distance, limit }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}
