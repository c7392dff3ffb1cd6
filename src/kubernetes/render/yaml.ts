// Writes objects as YAML: the same objects give the same bytes, and readers of YAML 1.1 and of 1.2 read the same values.
// No package, since rendering many functions is mostly this, and objects need few of YAML's forms.

/** These keys stand first, in this order; all others follow by their code units. */
const FIRST = ['apiVersion', 'kind', 'metadata', 'name', 'namespace'];

/**
 * One document without its `---`, ending in a line break; of plain data with a map or list at the top. Keys that are
 * undefined are left out, as JSON does. A text is written plain where every reader takes it for a text, as a block
 * where it has lines, else in quotes (YAML 1.1 reads `on`, `1e3`, `1:30` and `0o7` as other things; YAML 1.2.2 §7.3).
 */
export function yamlText(value: unknown): string {
  return `${node(value, '').trimStart()}\n`;
}

/** What follows a key's colon or an item's dash: ` value`, or a line break and lines indented by at least `indent`. */
function node(value: unknown, indent: string): string {
  if (typeof value === 'string') return ` ${textOf(value, indent)}`;
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []';
    return value.map((item) => `\n${indent}-${onOneLine(node(item ?? null, `${indent}  `))}`).join('');
  }
  if (typeof value !== 'object' || value === null) return ` ${number(value)}`;
  const pairs = pairsOf(value);
  if (pairs.length === 0) return ' {}';
  return pairs
    .map(([key, inner]) => {
      const below = Array.isArray(inner) ? indent : `${indent}  `;
      return `\n${indent}${PLAIN.test(key) && !isTaken(key) ? key : quoted(key)}:${node(inner, below)}`;
    })
    .join('');
}

/** A map in a list starts on the line of its dash. */
const onOneLine = (text: string): string => (text.startsWith('\n') ? ` ${text.trimStart()}` : text);

function pairsOf(map: object): [string, unknown][] {
  const rank = (key: string): number => (FIRST.includes(key) ? FIRST.indexOf(key) : FIRST.length);
  return (Object.entries(map) as [string, unknown][])
    .filter(([, inner]) => inner !== undefined)
    .sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** YAML 1.1 takes a number with an exponent for one only when it has a point too. */
const number = (value: unknown): string => JSON.stringify(value).replace(/^(-?\d+)e/, '$1.0e');

// A letter or a slash first: no number, date, sign or anchor begins so. A colon only between two of these.
const PLAIN = /^[A-Za-z/](?:[A-Za-z0-9_/.@-]|:(?=[A-Za-z0-9_/.@-]))*$/;
// The last is a number to some readers of YAML 1.1.
const isTaken = (text: string): boolean => /^(y|n|yes|no|true|false|on|off|null|e[-+]?\d+)$/i.test(text);

function textOf(text: string, indent: string): string {
  if (PLAIN.test(text) && !isTaken(text)) return text;
  if (!isBlock(text)) return quoted(text);
  const body = text.endsWith('\n') ? text.slice(0, -1) : text;
  const lines = body.split('\n').map((line) => (line === '' ? '' : `${indent}${line}`));
  return `${body === text ? '|-' : '|'}\n${lines.join('\n')}`;
}

/** Several lines of which a reader can tell the indentation, and loses no space. */
const isBlock = (text: string): boolean =>
  /^[^\s].*\n/.test(text) &&
  !/[ \t](\n|$)|\n\n$|[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\ufefe]|[\u2028\u2029]/.test(text);

const quoted = (text: string): string =>
  JSON.stringify(text).replace(
    /[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
