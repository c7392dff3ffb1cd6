// What a cluster adds to the picture of an app: ready endpoints, what differs from what was asked for, and what the
// proxies really have.
import { FnmeshError } from '../errors.js';
import type { Cluster } from '../kubernetes/cluster.js';
import type { DataPlane, ProxyState } from '../kubernetes/data-plane.js';
import type { Front } from '../kubernetes/front.js';
import { functionObject, versionObject } from '../kubernetes/names.js';
import { routeKind } from '../kubernetes/render/routes.js';
import type { Site } from '../kubernetes/site.js';
import { readyEndpoints } from '../router/kubernetes-ready.js';
import type { RouteTable } from '../router/router.js';
import { formatSplit } from '../routing/weights.js';
import { versionsOf } from '../routing/versions.js';

/** What the cluster tells of an app. */
export type ClusterStatus = {
  context: string;
  namespace: string;
  api: Site['api'];
  gateway: string;
  proxy: Site['proxy'];
  mesh: boolean;
  /** Ready endpoints of each version's Service. */
  ready: { function: string; version: string; endpoints: number }[];
  /** What somebody else changed, what is missing, and what nothing needs: one text each. */
  drift: string[];
  notes: string[];
  /** With `observe`: what each proxy of the gateway has; null: not asked. */
  served: { function: string; proxies: ProxyState[] }[] | null;
};

/** What it is asked through. */
export type ClusterStatusPorts = { cluster: Cluster; front: Front; dataPlane: DataPlane; site: Site };

/**
 * Asks the cluster.
 * @param observe Whether the proxies are asked too.
 * @throws FnmeshError as Cluster does, and with `observe` as DataPlane does.
 */
export async function clusterStatus(
  table: RouteTable,
  { cluster, front, dataPlane, site }: ClusterStatusPorts,
  observe: boolean,
): Promise<ClusterStatus> {
  const { app, namespace, api, gateway, proxy, mesh } = site;
  const routes = table.routes.map(({ route }) => route);
  const [counts, planned, served] = await Promise.all([
    readyEndpoints(cluster, namespace, app),
    wouldChange(front, table),
    observe
      ? Promise.all(
          routes.map(async (route) => ({
            function: route.function,
            proxies: await dataPlane.proxies(site, route),
          })),
        )
      : null,
  ]);
  const listener = gateway.listener === undefined ? '' : `#${gateway.listener}`;
  return {
    context: cluster.identity.context,
    namespace,
    api,
    gateway: `${gateway.namespace}/${gateway.name}${listener}`,
    proxy,
    mesh,
    ready: routes.flatMap(({ function: fn, split }) =>
      versionsOf(split).map((version) => ({
        function: fn,
        version,
        endpoints: counts.get(versionObject(app, fn, version)) ?? 0,
      })),
    ),
    drift: [...editedRoutes(table, site), ...planned.drift],
    notes: [...planned.notes, ...(mesh ? [BYPASS[proxy]] : [])],
    served,
  };
}

const BYPASS = {
  dedicated:
    'callers inside the cluster without a sidecar or a waypoint reach all versions alike through the function’s own Service: the split is not theirs',
  shared:
    'callers inside the cluster without a sidecar or a waypoint get 421 through the function’s own Service: shared proxies need what the route says',
};

/** Whose weights were edited by others than fnmesh. */
function editedRoutes({ routes }: RouteTable, { namespace, api }: Site): string[] {
  const { kind } = routeKind(api);
  return routes.flatMap(({ route, asked }) => {
    if (asked === undefined) return [];
    const name = `${kind} ${namespace}/${functionObject(route.app, route.function)}`;
    return [
      `${name}: ${formatSplit(asked)} was asked for, and ${formatSplit(route.split)} is there: somebody else changed it`,
    ];
  });
}

async function wouldChange(front: Front, table: RouteTable): Promise<Pick<ClusterStatus, 'drift' | 'notes'>> {
  const routes = table.routes.map(({ route }) => route);
  try {
    const { objects, rewrite, warnings, notes } = await front.plan(routes, table.routes);
    const drift = objects.map(({ action, kind, namespace, name, fields }) => {
      const what = {
        create: 'is missing',
        update: `differs: ${fields.join(', ')}`,
        remove: 'is needed by nothing',
      };
      return `${kind} ${namespace}/${name} ${what[action]}`;
    });
    const rules = rewrite.map((fn) => `the route of ${fn} is not as this target has it`);
    return { drift: [...drift, ...rules], notes: [...warnings, ...notes] };
  } catch (error) {
    if (!(error instanceof FnmeshError) || !['config', 'conflict'].includes(error.code)) throw error;
    return { drift: [error.message], notes: [] };
  }
}
