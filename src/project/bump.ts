// Adds one to the patch of a func.yaml's version, and leaves the rest of its text alone.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Problem, problemsError } from './problems.js';
import { replaceFile } from './replace-file.js';
import { parseFile } from './text-file.js';

/** What a func.yaml without a version has (fnproject/cli 0.6.63, common/bump.go). */
const INITIAL = '0.0.1';

/** The version after `version`, its patch one higher; null when it is no `x.y.z` of numbers. */
export function nextPatch(version: string): string | null {
  const [, front, patch] = /^(\d+\.\d+\.)(\d+)$/.exec(version) ?? [];
  return front === undefined ? null : `${front}${BigInt(patch!) + 1n}`;
}

/**
 * Writes the next patch version into a func.yaml, .yml or .json, in one step; a file without a version has 0.0.1, and
 * gets the key behind its name. Comments, order, quotes and the file's mode stay.
 * @returns the version that was there and the one that is there now.
 * @throws FnmeshError `config` with file:line:column when the file cannot be read or its version is no `x.y.z`,
 * `failed` when it cannot be written.
 */
export async function bumpPatch(file: string): Promise<{ from: string; to: string }> {
  const [{ editText, insertKey }, { isTextual }] = await Promise.all([
    import('./yaml.js'),
    import('./schema.js'),
  ]);
  const problems: Problem[] = [];
  const parsed = await parseFile(file, isTextual, problems);
  if (parsed === undefined) throw problemsError(problems, process.cwd());
  if (typeof parsed.value !== 'object' || parsed.value === null || Array.isArray(parsed.value)) {
    const text = 'the file must be a map of keys and values';
    throw problemsError([{ file, ...parsed.place([]), text, try: `edit ${basename(file)}` }], process.cwd());
  }
  const given = (parsed.value as { version?: unknown }).version;
  const from = given === undefined || given === '' ? INITIAL : given;
  const to = typeof from === 'string' ? nextPatch(from) : null;
  if (typeof from !== 'string' || to === null) {
    const text = `version ${JSON.stringify(from)} is no x.y.z, such as ${INITIAL}: it cannot be counted up`;
    const problem = {
      file,
      ...parsed.place(['version']),
      text,
      try: `edit ${basename(file)}: version: ${INITIAL}`,
    };
    throw problemsError([problem], process.cwd());
  }
  const text = await readFile(file, 'utf8');
  const edited =
    given === undefined
      ? insertKey(text, 'name', 'version', to)
      : editText(text, [{ path: ['version'], value: to }]);
  await replaceFile(file, edited);
  return { from, to };
}
