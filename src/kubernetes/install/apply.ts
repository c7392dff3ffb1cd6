// Brings Fn onto a cluster: looks first, has the API server check everything, and then applies it in order.
import { FnmeshError } from '../../errors.js';
import type { Emit } from '../../events.js';
import { parallel } from '../../process/parallel.js';
import type { Cluster } from '../cluster.js';
import { changedFields } from '../compare.js';
import type { ObjectChange } from '../front.js';
import { LABELS } from '../names.js';
import { kindOf, type KubeObject, objectName } from '../object.js';
import type { FnInstall } from './fn.js';

/** How many requests are under way at a time. */
const AT_ONCE = 8;

/** What an install would do, or did; objects that are as they shall be are not in it. */
export type InstallPlan = { changes: ObjectChange[]; notes: string[]; fn: FnInstall['fn'] };

/**
 * What would be made or changed. Nothing is written.
 * @throws FnmeshError `conflict` when an object of that name was not made by `fnmesh install`; as the Cluster does.
 */
export async function planInstall(install: FnInstall, cluster: Cluster): Promise<InstallPlan> {
  const there = await parallel(AT_ONCE, install.objects, (object) => look(object, cluster));
  const changes = install.objects.flatMap((object, index): ObjectChange[] => {
    const live = there[index] ?? null;
    if (live !== null && object.kind === 'Namespace') return [];
    if (live !== null && live.metadata.labels?.[LABELS.managedBy] !== 'fnmesh')
      throw new FnmeshError(
        'conflict',
        `${objectName(object)} is there, and was not made by fnmesh install`,
        {
          try: 'another name: fnmesh install fn --name NAME',
        },
      );
    const { kind, metadata } = object;
    const fields = live === null ? [] : changedFields(object, live);
    if (live !== null && fields.length === 0) return [];
    const action = live === null ? 'create' : 'update';
    return [{ action, kind, namespace: metadata.namespace ?? '', name: metadata.name, fields }];
  });
  return { changes, notes: install.notes, fn: install.fn };
}

/**
 * Applies what `planInstall` says, after the API server has accepted all of it in a dry run. Ready Pods are not waited for.
 * @throws FnmeshError as `planInstall`; `failed` when the API server refuses an object.
 */
export async function applyInstall(install: FnInstall, cluster: Cluster, emit: Emit): Promise<InstallPlan> {
  const plan = await planInstall(install, cluster);
  const isOf = (object: KubeObject, change: ObjectChange): boolean =>
    object.kind === change.kind && object.metadata.name === change.name;
  const changed = install.objects.filter((object) => plan.changes.some((change) => isOf(object, change)));
  const namespace = changed.filter(({ kind }) => kind === 'Namespace');
  const rest = changed.filter(({ kind }) => kind !== 'Namespace');
  // Nothing can be checked in a namespace that is not there yet.
  for (const object of namespace) await cluster.apply(object);
  await parallel(AT_ONCE, rest, (object) => cluster.apply(object, { dryRun: true }));
  for (const object of rest) {
    const { warnings } = await cluster.apply(object);
    for (const text of warnings) emit({ type: 'warning', text: `${objectName(object)}: ${text}` });
  }
  return plan;
}

async function look(object: KubeObject, cluster: Cluster): Promise<KubeObject | null> {
  const kind = kindOf(object);
  if (kind === null) throw new Error(`install makes a ${object.kind}, which KINDS does not have`);
  return cluster.get(
    kind,
    kind.namespaced ? (object.metadata.namespace ?? null) : null,
    object.metadata.name,
  );
}
