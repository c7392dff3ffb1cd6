// In which order objects are written and shown: what others need comes first.
import { KINDS, type KubeObject } from '../object.js';

const ORDER: readonly string[] = [
  'Namespace',
  'ServiceAccount',
  'Role',
  'RoleBinding',
  'Secret',
  'ConfigMap',
  'PersistentVolumeClaim',
  'Service',
  'Deployment',
  'StatefulSet',
  'PodDisruptionBudget',
  'HorizontalPodAutoscaler',
  'NetworkPolicy',
  ...Object.keys(KINDS),
];

/** By kind as they are best applied, then by namespace and name; a new list. */
export function inOrder<T extends Pick<KubeObject, 'kind' | 'metadata'>>(objects: readonly T[]): T[] {
  const rank = ({ kind }: T): number => (ORDER.includes(kind) ? ORDER.indexOf(kind) : ORDER.length);
  return [...objects].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      compareTexts(a.kind, b.kind) ||
      compareTexts(a.metadata.namespace ?? '', b.metadata.namespace ?? '') ||
      compareTexts(a.metadata.name, b.metadata.name),
  );
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
