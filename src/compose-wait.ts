// How a change of traffic is seen to have arrived on a cluster: by requests through the gateway, or by its proxies.
import { type ClusterTarget, gatewayOf, type Target } from './compose.js';
import { FnmeshError } from './errors.js';
import type { Emit } from './events.js';
import { gatewayProber } from './router/prober.js';
import type { TrafficResult } from './traffic/apply.js';
import { type Arrival, awaitByProbe, awaitByProxies } from './traffic/await-arrival.js';

/** How to wait: by requests, by asking every Envoy of the gateway, or not at all. */
export type Wait = 'probe' | 'envoy' | 'none';

/** How long a change is waited for, in milliseconds. */
const ARRIVAL_MS = 30_000;
const CONNECTIONS = 4;

/**
 * Waits until what was changed is in effect. The embedded gateway has it with the write.
 * @param usual How to wait when nobody said; where that cannot be done it is said, and nothing is waited for.
 * @returns one entry for each function that changed; null: there was nothing to wait for.
 * @throws FnmeshError `config` when `wait` cannot be done.
 */
export async function awaitArrivals(
  target: Target,
  result: TrafficResult,
  wait: Wait | undefined,
  usual: Wait,
  emit: Emit,
): Promise<Arrival[] | null> {
  const how = wait ?? usual;
  if (target.place === null || how === 'none' || !result.changed) return null;
  emit({
    type: 'note',
    text:
      how === 'probe'
        ? 'asking through the gateway whether it arrived'
        : "asking the gateway's proxies whether it arrived",
  });
  const moved = result.rows.filter(({ before, after }) =>
    Object.keys(after).some((v) => after[v] !== before[v]),
  );
  try {
    return await Promise.all(
      moved.map((row) =>
        how === 'probe' ? byProbe(target, result.app, row) : byProxies(target, result.app, row),
      ),
    );
  } catch (error) {
    if (!(error instanceof FnmeshError)) throw error;
    const text = `the change is made; whether it has arrived was not seen: ${error.message}`;
    if (wait !== undefined)
      throw new FnmeshError(error.code, text, {
        cause: error,
        ...(error.try !== undefined && { try: error.try }),
      });
    emit({ type: 'warning', text });
    return null;
  }
}

type Row = TrafficResult['rows'][number];

async function byProbe(
  target: ClusterTarget,
  app: string,
  { function: fn, before, after }: Row,
): Promise<Arrival> {
  const gateway = await gatewayOf(target, app);
  const routed = await routedFunction(target, app, fn);
  const prober = gatewayProber(routed, target.router, gateway, [], CONNECTIONS);
  try {
    return await awaitByProbe(fn, { before, after }, (signal) => prober.send(signal), {
      timeoutMs: ARRIVAL_MS,
    });
  } finally {
    prober.close();
  }
}

async function byProxies(
  target: ClusterTarget,
  app: string,
  { function: fn, before, after }: Row,
): Promise<Arrival> {
  const { place } = target;
  const [site, { route }] = await Promise.all([place.site(app), routedFunction(target, app, fn)]);
  const ask = (): ReturnType<typeof place.proxies.proxies> => place.proxies.proxies(site, route);
  return awaitByProxies(fn, { before, after }, ask, { timeoutMs: ARRIVAL_MS });
}

async function routedFunction({ router }: ClusterTarget, app: string, fn: string) {
  const { routeOf } = await import('./inspect/route-of.js');
  return routeOf(await router.read(app), fn);
}
