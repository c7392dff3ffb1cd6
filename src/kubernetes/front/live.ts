// What stands on the cluster of one app: a list for each kind, by the app's labels. The names of objects that would be
// made are looked for a second time without labels: somebody else may have them.
import { FnmeshError } from '../../errors.js';
import type { Cluster } from '../cluster.js';
import { appLabels, LABELS } from '../names.js';
import { apiVersionOf, KINDS, type Kind, kindOf, type KubeObject, objectName } from '../object.js';
import { refuseForeign } from '../owner.js';
import type { Site } from '../site.js';

/** The kinds that stand before functions, besides routes. What else has the app's labels is not the front's. */
export const FRONT_KINDS: readonly Kind[] = [
  KINDS.ServiceAccount,
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
 * Reads what there is: one list a kind.
 * @throws FnmeshError as Cluster does.
 */
export async function readLive(
  cluster: Cluster,
  { app, namespace }: Pick<Site, 'app' | 'namespace'>,
): Promise<LiveFront> {
  const selection = { namespace, labels: appLabels(app) };
  const lists = (kinds: readonly Kind[]) =>
    Promise.all(kinds.map(async (kind) => (await cluster.list(kind, selection)).map(typed(kind))));
  const [workloads, routes] = await Promise.all([
    lists(FRONT_KINDS),
    lists([KINDS.VirtualService, KINDS.HTTPRoute]),
  ]);
  // ConfigMaps are also where a change of several routes is noted down: those of the front are of a proxy.
  const isFronts = ({ kind, metadata }: KubeObject) =>
    kind !== 'ConfigMap' || metadata.labels?.[LABELS.proxy] !== undefined;
  return { workloads: workloads.flat().filter(isFronts), routes: routes.flat() };
}

/** Items of a list may leave out what the list says for all of them. */
const typed =
  (kind: Kind) =>
  (object: KubeObject): KubeObject => ({ ...object, apiVersion: apiVersionOf(kind), kind: kind.kind });

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
      const there = (await cluster.list(kind, { namespace: site.namespace })).map(typed(kind));
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
