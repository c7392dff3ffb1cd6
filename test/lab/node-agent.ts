// What scheduler and kubelet do on a real cluster, for one Node: binds Pods, runs each one's nginx for real, reports
// how it is, and ends deleted ones.
import type { KubeObject } from '../../src/kubernetes/object.js';
import { KUBELET_PORT } from './kubelet.js';
import { NODE_ADDRESS } from './network.js';
import { RunningPod, type NodeSettings } from './pod.js';
import type { Pod } from './pod-types.js';

const NODE = 'lab';

/** A running agent. */
export type NodeAgent = {
  /** The Pod of that name; undefined when the Node has none. */
  pod(namespace: string, name: string): RunningPod | undefined;
  /** Ends all Pods' processes at once. */
  stop(): void;
};

/** Registers the Node and takes on every Pod there is and comes. */
export async function startNodeAgent(settings: NodeSettings): Promise<NodeAgent> {
  const { api } = settings;
  const pods = new Map<string, { object: Pod; running: RunningPod | null }>();
  const stopped = new AbortController();
  let count = 0;

  await api.ask('POST', '/api/v1/nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: NODE, labels: { 'kubernetes.io/hostname': NODE, 'kubernetes.io/os': 'linux' } },
  });
  const now = new Date().toISOString();
  await api.must(
    'PATCH',
    `/api/v1/nodes/${NODE}/status`,
    {
      status: {
        addresses: [{ type: 'InternalIP', address: NODE_ADDRESS }],
        daemonEndpoints: { kubeletEndpoint: { Port: KUBELET_PORT } },
        capacity: { cpu: '64', memory: '256Gi', pods: '60000' },
        allocatable: { cpu: '64', memory: '256Gi', pods: '60000' },
        conditions: [
          { type: 'Ready', status: 'True', reason: 'Lab', lastHeartbeatTime: now, lastTransitionTime: now },
        ],
      },
    },
    'application/merge-patch+json',
  );

  /** What fails is tried again with the Pod's next change, or is of a lab that ends. */
  const ask = (...args: Parameters<typeof api.ask>): void => void api.ask(...args).catch(() => undefined);
  const changed = (object: Pod): void => {
    const { uid, name, namespace, deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    const known = pods.get(uid) ?? { object, running: null };
    known.object = object;
    pods.set(uid, known);
    if (deletionTimestamp !== undefined) {
      if (known.running) known.running.end(deletionGracePeriodSeconds ?? 30).catch(() => undefined);
      else ask('DELETE', path, { gracePeriodSeconds: 0, preconditions: { uid } });
    } else if (object.spec.nodeName === undefined) {
      const target = { apiVersion: 'v1', kind: 'Node', name: NODE };
      const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name, uid }, target };
      ask('POST', `${path}/binding`, binding);
    } else if (!known.running && object.spec.nodeName === NODE) {
      known.running = new RunningPod(settings, object, ++count);
      known.running.run().catch((error: unknown) => {
        if (!stopped.signal.aborted) process.stderr.write(`lab: ${namespace}/${name}: ${String(error)}\n`);
      });
    }
  };
  const removed = (uid: string): void => {
    pods.get(uid)?.running?.drop();
    pods.delete(uid);
  };
  void api.follow(
    '/api/v1/pods',
    stopped.signal,
    (items: KubeObject[]) => {
      const there = new Set(items.map(({ metadata }) => metadata.uid));
      for (const uid of pods.keys()) if (!there.has(uid)) removed(uid);
      for (const item of items) changed(item as Pod);
    },
    ({ type, object }) => {
      if (type === 'DELETED') removed(object.metadata.uid!);
      else if (type !== 'BOOKMARK') changed(object as Pod);
    },
  );
  return {
    pod: (namespace, name) =>
      [...pods.values()].find(
        ({ object: { metadata } }) => metadata.namespace === namespace && metadata.name === name,
      )?.running ?? undefined,
    stop: () => {
      stopped.abort();
      for (const { running } of pods.values()) running?.drop();
    },
  };
}
