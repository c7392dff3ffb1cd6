// Takes away versions that nothing needs: those whose folder is gone, and the oldest of those that --as made.
import { FnmeshError } from '../errors.js';
import { observe } from '../fn/observe.js';
import type { Observed } from '../fn/observe.js';
import type { Reason, RouteTable } from '../router/router.js';
import { compareVersions } from '../routing/versions.js';
import { applyDestroy, type DestroyPorts, foreseeDestroy, planDestroy } from './destroy.js';
import { labelOf } from './result.js';

/** A version of a function. */
export type VersionName = { function: string; version: string };

/** What went, and what had to stay, with the reason. */
export type Tidied = { removed: VersionName[]; kept: (VersionName & { why: string })[] };

/**
 * The versions of a function that `--as` made beyond the newest `keep`, without weight. Pure.
 * @param but The version that was just deployed.
 * @param gatewayOnly Whether what is in no route here is in none at all.
 */
export function surplus(
  observed: Observed,
  table: RouteTable,
  fn: string,
  keep: number,
  but: string,
  gatewayOnly = true,
): VersionName[] {
  const split = table.routes.find(({ route }) => route.function === fn)?.route.split ?? {};
  const made = observed.fns
    .flatMap(({ notes }) => (notes?.as && notes.function === fn ? [notes.version] : []))
    .sort(compareVersions)
    .reverse();
  return made
    .slice(keep)
    .filter((version) => version !== but && (split[version] ?? (gatewayOnly ? 0 : null)) === 0)
    .map((version) => ({ function: fn, version }));
}

/**
 * Removes versions, the route first; one that has weight, that a rule leads to or that is its function's only one stays.
 * @param drainMs How long the last calls of each version may take, in milliseconds.
 * @throws FnmeshError as the ports do.
 */
export async function tidy(
  app: string,
  doomed: readonly VersionName[],
  ports: DestroyPorts,
  reason: Reason,
  drainMs: number,
): Promise<Tidied> {
  const done: Tidied = { removed: [], kept: [] };
  for (const version of doomed) {
    const [observed, table] = await Promise.all([
      observe(ports.fn, app),
      ports.router.read(app, { settle: true }),
    ]);
    try {
      const doom = planDestroy({ app, ...version }, observed, table);
      const plan = await foreseeDestroy(doom, table, ports.front);
      await applyDestroy(
        plan,
        ports,
        { ...reason, message: `${labelOf(version)}: ${reason.message ?? ''}` },
        drainMs,
      );
      done.removed.push(version);
    } catch (error) {
      if (!(error instanceof FnmeshError) || !['conflict', 'not_found'].includes(error.code)) throw error;
      if (error.code === 'conflict') done.kept.push({ ...version, why: error.message });
    }
  }
  return done;
}
