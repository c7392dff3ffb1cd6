// Waits for what a cluster does by itself: rollouts, endpoints, and gateways that hear of routes. One list of each kind
// a look, however many are waited for.
import { setTimeout as sleep } from 'node:timers/promises';
import { FnmeshError } from '../../errors.js';
import type { Emit } from '../../events.js';
import { allowed } from '../detect/search.js';
import type { Cluster } from '../cluster.js';
import { appLabels } from '../names.js';
import { KINDS, type KubeObject } from '../object.js';
import type { Site } from '../site.js';
import { hasOwnEndpoints, rolloutOf } from './rollout.js';
import { type Trouble, troubleOf } from './trouble.js';

/** How long is waited, in milliseconds. */
export type WaitTimes = {
  /** Between two looks. */
  pollMs: number;
  /** For a rollout, and for endpoints. */
  readyMs: number;
  /** Gateways take so long at most to hear of something. */
  spreadMs: number;
};

/** A rollout takes two Pods' start, one after the other, with an image that may have to be pulled. */
export const WAIT_TIMES: WaitTimes = { pollMs: 500, readyMs: 180_000, spreadMs: 3_000 };

type Where = { cluster: Cluster; site: Pick<Site, 'app' | 'namespace'>; times: WaitTimes; emit: Emit };

/**
 * Until all Pods of the Deployments are those of the newest template, and available.
 * @throws FnmeshError `not_ready` with what the Pods say, when it takes too long or cannot succeed.
 */
export async function awaitRollouts(where: Where, names: readonly string[]): Promise<void> {
  const { cluster, site, times, emit } = where;
  const selection = { namespace: site.namespace, labels: appLabels(site.app) };
  const until = performance.now() + times.readyMs;
  let said = '';
  for (;;) {
    const deployments = new Map(
      (await cluster.list(KINDS.Deployment, selection)).map((object) => [object.metadata.name, object]),
    );
    const open = names.filter((name) => stateOf(deployments.get(name)) !== 'done');
    if (open.length === 0) return;
    const pods = (await allowed(cluster.list(KINDS.Pod, selection))) ?? [];
    const late = performance.now() >= until;
    for (const name of open) {
      const deployment = deployments.get(name);
      if (deployment === undefined && !late) continue;
      const trouble = deployment === undefined ? null : troubleOf(deployment, pods);
      if (late || stateOf(deployment) === 'stuck') throw await notReady(where, name, deployment, trouble);
    }
    const text = progressOf(open, deployments, pods);
    if (text !== said) emit({ type: 'note', text });
    said = text;
    await sleep(times.pollMs);
  }
}

const stateOf = (deployment: KubeObject | undefined) =>
  deployment === undefined ? 'missing' : rolloutOf(deployment).state;

function progressOf(
  open: readonly string[],
  deployments: ReadonlyMap<string, KubeObject>,
  pods: readonly KubeObject[],
): string {
  const [first = ''] = open;
  const deployment = deployments.get(first);
  const { ready, wanted } = deployment === undefined ? { ready: 0, wanted: 1 } : rolloutOf(deployment);
  const trouble = deployment === undefined ? null : troubleOf(deployment, pods);
  const more = open.length > 1 ? `; ${open.length - 1} more Deployment${open.length === 2 ? '' : 's'}` : '';
  return `waiting for ${first}: ${ready} of ${wanted} Pods are ready${trouble === null ? '' : ` (${trouble.text})`}${more}`;
}

async function notReady(
  { cluster, site }: Where,
  name: string,
  deployment: KubeObject | undefined,
  trouble: Trouble | null,
): Promise<FnmeshError> {
  const { ready, wanted } = deployment === undefined ? { ready: 0, wanted: 1 } : rolloutOf(deployment);
  const lines = trouble?.log == null ? [] : await lastLines(cluster, site.namespace, trouble.log);
  const why = trouble?.text ?? (deployment === undefined ? 'it is gone' : 'its Pods give no reason');
  return new FnmeshError(
    'not_ready',
    [`proxy ${name}: ${ready} of ${wanted} Pods are ready: ${why}`, ...lines].join('\n  '),
    { try: `kubectl describe pods -n ${site.namespace} -l fnmesh/proxy=${name}` },
  );
}

async function lastLines(
  cluster: Cluster,
  namespace: string,
  { pod, container }: NonNullable<Trouble['log']>,
): Promise<string[]> {
  const lines: string[] = [];
  try {
    for await (const line of cluster.logs({ namespace, pod, container, tail: 5, follow: false }))
      lines.push(line);
  } catch {
    // Logs are a help, not needed to say what failed.
  }
  return lines;
}

/**
 * Until each of the Services has a ready endpoint, and none of a Pod that it does not select any more.
 * @throws FnmeshError `not_ready` naming the first that has none in time.
 */
export async function awaitEndpoints(
  { cluster, site, times, emit }: Where,
  names: readonly string[],
): Promise<void> {
  const selection = { namespace: site.namespace, labels: appLabels(site.app) };
  const until = performance.now() + times.readyMs;
  let isSaid = false;
  for (;;) {
    const [services, slices, pods] = await Promise.all(
      [KINDS.Service, KINDS.EndpointSlice, KINDS.Pod].map((kind) => cluster.list(kind, selection)),
    );
    const open = names.filter((name) => {
      const service = services!.find(({ metadata }) => metadata.name === name);
      return service === undefined || !hasOwnEndpoints(service, slices!, pods!);
    });
    const [first] = open;
    if (first === undefined) return;
    if (performance.now() >= until) {
      throw new FnmeshError('not_ready', `Service ${first} has no ready endpoint of its own Pods`, {
        try: `kubectl get endpointslices -n ${site.namespace} -l kubernetes.io/service-name=${first} -o yaml`,
      });
    }
    if (!isSaid)
      emit({
        type: 'note',
        text: `waiting for the endpoints of ${open.length === 1 ? first : `${open.length} Services`}`,
      });
    isSaid = true;
    await sleep(times.pollMs);
  }
}
