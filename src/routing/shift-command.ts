/** The command line that makes these changes, as it can be typed into a shell: globs stand in quotes. */
export function shiftCommand(words: readonly string[]): string {
  return ['fnmesh shift', ...words.map((word) => (word.includes('*') ? `'${word}'` : word))].join(' ');
}
