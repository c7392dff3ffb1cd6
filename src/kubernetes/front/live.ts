// What stands on the cluster of one app, as lists by its labels give it. The names of objects that would be made are
// looked for a second time without labels: somebody else may have them.
import { FnmeshError } from '../../errors.js';
import type { Cluster } from '../cluster.js';
import { LABELS } from '../names.js';
import { apiVersionOf, KINDS, type Kind, kindOf, type KubeObject, objectName } from '../object.js';
import { refuseForeign } from '../owner.js';
import type { Site } from '../site.js';

/** The kinds that stand before functions, besides routes. What else has the app's labels is not the front's. */
export const FRONT_KINDS: readonly Kind[] = [
  KINDS.ConfigMap,
  KINDS.NetworkPolicy,
  KINDS.Service,
  KINDS.Deployment,
  KINDS.PodDisruptionBudget,
  KINDS.HorizontalPodAutoscaler,
];

/** What there is of an app: workloads of FRONT_KINDS, and the route objects of either API. */
export type LiveFront = { workloads: readonly KubeObject[]; routes: readonly KubeObject[] };

/** A name for a map: two objects with the same one are the same object. */
export function idOf({ apiVersion, kind, metadata }: KubeObject): string {
  return `${apiVersion} ${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
}

/**
 * Makes sure that nothing of somebody else has the names of what would be made.
 * @param made Objects that are not there by the app's labels.
 * @throws FnmeshError `conflict` naming the first that is there without them.
 */
export async function refuseTaken(cluster: Cluster, site: Site, made: readonly KubeObject[]): Promise<void> {
  const kinds = [...new Set(made.map((object) => kindOf(object)))].filter((kind) => kind !== null);
  await Promise.all(
    kinds.map(async (kind) => {
      const wanted = new Set(made.filter((object) => kindOf(object) === kind).map(idOf));
      const there = typed(kind, await cluster.list(kind, { namespace: site.namespace }));
      const taken = there.find((object) => wanted.has(idOf(object)));
      if (taken === undefined) return;
      refuseForeign(taken);
      const other = taken.metadata.labels?.[LABELS.app] ?? '';
      throw new FnmeshError(
        'conflict',
        `${objectName(taken)} is of app ${other}, and app ${site.app} needs the name`,
        { try: 'name a function otherwise, or give each app a namespace: of its own in fnmesh.yaml' },
      );
    }),
  );
}

/** Objects with the type that items of a list leave out, since the list says it for all of them. */
export function typed(kind: Kind, objects: readonly KubeObject[]): KubeObject[] {
  return objects.map((object) => ({ ...object, apiVersion: apiVersionOf(kind), kind: kind.kind }));
}
