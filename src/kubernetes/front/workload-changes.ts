// Which workload objects are to be made, changed and removed. Pure.
import { isDeepStrictEqual } from 'node:util';
import { differences } from '../compare.js';
import type { ObjectChange } from '../front.js';
import { FIELD_MANAGER } from '../names.js';
import type { KubeObject } from '../object.js';
import { inOrder } from '../render/order.js';
import { idOf } from './live.js';
import { selectorOf } from './rollout.js';

/** What of the workloads is not as it shall be, each in the order in which it is best applied. */
export type WorkloadChanges = {
  created: KubeObject[];
  /** As they shall be; not those of `flipped`. */
  updated: KubeObject[];
  /** Services that shall select other Pods than now, as they shall be. */
  flipped: KubeObject[];
  /** As they are. */
  unchanged: KubeObject[];
  /** As they are. */
  removed: KubeObject[];
  /** For people, in the same order. */
  rows: ObjectChange[];
};

/** Compares what is wanted with what is there, by name. */
export function workloadChanges(
  desired: readonly KubeObject[],
  live: readonly KubeObject[],
): WorkloadChanges {
  const there = new Map(live.map((object) => [idOf(object), object]));
  const found: WorkloadChanges = {
    created: [],
    updated: [],
    flipped: [],
    unchanged: [],
    removed: [],
    rows: [],
  };
  const wanted = new Set<string>();
  for (const plain of inOrder(desired)) {
    const id = idOf(plain);
    wanted.add(id);
    const before = there.get(id);
    if (before === undefined) {
      found.created.push(plain);
      found.rows.push(rowOf(plain, 'create'));
      continue;
    }
    const object = withReplicas(plain, before);
    const changes = differences(object, before);
    if (changes.length === 0) {
      found.unchanged.push(before);
      continue;
    }
    const flips = object.kind === 'Service' && !isDeepStrictEqual(selectorOf(object), selectorOf(before));
    (flips ? found.flipped : found.updated).push(object);
    found.rows.push({ ...rowOf(object, 'update'), fields: changes.map(({ field }) => field), changes });
  }
  found.removed = inOrder(live.filter((object) => !wanted.has(idOf(object)))).reverse();
  found.rows.push(...found.removed.map((object) => rowOf(object, 'remove')));
  return found;
}

/** The row of a plan for an object. */
export function rowOf({ kind, metadata }: KubeObject, action: ObjectChange['action']): ObjectChange {
  return { action, kind, namespace: metadata.namespace ?? '', name: metadata.name, fields: [] };
}

/**
 * A field that an apply leaves out is emptied where nobody else owns it: a Deployment whose number of Pods is given
 * over to an autoscaler would shrink to one Pod first. So it keeps the number that it has, until the autoscaler has
 * set one (Kubernetes, reference/using-api/server-side-apply, "Transferring ownership").
 */
function withReplicas(desired: KubeObject, live: KubeObject): KubeObject {
  if (desired.kind !== 'Deployment') return desired;
  const spec = desired['spec'] as Record<string, unknown>;
  const replicas = (live['spec'] as { replicas?: number }).replicas;
  if (spec['replicas'] !== undefined || replicas === undefined) return desired;
  const isOthers = live.metadata.managedFields?.some(({ manager, subresource, fieldsV1 }) => {
    const fields = fieldsV1 as { 'f:spec'?: Record<string, unknown> } | undefined;
    const isOther = manager !== FIELD_MANAGER || subresource !== undefined;
    return isOther && fields?.['f:spec']?.['f:replicas'] !== undefined;
  });
  return isOthers === true ? desired : { ...desired, spec: { ...spec, replicas } };
}
