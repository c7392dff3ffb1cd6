// Reads env files, and puts them together with the process's own environment.
import { readFile } from 'node:fs/promises';
import { FnmeshError, messageOf } from '../errors.js';
import type { Setting } from '../target/target.js';
import { type Problem, problemsError } from './problems.js';

/** What `${NAME}` in config values can stand for. Never printed: these are secrets as a rule. */
export type Variables = Readonly<Record<string, string>>;

/** A value and how many further lines it takes; or what is wrong with it. */
type Value = { moreLines: number } & ({ text: string } | { problem: string });

const START = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=/;
const COMMENT = /^[ \t]*(#.*)?$/;
const AFTER_QUOTE = /^[ \t]*([ \t]#.*)?$/;
const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' };

/**
 * Reads lines of NAME=value, as dotenv files have them: `export` before a name and `#` comments are skipped;
 * 'single quotes' hold a value as it stands, "double quotes" one with \n, \r, \t, \" and \\ and perhaps of
 * several lines; any other value ends at its line's end or before ` #`. `$` means nothing here. Of a name that
 * stands twice the last counts.
 * @param file The file's path, for messages.
 * @throws FnmeshError `config` with `file:line` for each line that is none of these; never with a value.
 */
export function parseEnvFile(text: string, file: string): Record<string, string> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  const values = new Map<string, string>();
  const problems: Problem[] = [];
  for (let at = 0; at < lines.length; at++) {
    if (COMMENT.test(lines[at]!)) continue;
    const [start, name] = START.exec(lines[at]!) ?? [];
    const more = (): string[] => lines.slice(at + 1);
    const value = start === undefined ? NO_PAIR : valueOf(lines[at]!.slice(start.length), more);
    if ('text' in value) values.set(name!, value.text);
    else problems.push({ file, line: at + 1, text: value.problem, try: `correct ${file} there` });
    at += value.moreLines;
  }
  if (problems.length > 0) throw problemsError(problems, process.cwd());
  return Object.fromEntries(values);
}

const NO_PAIR: Value = {
  problem:
    'is no NAME=value (a name has letters, digits and "_"; a value of several lines stands in double quotes)',
  moreLines: 0,
};

function valueOf(first: string, more: () => string[]): Value {
  const line = first.trimStart();
  if (line.includes('\0'))
    return { problem: 'holds a NUL character, which no environment variable can', moreLines: 0 };
  if (line.startsWith("'")) {
    const [whole, text = ''] = /^'([^']*)'/.exec(line) ?? [];
    if (whole === undefined) return { problem: 'a single quote is not closed on its line', moreLines: 0 };
    return checkedRest({ text, moreLines: 0 }, line.slice(whole.length));
  }
  if (line.startsWith('"')) return doubleQuoted([line, ...more()]);
  // A "#" inside a word, as in colours and URLs, starts no comment. `first` still has the blank before it.
  return { text: first.replace(/[ \t]#.*$/, '').trim(), moreLines: 0 };
}

function doubleQuoted(lines: string[]): Value {
  const text = lines.join('\n');
  const [whole] = /^"(?:[^"\\]|\\[^])*"/.exec(text) ?? [];
  if (whole === undefined) return { problem: 'a double quote is not closed', moreLines: lines.length - 1 };
  const inner = whole.slice(1, -1).replace(/\\([^])/g, (escape, letter: string) => ESCAPES[letter] ?? escape);
  const moreLines = whole.split('\n').length - 1;
  if (inner.includes('\0'))
    return { problem: 'holds a NUL character, which no environment variable can', moreLines };
  return checkedRest({ text: inner, moreLines }, text.slice(whole.length).split('\n', 1)[0]!);
}

function checkedRest(value: Value & { text: string }, rest: string): Value {
  if (AFTER_QUOTE.test(rest)) return value;
  return { problem: 'holds something behind the closing quote', moreLines: value.moreLines };
}

/**
 * Reads env files and puts the process's environment over them.
 * @param files Absolute paths; later files count over earlier ones.
 * @throws FnmeshError `config` for a file that cannot be read, naming where fnmesh.yaml lists it, and as
 * parseEnvFile.
 */
export async function readEnvironment(
  files: readonly Setting<string>[],
  processEnv: Readonly<Record<string, string | undefined>>,
): Promise<Variables> {
  const all = new Map<string, string>();
  for (const { value: file, from } of files) {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      const gone = (error as NodeJS.ErrnoException).code === 'ENOENT';
      throw new FnmeshError(
        'config',
        gone
          ? `${from}: there is no env file ${file}`
          : `${from}: ${file} cannot be read: ${messageOf(error)}`,
        {
          try: gone ? `make ${file} with lines NAME=value, or take it out of ${from}` : `ls -l ${file}`,
          cause: error,
        },
      );
    });
    for (const [name, value] of Object.entries(parseEnvFile(text, file))) all.set(name, value);
  }
  for (const [name, value] of Object.entries(processEnv)) if (value !== undefined) all.set(name, value);
  return Object.fromEntries(all);
}
