// One file of an app: read, parsed and checked, each thing wrong with its line.
import { basename, dirname } from 'node:path';
import { didYouMean, type Problem } from './problems.js';
import type { AppFile, FuncFile } from './project.js';
import { parseFile } from './text-file.js';
import type { KeyPath, ParsedText, Place } from './yaml.js';

/** A checked file: its content when nothing is wrong, and where each key of it stands. */
export type Loaded<T> = {
  file: string;
  content: T | undefined;
  place: (path: KeyPath) => Place | undefined;
  problems: Problem[];
  warnings: Problem[];
};

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
  const { isTextual } = await import('./schema.js');
  const parsed = await parseFile(file, isTextual, loaded.problems);
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
