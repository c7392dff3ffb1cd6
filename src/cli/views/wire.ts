import type { WiredFunction, WirePlan } from '../../deploy/wire.js';
import { formatPercent, formatSplit } from '../../routing/weights.js';
import { routeUrl } from '../../routing/match.js';
import { versionsOf } from '../../routing/versions.js';
import { frontLines } from './front.js';

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
