// Applies a traffic plan: all of it, or nothing.
import { FnmeshError } from '../errors.js';
import { versionsOf } from '../routing/versions.js';
import { formatSplit } from '../routing/weights.js';
import type { Emit } from '../events.js';
import type { Change, Router, RouteTable } from '../router/router.js';
import type { AppName } from '../routing/route.js';
import type { TrafficPlan, TrafficRow } from './plan.js';

/** Who applies a plan, and how. */
export type ApplyOptions = {
  /** Who, as `user@machine`. */
  by: string;
  message?: string;
  /** Gives traffic to versions that are not ready, too. */
  force?: boolean;
};

/** What was done, and why. `number` is the change's number; null when nothing was written. */
export type TrafficResult = {
  app: AppName;
  reason: TrafficPlan['reason'] & { message?: string };
  changed: boolean;
  number: number | null;
  rows: TrafficRow[];
};

/**
 * Checks that every version that gets more weight is ready, then writes once. A plan without writes does nothing.
 * @throws FnmeshError `not_ready` when a version is not (unless `force`), `conflict` when a route changed since it
 *   was planned, saying how.
 */
export async function applyTraffic(
  plan: TrafficPlan,
  router: Router,
  options: ApplyOptions,
  emit: Emit,
): Promise<TrafficResult> {
  const { app, reason, rows } = plan;
  if (plan.writes.length === 0) {
    // What cannot be tidied up is in nobody's way.
    await router.tidy?.(app).catch(() => undefined);
    return { app, reason, changed: false, number: null, rows };
  }
  await checkReady(plan, router, options.force ?? false, emit);

  const message = options.message === undefined ? {} : { message: options.message };
  let table: RouteTable;
  try {
    table = await router.write(plan.writes, { ...reason, by: options.by, ...message });
  } catch (thrown) {
    throw thrown instanceof FnmeshError && thrown.code === 'conflict'
      ? await explained(thrown, plan, router)
      : thrown;
  }
  const revisions = new Map(table.routes.map(({ route, revision }) => [route.function, revision]));
  const written = rows.map((row) => ({ ...row, revision: revisions.get(row.function) ?? row.revision }));
  const number = Math.max(...written.map(({ revision }) => revision));
  return { app, reason: { ...reason, ...message }, changed: true, number, rows: written };
}

async function checkReady(plan: TrafficPlan, router: Router, force: boolean, emit: Emit): Promise<void> {
  const raised = plan.rows.flatMap(({ function: fn, before, after }) =>
    versionsOf(after)
      .filter((version) => after[version]! > before[version]!)
      .map((version) => ({ app: plan.app, function: fn, version })),
  );
  const answers = await Promise.all(
    raised.map(async (version) => ({ version, readiness: await router.ready(version) })),
  );
  const unready = answers.flatMap(({ version, readiness }) =>
    readiness.ready ? [] : [{ name: `${version.function}/${version.version}`, ...readiness }],
  );
  const [first] = unready;
  if (first === undefined) return;
  const texts = unready.map(({ name, why }) => `${name} is not ready: ${why}`);
  if (!force) {
    const message = `${texts.join('\n')}\nNothing was changed; --force gives it traffic all the same`;
    throw new FnmeshError('not_ready', message, { try: first.try ?? `fnmesh logs ${first.name}` });
  }
  for (const text of texts) emit({ type: 'warning', text });
}

/** A conflict that tells what changed between plan and write. */
async function explained(conflict: FnmeshError, plan: TrafficPlan, router: Router): Promise<FnmeshError> {
  const planned = new Map(plan.rows.map(({ function: fn, revision }) => [fn, revision]));
  const lines = (await router.history(plan.app)).flatMap((change) =>
    change.functions
      .filter(({ function: fn }) => change.number > (planned.get(fn) ?? Infinity))
      .map((row) => describe(change, row)),
  );
  const message = ['the traffic changed since this was planned; nothing was written', ...lines].join('\n');
  return new FnmeshError('conflict', lines.length > 0 ? message : conflict.message, {
    try: conflict.try ?? `fnmesh status`,
    cause: conflict,
  });
}

function describe(
  { number, verb, by }: Change,
  { function: fn, after }: Change['functions'][number],
): string {
  const outcome = after === null ? 'no route' : formatSplit(after);
  return `change ${number} (${verb} by ${by}): ${fn} has ${outcome}`;
}
