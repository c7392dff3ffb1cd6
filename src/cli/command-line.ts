/** A command as it was typed, to be typed again: what a shell would take for something else stands in quotes. */
export function commandLine(id: string, argv: readonly string[]): string {
  return ['fnmesh', ...id.split(':'), ...argv.map(quoted)].join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Flags that say where a command acts, and of which app. */
const PLACE = ['target', 'api-url', 'kubeconfig', 'context', 'namespace'];

/**
 * A command that is suggested, with what was typed of where commands act. One that names a place itself, that takes no
 * such flags, or that is more than a command stays as it is.
 * @param argv What was typed.
 * @param flagsOf The flags that a command takes; undefined: there is no such command.
 * @param short Flags that have a letter in what was typed, such as `n` for `namespace`.
 */
export function carried(
  suggestion: string,
  argv: readonly string[],
  flagsOf: (id: string) => readonly string[] | undefined,
  short: Readonly<Record<string, string>> = {},
): string {
  const [, first = '', second = ''] = /^fnmesh ([a-z]+)(?: ([a-z]+))?/.exec(suggestion) ?? [];
  const takes = flagsOf(first) ?? flagsOf(`${first}:${second}`);
  if (takes === undefined || /[,;|&]\s|\b(and|or|then)\b/.test(suggestion)) return suggestion;
  const hasPlace = PLACE.some((flag) => suggestion.includes(`--${flag}`));
  const wanted = [...(hasPlace ? [] : PLACE), 'app'].filter(
    (flag) => takes.includes(flag) && !suggestion.includes(`--${flag}`),
  );
  const more = wanted.flatMap((flag) => {
    const value = valueOf(flag, short[flag], argv);
    return value === undefined ? [] : [`--${flag}`, quoted(value)];
  });
  return [suggestion, ...more].join(' ');
}

function valueOf(flag: string, letter: string | undefined, argv: readonly string[]): string | undefined {
  for (const [at, word] of argv.entries()) {
    if (word === `--${flag}` || (letter !== undefined && word === `-${letter}`)) return argv[at + 1];
    if (word.startsWith(`--${flag}=`)) return word.slice(flag.length + 3);
  }
  return undefined;
}
