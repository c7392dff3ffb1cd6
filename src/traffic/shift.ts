// Moves traffic between versions of one or several functions, in one change.
import { FnmeshError } from '../errors.js';
import { formatChange } from '../routing/changes.js';
import { resolveFunctions } from '../routing/resolve.js';
import { shiftCommand } from '../routing/shift-command.js';
import { resplit } from '../routing/split.js';
import { checkRevision, planTraffic } from './plan.js';
import type { RouteTable } from '../router/router.js';
import type { WeightChange } from '../routing/changes.js';
import type { Shift } from '../routing/parse-shift.js';
import type { FunctionName } from '../routing/route.js';
import type { TrafficPlan } from './plan.js';

/**
 * The new splits of the functions that the shifts name.
 * @param options `ifRevision`: the newest change of these functions that the user has seen.
 * @throws FnmeshError `usage` or `not_found` with a corrected command, `conflict` when `ifRevision` differs.
 */
export function planShift(
  table: RouteTable,
  shifts: readonly Shift[],
  options: { ifRevision?: number | undefined } = {},
): TrafficPlan {
  const changes = new Map<FunctionName, WeightChange[]>();
  for (const shift of shifts) {
    const { version, to } = shift;
    for (const fn of functionsOf(table, shift))
      changes.set(fn, [...(changes.get(fn) ?? []), { version, to }]);
  }
  const prefixOf = (fn: FunctionName) => (table.routes.length === 1 ? '' : `${fn}/`);
  const splits = table.routes.flatMap(({ route: { function: fn, split } }) => {
    const asked = changes.get(fn);
    return asked ? [[fn, resplit(split, asked, prefixOf(fn))] as const] : [];
  });
  const plan = planTraffic(table, { verb: 'shift' }, new Map(splits));
  checkRevision(plan, options.ifRevision);
  return plan;
}

function functionsOf(table: RouteTable, shift: Shift): FunctionName[] {
  const names = table.routes.map(({ route }) => route.function);
  const word = (fn: FunctionName) => `${fn}/${formatChange(shift)}`;
  const matched = resolveFunctions(table.app, names, shift.function, (fn) => shiftCommand([word(fn)]));
  if (matched.length === 1) return matched; // resplit says which versions it has.

  // A glob may match functions that lack the version. Leaving them out silently would hide half of what was asked.
  const having = table.routes
    .filter(({ route }) => matched.includes(route.function) && Object.hasOwn(route.split, shift.version))
    .map(({ route }) => route.function);
  if (having.length === matched.length) return matched;
  const lacking = matched.filter((fn) => !having.includes(fn));
  throw new FnmeshError(
    'not_found',
    `${shift.function}/${shift.version}: ${lacking.join(', ')} has no ${shift.version}`,
    {
      try: having.length > 0 ? shiftCommand(having.map(word)) : 'fnmesh status',
    },
  );
}
