// What changes on a cluster: routes, and the other objects before the functions.
import type { FrontRows, RouteRow } from '../../deploy/route-rows.js';
import type { FieldDifference } from '../../kubernetes/compare.js';
import type { ObjectChange, ObjectRef } from '../../kubernetes/front.js';

/** The most characters of a value that are shown. */
const LONGEST_VALUE = 60;
/** The most objects, or routes, that are shown one by one. */
const MOST_SHOWN = 12;
/** The most names that are shown of those of one kind which go. */
const MOST_NAMES = 8;
/** v2 before v10. */
const BY_NUMBER = new Intl.Collator('en', { numeric: true });

/** Each object and route that changes, of many only how many, and how many there are in all. */
export function frontLines(front: FrontRows | null, dry: boolean): string[] {
  if (front === null) return [];
  const { objects, routes, warnings } = front;
  return [
    ...fewOrCounts(objects.map((object) => [object, objectText(object, dry)])),
    ...fewOrCounts(routes.map((row) => [row, `${named(row)} ${said(row, dry)}: ${row.host}${row.path}`])),
    ...totals(objects, routes, dry),
    // What is done was warned of before.
    ...(dry ? warnings.map((text) => `warning: ${text}`) : []),
  ];

  function fewOrCounts(rows: readonly (readonly [ObjectChange | RouteRow, string])[]): string[] {
    if (rows.length <= MOST_SHOWN) return rows.map(([, text]) => text);
    const counts = counted(rows.map(([row]) => `${row.kind} ${said(row, dry)}`));
    return [...counts].map(([what, count]) => `${count} × ${what}`);
  }
}

/** What goes from a cluster, a line a kind, the routes first; then what else changes there. */
export function goneLines(front: FrontRows | null, dry: boolean): string[] {
  if (front === null) return [];
  const goes = ({ action }: ObjectChange | RouteRow): boolean => action === 'remove';
  const gone = [...front.routes.filter(goes), ...front.objects.filter(goes)];
  const groups = new Map<string, ObjectRef[]>();
  for (const row of gone) {
    const key = `${row.namespace} ${row.kind}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const lines = [...groups.values()].map((rows) => {
    const [{ kind, namespace } = { kind: '', namespace: '' }] = rows;
    const names = rows
      .map(({ name }) => name)
      .sort(BY_NUMBER.compare)
      .slice(0, MOST_NAMES);
    const more = rows.length > MOST_NAMES ? ` and ${rows.length - MOST_NAMES} more` : '';
    return `${dry ? 'would remove' : 'removed'} ${rows.length} × ${kind} in ${namespace}: ${names.join(', ')}${more}`;
  });
  const stays = <Row extends ObjectChange | RouteRow>(rows: readonly Row[]): Row[] =>
    rows.filter((row) => !goes(row));
  const rest = { ...front, objects: stays(front.objects), routes: stays(front.routes) };
  return [...lines, ...frontLines(rest, dry)];
}

function objectText(change: ObjectChange, dry: boolean): string {
  const what = change.changes?.map(fieldText) ?? change.fields;
  return `${named(change)} ${said(change, dry)}${what.length > 0 ? `: ${what.join(', ')}` : ''}`;
}

const DONE = { create: 'created', update: 'updated', write: 'written', remove: 'removed' } as const;

function said({ action }: Pick<ObjectChange | RouteRow, 'action'>, dry: boolean): string {
  return dry ? `would be ${DONE[action]}` : DONE[action];
}

function named({ kind, namespace, name }: ObjectRef): string {
  return `${kind} ${namespace}/${name}`;
}

/** `on the cluster: 8 objects created, 1 route written`. */
function totals(objects: readonly ObjectChange[], routes: readonly RouteRow[], dry: boolean): string[] {
  const count = (what: string, rows: readonly (ObjectChange | RouteRow)[]): string[] =>
    [...counted(rows.map((row) => said(row, dry)))].map(
      ([done, number]) => `${number} ${what}${number === 1 ? '' : 's'} ${done}`,
    );
  const all = [...count('object', objects), ...count('route', routes)];
  return all.length === 0 ? [] : [`on the cluster: ${all.join(', ')}`];
}

function counted(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** `spec.replicas 1 → 2`; of long and nested values only where they are. */
function fieldText({ field, from, to }: FieldDifference): string {
  const texts = [from, to].map((value) =>
    value === null ? 'nothing' : typeof value === 'object' ? null : JSON.stringify(value),
  );
  const [before, after] = texts;
  if (before == null || after == null) return field;
  if (before.length > LONGEST_VALUE || after.length > LONGEST_VALUE) return field;
  return `${field} ${before} → ${after}`;
}
