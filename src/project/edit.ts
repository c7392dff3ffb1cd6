// Gives a func.yaml another name, trigger and source, and leaves the rest of its text alone.
import { isTextual } from './schema.js';
import { editText, parseText, type TextEdit } from './yaml.js';

/** What a version's func.yaml is to say: the name of its fn and first http trigger, and that trigger's source. */
export type FuncNames = { name: string; source: string };

/** How further triggers get names of their own: the version that was copied, and the new one. */
export type VersionChange = { from: string; to: string };

/**
 * Rewrites the names in the text of a func.yaml, .yml or .json; comments, order and quotes stay.
 * @param further where given, triggers behind the first have the old version in their source replaced by the
 * new one (`/v2/admin` → `/v3/admin`), or the new one added, since no two sources of an app may be equal.
 * @param addTrigger adds an http trigger to a file without any.
 * @throws Error when the text is no YAML.
 */
export function renameFunc(
  text: string,
  names: FuncNames,
  options: { further?: VersionChange; addTrigger?: boolean } = {},
): string {
  const parsed = parseText(text, isTextual);
  if ('problems' in parsed) throw new Error(parsed.problems[0]?.text ?? 'not YAML');
  const triggers = triggersOf(parsed.value);
  const first = triggers.findIndex(({ type }) => type === 'http');
  const edits: TextEdit[] = [{ path: ['name'], value: names.name }];
  if (first !== -1) {
    edits.push({ path: ['triggers', first, 'name'], value: names.name });
    edits.push({ path: ['triggers', first, 'source'], value: names.source });
  } else if (options.addTrigger && triggers.length === 0) {
    edits.push({ path: ['triggers'], value: [{ name: names.name, type: 'http', source: names.source }] });
  }
  for (const [index, trigger] of triggers.entries()) {
    if (index === first || options.further === undefined || typeof trigger.source !== 'string') continue;
    edits.push({
      path: ['triggers', index, 'source'],
      value: furtherSource(trigger.source, options.further),
    });
  }
  return editText(text, edits);
}

function triggersOf(value: unknown): { type?: unknown; source?: unknown }[] {
  const triggers: unknown = (value as { triggers?: unknown } | null)?.triggers;
  return Array.isArray(triggers)
    ? triggers.map((one: unknown) => (typeof one === 'object' && one !== null ? one : {}))
    : [];
}

function furtherSource(source: string, { from, to }: VersionChange): string {
  const parts = source.split('/');
  const at = parts.indexOf(from);
  if (at === -1) return `${source.replace(/\/$/, '')}/${to}`;
  return parts.with(at, to).join('/');
}
