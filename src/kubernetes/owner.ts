// Who manages an object on a cluster, as its labels, annotations and field managers tell: what fnmesh wrote into it, a
// GitOps tool would take back.
import { FnmeshError } from '../errors.js';
import { LABELS } from './names.js';
import { objectName } from './object.js';
import type { KubeObject } from './object.js';

/** A tool that keeps objects as they stand in Git or in a chart, and which of its own objects says so, if it tells. */
export type Owner = { tool: 'Argo CD' | 'Flux' | 'Helm'; name: string | null };

/** On an object that such a tool manages: its weights are fnmesh's all the same, for the tool was told to leave them alone. */
export const LIVE_EDITS = { annotation: 'fnmesh/live-edits', value: 'allowed' } as const;

/** Flux's own words for "made once, then left alone" (fluxcd/kustomize-controller 1.7, `ssa` and `reconcile`). */
const FLUX_LEAVES: Readonly<Record<string, readonly string[]>> = {
  'kustomize.toolkit.fluxcd.io/ssa': ['ifnotpresent', 'ignore'],
  'kustomize.toolkit.fluxcd.io/reconcile': ['disabled'],
};

/**
 * The tool that manages an object; null when none does. Argo CD is told by its tracking annotation or label (Argo CD
 * 3.1, resource tracking) or as a field manager, Flux by the labels of its kustomize and helm controllers, Helm by the
 * release that it notes (Helm 3.2 and later).
 */
export function ownerOf({ metadata }: Pick<KubeObject, 'metadata'>): Owner | null {
  const { labels = {}, annotations = {}, managedFields = [] } = metadata;
  const managers = managedFields.map(({ manager }) => manager.toLowerCase());

  const tracked = annotations['argocd.argoproj.io/tracking-id'];
  const instance = labels['argocd.argoproj.io/instance'];
  if (tracked !== undefined) return { tool: 'Argo CD', name: tracked.split(':', 1)[0] || null };
  if (instance !== undefined) return { tool: 'Argo CD', name: instance };
  if (managers.some((manager) => manager.startsWith('argocd'))) return { tool: 'Argo CD', name: null };

  for (const controller of ['kustomize', 'helm']) {
    const prefix = `${controller}.toolkit.fluxcd.io/`;
    if (Object.keys(labels).some((label) => label.startsWith(prefix)))
      return { tool: 'Flux', name: labels[`${prefix}name`] ?? null };
  }

  const release = annotations['meta.helm.sh/release-name'];
  if (release !== undefined) return { tool: 'Helm', name: release };
  return labels[LABELS.managedBy] === 'Helm' ? { tool: 'Helm', name: null } : null;
}

/** Whether what fnmesh writes into the object stays: nobody else manages it, or who does was told to leave it alone. */
export function isLive(object: Pick<KubeObject, 'metadata'>): boolean {
  const { annotations = {} } = object.metadata;
  if (annotations[LIVE_EDITS.annotation] === LIVE_EDITS.value) return true;
  const owner = ownerOf(object);
  if (owner?.tool !== 'Flux') return owner === null;
  return Object.entries(FLUX_LEAVES).some(([key, values]) =>
    values.includes((annotations[key] ?? '').toLowerCase()),
  );
}

/** Whether fnmesh made the object, by its labels. */
export function isOwn({ metadata }: Pick<KubeObject, 'metadata'>): boolean {
  return metadata.labels?.[LABELS.managedBy] === 'fnmesh' && metadata.labels[LABELS.app] !== undefined;
}

/** How an object that stays as it is in Git comes to be another one. */
const RENDER = 'fnmesh render --target NAME -o DIR, and commit what it wrote';

/**
 * Refuses to write into objects that another tool would put back.
 * @throws FnmeshError `conflict` that names them and who manages them.
 */
export function refuseManaged(objects: readonly KubeObject[]): void {
  const managed = objects.filter((object) => !isLive(object));
  const [first] = managed;
  if (first === undefined) return;
  const owner = ownerOf(first)!;
  const by = `${owner.tool}${owner.name === null ? '' : ` (${owner.name})`}`;
  const more = managed.length > 1 ? ` and ${managed.length - 1} more` : '';
  throw new FnmeshError(
    'conflict',
    `${objectName(first)}${more}: managed by ${by}, which would undo what is written on the cluster`,
    { try: RENDER },
  );
}

/**
 * Refuses to take an object for fnmesh's own by its name alone.
 * @throws FnmeshError `conflict` when fnmesh did not make it.
 */
export function refuseForeign(object: KubeObject): void {
  if (isOwn(object)) return;
  const { namespace = 'default', name } = object.metadata;
  const kind = object.kind.toLowerCase();
  throw new FnmeshError(
    'conflict',
    `${objectName(object)} was not made by fnmesh, and its name is needed; it was left as it is`,
    { try: `kubectl delete ${kind} -n ${namespace} ${name} (if nobody needs it)` },
  );
}
