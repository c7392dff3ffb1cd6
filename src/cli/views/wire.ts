import type { WiredFunction, WirePlan } from '../../deploy/wire.js';
import type { FieldDifference } from '../../kubernetes/compare.js';
import { formatPercent, formatSplit } from '../../routing/weights.js';
import { routeUrl } from '../../routing/match.js';
import { versionsOf } from '../../routing/versions.js';

/** Each function's address and split, what was added, and what is missing. */
export function wireView(plan: WirePlan, gatewayUrl: string | null, dry: boolean): string {
  if (plan.functions.length === 0) return `app ${plan.app} has no functions that fnmesh deployed`;
  const changed = new Set(
    plan.changes.map((change) => (change.kind === 'put' ? change.route.function : change.function)),
  );
  const lines = plan.functions.flatMap((fn) => {
    const state = !changed.has(fn.function) ? 'unchanged' : dry ? 'would be wired' : 'wired';
    return [...functionLines(fn, gatewayUrl), `  ${state}`];
  });
  return [...lines, ...frontLines(plan.front, dry)].join('\n');
}

/** Where a function answers and with which shares, and which of its versions no request reaches. */
export function functionLines(fn: WiredFunction, gatewayUrl: string | null): string[] {
  const lines: string[] = [];
  const { after } = fn;
  if (after) {
    const shares = versionsOf(after).map((version) => `${version} ${formatPercent(after[version]!)}`);
    lines.push(`${fn.function} answers at ${routeUrl(gatewayUrl, fn)}  (${shares.join(', ')})`);
  }
  lines.push(
    ...fn.unrouted.map(({ version, why }) => `${fn.function}/${version} is deployed but not routed: ${why}`),
  );
  lines.push(
    ...fn.elsewhere.map((version) => `${fn.function}/${version} is on another Fn server than this`),
    ...fn.moved.map(
      ({ version, from, to }) =>
        `${fn.function}/${version}: its part of the route moves from ${from ?? 'the embedded server'} to ${to ?? 'the embedded server'}`,
    ),
  );
  if (fn.asked !== null && fn.before !== null)
    lines.push(
      `${fn.function}: ${formatSplit(fn.asked)} was asked for, and ${formatSplit(fn.before)} is there: somebody else changed it`,
    );
  lines.push(
    ...fn.missing.map(
      (version) => `${fn.function}/${version} is gone from the Fn server; its share gets 404`,
    ),
  );
  return lines;
}

/** The most characters of a value that are shown. */
const LONGEST_VALUE = 60;

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

/** The most objects that are shown one by one. */
const MOST_SHOWN = 12;

/** What stands before the functions besides routes, as far as it changes; of many only how many. */
export function frontLines(front: WirePlan['front'], dry: boolean): string[] {
  if (front === null) return [];
  const done = { create: 'created', update: 'updated', remove: 'removed' } as const;
  const said = (action: keyof typeof done): string => (dry ? `would be ${done[action]}` : done[action]);
  const lines = front.objects.map(({ action, kind, namespace, name, fields, changes }) => {
    const what = changes?.map(fieldText) ?? fields;
    return `${kind} ${namespace}/${name} ${said(action)}${what.length > 0 ? `: ${what.join(', ')}` : ''}`;
  });
  const counts = new Map<string, number>();
  for (const { action, kind } of front.objects) {
    const what = `${kind} ${said(action)}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const summary = [...counts].map(([what, count]) => `${count} × ${what}`);
  const shown = lines.length > MOST_SHOWN ? summary : lines;
  // What is done was warned of before.
  return [...shown, ...(dry ? front.warnings.map((text) => `warning: ${text}`) : [])];
}
