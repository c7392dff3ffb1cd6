// What of a cluster a plan is made from: the app's own objects, the gateway, and the routes of others.
import { allowed } from '../detect/search.js';
import type { Cluster } from '../cluster.js';
import { appLabels, LABELS } from '../names.js';
import { apiVersionOf, KINDS, type Kind, type KubeObject } from '../object.js';
import type { Site } from '../site.js';
import { routeKind } from '../render/routes.js';
import { FRONT_KINDS, type LiveFront, typed } from './live.js';

/** What is there. */
export type Surroundings = {
  live: LiveFront;
  /** Route objects of both APIs, of all namespaces where that is permitted. */
  routes: readonly KubeObject[];
  /** Kinds of routes that could not be listed in other namespaces. */
  unseen: string[];
  /** null: it is not there. undefined: it may not be read. */
  gateway: KubeObject | null | undefined;
  /** The labels of the site's namespace; null: they may not be read. */
  labels: Readonly<Record<string, string>> | null;
};

/**
 * Reads it with one list a kind.
 * @throws FnmeshError as Cluster does.
 */
export async function readSurroundings(cluster: Cluster, site: Site): Promise<Surroundings> {
  const { app, namespace } = site;
  const unseen: string[] = [];
  const routesOf = async (kind: Kind): Promise<KubeObject[]> => {
    const isOpen = await cluster.may({ verb: 'list', kind, namespace: null });
    if (!isOpen) unseen.push(`${kind.kind}s`);
    const objects = cluster.list(kind, { namespace: isOpen ? null : namespace });
    // Of the API that the app does not use, nobody may be allowed to read anything.
    return typed(kind, kind === routeKind(site.api) ? await objects : ((await allowed(objects)) ?? []));
  };
  const [workloads, routes, there, place] = await Promise.all([
    Promise.all(
      FRONT_KINDS.map(async (kind) =>
        typed(kind, await cluster.list(kind, { namespace, labels: appLabels(app) })),
      ),
    ),
    Promise.all([KINDS.VirtualService, KINDS.HTTPRoute].map(routesOf)),
    readGateway(cluster, site),
    allowed(cluster.get(KINDS.Namespace, null, namespace)),
  ]);
  const isApps = ({ metadata }: KubeObject): boolean =>
    metadata.namespace === namespace &&
    metadata.labels?.[LABELS.managedBy] === 'fnmesh' &&
    metadata.labels[LABELS.app] === app;
  return {
    live: { workloads: workloads.flat().filter(isFronts), routes: routes.flat().filter(isApps) },
    routes: routes.flat(),
    unseen: unseen.sort(),
    gateway: there,
    labels: place?.metadata.labels ?? null,
  };
}

/** The site's gateway; null: it is not there, undefined: it may not be read. @throws FnmeshError as Cluster does. */
export async function readGateway(
  cluster: Cluster,
  { api, gateway }: Site,
): Promise<KubeObject | null | undefined> {
  const kind = api === 'istio' ? KINDS.IstioGateway : KINDS.Gateway;
  const there = await allowed(cluster.get(kind, gateway.namespace, gateway.name));
  return there && { ...there, apiVersion: apiVersionOf(kind) };
}

/** ConfigMaps are also where a change of several routes is noted down: those of the front are a proxy's. */
function isFronts({ kind, metadata }: KubeObject): boolean {
  return kind !== KINDS.ConfigMap.kind || metadata.labels?.[LABELS.proxy] !== undefined;
}
