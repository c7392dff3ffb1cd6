/** A command as it was typed, to be typed again: what a shell would take for something else stands in quotes. */
export function commandLine(id: string, argv: readonly string[]): string {
  return ['fnmesh', ...id.split(':'), ...argv.map(quoted)].join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
