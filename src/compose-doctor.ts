// What `doctor --target` is composed of: a target's cluster, its Fn server, and what wire would do there.
import { chosenOnCluster, clusterOf } from './compose-choose.js';
import { fnServerOf } from './compose.js';
import type { Emit } from './events.js';
import type { DoctorResult } from './inspect/doctor.js';
import type { TargetFlags } from './target/target.js';

/** How long one check may take, in milliseconds. */
const CHECK_MS = 15_000;

/**
 * Looks at the cluster of a target and at what the app needs there. Changes nothing.
 * @throws FnmeshError `usage` for a target without a cluster; as `connectCluster`.
 */
export async function doctorFor(flags: TargetFlags, app: string, emit: Emit): Promise<DoctorResult> {
  const chosen = await chosenOnCluster(flags);
  const { doctorCluster } = await import('./inspect/doctor-cluster.js');
  const { placeOn } = await import('./compose-cluster.js');
  const settings = chosen.router.cluster;
  const cluster = await clusterOf(settings, emit);
  const place = placeOn(cluster, settings, chosen, () => undefined);
  const fn = chosen.fn.kind === 'server' ? chosen.fn : null;
  try {
    return await doctorCluster({
      app,
      settings,
      cluster,
      fn: async () => {
        if (fn === null) return 'the embedded server';
        await fnServerOf(fn, emit);
        return fn.api.value;
      },
      invoke: fn?.invoke?.value ?? null,
      router: () => Promise.resolve(place.router),
      plan: async () => {
        const [front, table] = await Promise.all([
          place.front(app, { pins: 'read' }),
          place.router.read(app),
        ]);
        return front.plan(
          table.routes.map(({ route }) => route),
          table.routes,
        );
      },
      timeoutMs: CHECK_MS,
    });
  } finally {
    cluster.close();
  }
}
