import { FnmeshError } from '../errors.js';
import { resolveFunctions } from '../routing/resolve.js';
import { isVersionName } from '../routing/versions.js';
import type { RouteTable } from '../router/router.js';

/** One function, perhaps one version of it. */
export type FunctionWord = { function: string; version: string | undefined };

/**
 * Reads `cart`, `cart/v2`, in an app of one function `v2`, or nothing at all, against the app's routes.
 * @param command The command's name, for suggestions.
 * @throws FnmeshError `usage` or `not_found` with a corrected command.
 */
export function functionWord(table: RouteTable, word: string | undefined, command: string): FunctionWord {
  const names = table.routes.map(({ route }) => route.function);
  const line = (fn: string): string => `fnmesh ${command} ${fn}`;
  const [name, version, ...more] = word === undefined ? [undefined] : word.split('/');
  if (more.length > 0 || name === '' || version === '') {
    throw new FnmeshError('usage', `'${word}' is no function or version: write FN or FN/v2`, {
      try: line(names[0] ?? 'FN'),
    });
  }
  if (name !== undefined && version === undefined && isVersionName(name)) {
    return {
      function: resolveFunctions(table.app, names, null, (fn) => line(`${fn}/${name}`))[0]!,
      version: name,
    };
  }
  const matched = resolveFunctions(table.app, names, name ?? null, line);
  if (matched.length > 1) {
    throw new FnmeshError('usage', `'${word}' matches ${matched.join(', ')}: name one`, {
      try: line(matched[0]!),
    });
  }
  return { function: matched[0]!, version };
}

/**
 * What logs and destroy are about: everything without a word. Other than for a call, what has no route counts too, so
 * unknown names are left to those who know what is deployed.
 * @throws FnmeshError `usage` for what is no name of a function or version.
 */
export function deployedWord(
  table: RouteTable,
  word: string | undefined,
  command: string,
): { function?: string; version?: string } {
  if (word === undefined) return {};
  if (isVersionName(word)) return { function: functionWord(table, word, command).function, version: word };
  const [name = '', version, ...more] = word.split('/');
  if (name === '' || version === '' || more.length > 0) {
    throw new FnmeshError('usage', `'${word}' is no function or version: write FN or FN/v2`, {
      try: `fnmesh ${command} FN/v2`,
    });
  }
  return { function: name, ...(version === undefined ? {} : { version }) };
}
