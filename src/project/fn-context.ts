// Reads the current context of Fn's own tools in ~/.fn; never writes there.
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { FnmeshError } from '../errors.js';
import type { FnContext } from '../target/settings.js';
import { type Problem, problemsError } from './problems.js';
import { parseFile } from './text-file.js';

/** Keys of a context's file that fnmesh reads; Oracle's contexts have more. */
const KEYS = { provider: 'provider', apiUrl: 'api-url', registry: 'registry', token: 'token' } as const;
/** What Fn's tools allow (fnproject/cli 0.6.63, objects/context/context.go), and dots, as people copy files. */
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

/**
 * The context that Fn's tools would use (fnproject/cli 0.6.63, config/config.go): the one FN_CONTEXT names, else
 * `current-context` of ~/.fn/config.yaml, in ~/.fn/contexts/NAME.yaml.
 * @returns null when there is none.
 * @throws FnmeshError `config` when FN_CONTEXT is no name or names a context that is not there, and when one of
 * the two files is no map of texts.
 */
export async function readFnContext(
  env: Readonly<Record<string, string | undefined>> = process.env,
  home: string = homedir(),
): Promise<FnContext | null> {
  const folder = join(home, '.fn');
  const asked = env['FN_CONTEXT'];
  const config = asked ? null : await readFlat(join(folder, 'config.yaml'), home);
  const name = asked || config?.['current-context'];
  if (!name) return null;
  if (!NAME.test(name)) {
    const where = asked ? 'FN_CONTEXT' : `current-context in ${join(folder, 'config.yaml')}`;
    throw new FnmeshError('config', `${where} is no name of an Fn context: ${JSON.stringify(name)}`, {
      try: asked ? 'unset FN_CONTEXT' : 'fn use context default',
    });
  }
  const file = join(folder, 'contexts', `${name}.yaml`);
  const content = await readFlat(file, home);
  if (content === null) {
    if (!asked) return null;
    throw new FnmeshError('config', `FN_CONTEXT=${name}: there is no ${file}`, {
      try: `ls ${join(folder, 'contexts')}; unset FN_CONTEXT, or name one of these`,
    });
  }
  const said = Object.entries(KEYS)
    .map(([key, written]) => [key, content[written]?.trim()] as const)
    .filter(([, value]) => value);
  return { name, file, provider: 'default', ...Object.fromEntries(said) };
}

/** A flat map of texts; null when there is no such file. */
async function readFlat(file: string, home: string): Promise<Record<string, string> | null> {
  if (!(await stat(file).catch(() => undefined))?.isFile()) return null;
  const problems: Problem[] = [];
  const parsed = await parseFile(file, (path) => path.length === 1, problems);
  if (parsed !== undefined && parsed.value === null) return {};
  if (parsed !== undefined && (typeof parsed.value !== 'object' || Array.isArray(parsed.value))) {
    problems.push({
      file,
      ...parsed.place([]),
      text: 'must be a map of keys and values',
      try: `edit ${file}`,
    });
  }
  if (parsed === undefined || problems.length > 0) throw problemsError(problems, home);
  const entries = Object.entries(parsed.value as Record<string, unknown>);
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
