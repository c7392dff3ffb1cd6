/**
 * Rows aligned in columns under upper-case headers, as kubectl prints them; no line ends in a space. Gives ''
 * for no rows. Columns of numbers (`right`) are aligned to the right.
 */
export function table(headers: string[], rows: string[][], right: number[] = []): string {
  if (rows.length === 0) return '';
  const all = [headers.map((header) => header.toUpperCase()), ...rows];
  const widths = headers.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ''))));
  return all
    .map((row) =>
      row
        .map((cell, column) => {
          const padding = ' '.repeat((widths[column] ?? 0) - width(cell));
          return right.includes(column) ? padding + cell : cell + padding;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Characters, not UTF-16 units. */
function width(text: string): number {
  return [...text].length;
}
