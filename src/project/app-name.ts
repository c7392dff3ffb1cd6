// The name of the app one stands in, for commands that need nothing else of its folder and should start at once.
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Emit } from '../events.js';
import { findAppFile, readApp } from './read.js';

/**
 * The app's name and folder, mostly without loading a YAML parser: the rest of app.yaml is not looked at.
 * @throws FnmeshError `not_found` without an app.yaml, `config` when its name is not to be had.
 */
export async function readAppName(startDir: string, emit: Emit): Promise<{ root: string; name: string }> {
  const file = await findAppFile(startDir);
  const name = plainName(await readFile(file, 'utf8').catch(() => ''));
  if (name !== undefined) return { root: dirname(file), name };
  const { root, app } = await readApp(startDir, emit);
  return { root, name: app.name };
}

/** The name in the text of an app.yaml that cannot be read in two ways; undefined leaves it to the parser. */
export function plainName(text: string): string | undefined {
  const lines = text.split(/\r?\n/);
  // Outside of indented lines and comments, only `key:` lines, one of them `name:`.
  const top = lines.filter((line) => !/^(\s|#|$)/.test(line));
  // What is indented before the first of them may be a block scalar that all of them are the text of.
  const first = lines.find((line) => !/^\s*(#|$)/.test(line)) ?? '';
  if (![first, ...top].every((line) => /^[A-Za-z_]+:(\s|$)/.test(line))) return undefined;
  const [only, ...others] = top.filter((line) => line.startsWith('name:'));
  const found =
    others.length === 0 ? /^name:[ \t]+([A-Za-z][\w-]*)[ \t]*$/.exec(only?.replace(/ #.*$/, '') ?? '') : null;
  // The next line with anything on it may go on with the name.
  const below = lines.slice(lines.indexOf(only ?? '') + 1).find((line) => line.trim() !== '') ?? '';
  const name = found?.[1];
  return name === undefined || /^\s/.test(below) || /^(true|false|null|yes|no|on|off|y|n)$/i.test(name)
    ? undefined
    : name;
}
