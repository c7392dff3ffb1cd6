// Reads one file of an app from the disk, as YAML or JSON with the place of every value.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { messageOf } from '../errors.js';
import type { Problem } from './problems.js';
import type { KeyPath, ParsedText } from './yaml.js';

// A config value alone may hold 128 KiB; a file of more than 4 MiB is something else.
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Reads and parses a file; undefined when that cannot be done, with the reasons added to `problems`.
 * @param textual says which values are text whatever they look like; see parseText.
 */
export async function parseFile(
  file: string,
  textual: (path: KeyPath) => boolean,
  problems: Problem[],
): Promise<ParsedText | undefined> {
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
  const { parseText } = await import('./yaml.js');
  const parsed = parseText(text, textual);
  if ('value' in parsed) return parsed;
  for (const problem of parsed.problems)
    problems.push({ file, ...problem, try: `correct ${basename(file)} there` });
  return undefined;
}
