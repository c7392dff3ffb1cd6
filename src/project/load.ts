// One file of an app: read, parsed and checked, each thing wrong with its line.
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { messageOf } from '../errors.js';
import { didYouMean, type Problem } from './problems.js';
import type { AppFile, FuncFile } from './project.js';
import type { KeyPath, ParsedText, Place } from './yaml.js';

/** A checked file: its content when nothing is wrong, and where each key of it stands. */
export type Loaded<T> = {
  file: string;
  content: T | undefined;
  place: (path: KeyPath) => Place | undefined;
  problems: Problem[];
  warnings: Problem[];
};

// A config value alone may hold 128 KiB; a file of more than 4 MiB is something else.
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** Reads app.yaml, .yml or .json; what is wrong is in the answer. */
export async function loadApp(file: string): Promise<Loaded<AppFile>> {
  const { APP_KEYS, checkApp } = await import('./schema.js');
  return load(file, APP_KEYS, (value) => {
    const checked = checkApp(value);
    return 'app' in checked ? { content: checked.app } : checked;
  });
}

/** Reads func.yaml, .yml or .json; what is wrong is in the answer. */
export async function loadFunc(file: string): Promise<Loaded<FuncFile>> {
  const { FUNC_KEYS, checkFunc } = await import('./schema.js');
  return load(file, FUNC_KEYS, (value) => {
    const checked = checkFunc(value, basename(dirname(file)));
    return 'func' in checked ? { content: checked.func } : checked;
  });
}

async function load<T>(
  file: string,
  keys: readonly string[],
  check: (value: unknown) => { content: T } | { refusals: { path: KeyPath; text: string }[] },
): Promise<Loaded<T>> {
  const loaded: Loaded<T> = { file, content: undefined, place: () => undefined, problems: [], warnings: [] };
  const parsed = await parse(file, loaded.problems);
  if (parsed === undefined) return loaded;
  loaded.place = (path) => parsed.place(path);
  loaded.warnings = unknownKeys(file, parsed, keys);
  const checked = check(parsed.value);
  if ('content' in checked) return { ...loaded, content: checked.content };
  loaded.problems = checked.refusals.map(({ path, text }) => ({
    file,
    ...parsed.place(path),
    text,
    try: `edit ${basename(file)}${path.length === 0 ? '' : `: ${path.join('.')}`}`,
  }));
  return loaded;
}

async function parse(file: string, problems: Problem[]): Promise<ParsedText | undefined> {
  let text: string;
  try {
    const bytes = await readFile(file);
    if (bytes.length > MAX_FILE_BYTES) {
      problems.push({
        file,
        text: 'is larger than 4 MiB, which no such file needs',
        try: 'take large values out of it',
      });
      return undefined;
    }
    text = bytes.toString();
  } catch (error) {
    problems.push({ file, text: `cannot be read: ${messageOf(error)}` });
    return undefined;
  }
  const [{ parseText }, { isTextual }] = await Promise.all([import('./yaml.js'), import('./schema.js')]);
  const parsed = parseText(text, isTextual);
  if ('value' in parsed) return parsed;
  for (const problem of parsed.problems)
    problems.push({ file, ...problem, try: `correct ${basename(file)} there` });
  return undefined;
}

function unknownKeys(file: string, parsed: ParsedText, keys: readonly string[]): Problem[] {
  if (typeof parsed.value !== 'object' || parsed.value === null || Array.isArray(parsed.value)) return [];
  return Object.keys(parsed.value)
    .filter((key) => !keys.includes(key))
    .map((key) => ({
      file,
      ...parsed.place([key], 'key'),
      text: `unknown key ${JSON.stringify(key.slice(0, 60))}, which Fn ignores${didYouMean(key.slice(0, 60), keys)}`,
    }));
}
