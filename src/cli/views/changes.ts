// What deploys and undos have in common on the screen: a changed field, and what failed.
import { type FieldChange, SECRET } from '../../deploy/diff.js';
import type { RowError } from '../../deploy/result.js';

/** `memory: 128 → 256`, `image: a@sha256:1234… → new (build 5678)`, `config.KEY: changed (secret)`. */
export function changeText({ field, from, to }: FieldChange): string {
  const isHidden =
    [from, to].includes(SECRET) && [from, to].every((value) => value === null || value === SECRET);
  if (isHidden) return `${field}: ${from === null ? 'added' : to === null ? 'removed' : 'changed'} ${SECRET}`;
  // Equal, once its login is left out.
  if (from !== null && from === to) return `${field}: changed (${valueText(to)} has another login)`;
  const text = field === 'image' ? imageText : valueText;
  return `${field}: ${from === null ? 'none' : text(from)} → ${to === null || to === '' ? 'removed' : text(to)}`;
}

/** A build has a name of its own only once it is pushed. */
function imageText(value: FieldChange['to']): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^build [0-9a-f]+$/.test(text) ? `new (${text})` : withoutTail(text);
}

function valueText(value: FieldChange['to']): string {
  return withoutTail(JSON.stringify(value));
}

/** Of a digest the first digits tell it apart. */
function withoutTail(text: string): string {
  return text.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]{52}(?="?$)/, '$1…');
}

type Row = { function: string; version: string; cannotRun?: string; error?: RowError };

/**
 * What failed, with what builds and processes wrote: the lines under the first row of each error, which name all that
 * have the same.
 */
export function errorLines<Each extends Row>(rows: readonly Each[]): Map<Each, string[]> {
  const found = new Map<string, { first: Each; error: RowError; labels: string[] }>();
  for (const row of rows) {
    const { error } = row;
    if (error === undefined || error.message === row.cannotRun) continue;
    const key = JSON.stringify([error.message, error.output, error.try]);
    const same = found.get(key) ?? { first: row, error, labels: [] };
    same.labels.push(`${row.function}/${row.version}`);
    found.set(key, same);
  }
  return new Map([...found.values()].map(({ first, error, labels }) => [first, lines(labels, error)]));
}

function lines(labels: readonly string[], error: RowError): string[] {
  return [
    `${labels.join(', ')} failed: ${error.message}`,
    ...(error.output ? error.output.split('\n').map((line) => `  | ${line}`) : []),
    ...(error.try ? [`  try: ${error.try}`] : []),
  ];
}
