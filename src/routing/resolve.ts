// Which functions a name, a glob or nothing at all stands for.
import { FnmeshError } from '../errors.js';
import { nearest } from './near.js';
import type { AppName, FunctionName } from './route.js';

/**
 * The functions meant by `pattern`: a name, a glob of `*`, or null for the app's only one.
 * @param names The functions of the app that have a route.
 * @param command The command line for a function, to be suggested.
 * @throws FnmeshError `not_found` with the nearest names, or `usage` when one of several must be named.
 */
export function resolveFunctions(
  app: AppName,
  names: readonly FunctionName[],
  pattern: string | null,
  command: (fn: FunctionName) => string,
): FunctionName[] {
  const first = names[0];
  if (first === undefined) {
    throw new FnmeshError('not_found', `no function of ${app} has a route`, { try: 'fnmesh deploy --all' });
  }
  if (pattern === null) {
    if (names.length === 1) return [first];
    throw new FnmeshError('usage', `${app} has several functions (${names.join(', ')}): say which one`, {
      try: command(first),
    });
  }
  const matched = names.filter((name) => globMatches(pattern, name));
  if (matched.length > 0) return matched;
  const near = nearest(pattern, names);
  const hint = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `there are ${names.join(', ')}`;
  throw new FnmeshError('not_found', `${pattern}: no such function in ${app}; ${hint}`, {
    try: command(near[0] ?? first),
  });
}

/** Whether the name matches a pattern in which `*` stands for any characters, none included. */
export function globMatches(pattern: string, name: string): boolean {
  // Matched piece by piece from the left: a regular expression of many `.*` would backtrack without end.
  const [head = '', ...pieces] = pattern.split('*');
  const tail = pieces.pop();
  if (tail === undefined) return pattern === name;
  if (!name.startsWith(head)) return false;
  let at = head.length;
  for (const piece of pieces) {
    const found = name.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return name.length - tail.length >= at && name.endsWith(tail);
}
