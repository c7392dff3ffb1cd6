// How far a Deployment is, as its status tells. Pure.
import type { KubeObject } from '../object.js';

/** `stuck`: the Deployment itself says that it makes no progress (its progressDeadlineSeconds are over). */
export type Rollout = { state: 'done' | 'under-way' | 'stuck'; ready: number; wanted: number };

type Condition = { type: string; status: string; reason?: string; message?: string };
type DeploymentStatus = {
  observedGeneration?: number;
  replicas?: number;
  updatedReplicas?: number;
  availableReplicas?: number;
  conditions?: Condition[];
};

/**
 * Done: the newest template is that of all Pods, none of an older one is left, and all are available
 * (Kubernetes 1.36, `kubectl rollout status`).
 */
export function rolloutOf(deployment: KubeObject): Rollout {
  const spec = (deployment['spec'] ?? {}) as { replicas?: number };
  const status = (deployment['status'] ?? {}) as DeploymentStatus;
  const wanted = spec.replicas ?? 1;
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  const ready = Math.min(updatedReplicas, availableReplicas, wanted);
  const isSeen = observedGeneration >= (deployment.metadata.generation ?? 0);
  if (isSeen && replicas === updatedReplicas && ready === wanted) return { state: 'done', ready, wanted };
  const isStuck =
    isSeen && status.conditions?.some(({ type, status: is }) => type === 'Progressing' && is === 'False');
  return { state: isStuck === true ? 'stuck' : 'under-way', ready, wanted };
}

/** What a Service, a Deployment or a Pod has as the label that binds Pods to their proxy Deployment. */
export function selectorOf(service: KubeObject): Record<string, string> {
  return (service['spec'] as { selector?: Record<string, string> } | undefined)?.selector ?? {};
}

/** Whether a Service selects a Pod of these labels; one without a selector selects none. */
export function selects(service: KubeObject, labels: Readonly<Record<string, string>>): boolean {
  const selector = Object.entries(selectorOf(service));
  return selector.length > 0 && selector.every(([key, value]) => labels[key] === value);
}

/**
 * Whether a Service has a ready endpoint, and only such of Pods that it selects now: after a change of its selector
 * those of before are still there for a moment.
 * @param slices EndpointSlices, of other Services too.
 * @param pods All Pods that it may select.
 */
export function hasOwnEndpoints(
  service: KubeObject,
  slices: readonly KubeObject[],
  pods: readonly KubeObject[],
): boolean {
  const chosen = new Set(
    pods
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .filter(({ metadata }) => selects(service, metadata.labels ?? {}))
      .map(({ metadata }) => metadata.name),
  );
  const ready = slices
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service.metadata.name)
    .flatMap((slice) => (slice['endpoints'] ?? []) as Endpoint[])
    .filter(({ conditions }) => conditions?.ready !== false);
  return ready.length > 0 && ready.every(({ targetRef }) => chosen.has(targetRef?.name ?? ''));
}

type Endpoint = { conditions?: { ready?: boolean }; targetRef?: { kind: string; name: string } };
