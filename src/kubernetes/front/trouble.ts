// Why Pods do not become ready, as Deployments and Pods tell. Pure.
import { LABELS } from '../names.js';
import type { KubeObject } from '../object.js';

/** One reason, and a container whose log may say more. */
export type Trouble = { text: string; log: { pod: string; container: string } | null };

type Condition = { type: string; status: string; reason?: string; message?: string };
type ContainerStatus = {
  name: string;
  ready?: boolean;
  restartCount?: number;
  state?: { waiting?: { reason?: string; message?: string } };
  lastState?: { terminated?: { exitCode?: number; reason?: string } };
};
type PodStatus = {
  conditions?: Condition[];
  containerStatuses?: ContainerStatus[];
  initContainerStatuses?: ContainerStatus[];
};

/**
 * The first reason that is found for a Deployment's Pods: they are refused (Pod Security, quota), have no node, their
 * image does not come, or they end again and again; null: there is none, they are only slow.
 */
export function troubleOf(deployment: KubeObject, pods: readonly KubeObject[]): Trouble | null {
  const { conditions = [] } = (deployment['status'] ?? {}) as { conditions?: Condition[] };
  const refused = conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  if (refused !== undefined) return { text: oneLine(refused.message ?? refused.reason), log: null };
  const own = pods.filter(
    ({ metadata }) =>
      metadata.labels?.[LABELS.proxy] === deployment.metadata.name &&
      metadata.deletionTimestamp === undefined,
  );
  for (const pod of own) {
    const found = troubleOfPod(pod);
    if (found !== null) return found;
  }
  return null;
}

function troubleOfPod({ metadata: { name }, ...pod }: KubeObject): Trouble | null {
  const {
    conditions = [],
    containerStatuses = [],
    initContainerStatuses = [],
  } = (pod['status'] ?? {}) as PodStatus;
  const unscheduled = conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (unscheduled !== undefined)
    return {
      text: `Pod ${name} has no node: ${oneLine(unscheduled.message ?? unscheduled.reason)}`,
      log: null,
    };
  for (const { name: container, ready, restartCount = 0, state, lastState } of [
    ...initContainerStatuses,
    ...containerStatuses,
  ]) {
    const { waiting } = state ?? {};
    const ended = lastState?.terminated;
    if (ready === true) continue;
    if (ended !== undefined) {
      const how = `exit code ${ended.exitCode ?? '?'}${ended.reason === undefined ? '' : `, ${ended.reason}`}`;
      const text = `container ${container} of Pod ${name} ended ${restartCount} times (${how})`;
      return { text, log: { pod: name, container } };
    }
    if (waiting === undefined || /^(ContainerCreating|PodInitializing)$/.test(waiting.reason ?? '')) continue;
    return {
      text: `Pod ${name}: ${oneLine([waiting.reason, waiting.message].filter(Boolean).join(': '))}`,
      log: null,
    };
  }
  return null;
}

/** At most 300 characters, for the messages of an API server and of registries can be pages. */
const oneLine = (text = 'no reason was given'): string => {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
};
