// What a deploy of an app's folder would put on a cluster. Nothing is built, and nothing is written anywhere.
import { NOTHING, type Observed } from '../fn/observe.js';
import { ANNOTATIONS } from '../kubernetes/names.js';
import type { KubeObject } from '../kubernetes/object.js';
import { renderRoutes } from '../kubernetes/render/routes.js';
import { renderWorkloads } from '../kubernetes/render/workloads.js';
import type { Site } from '../kubernetes/site.js';
import type { Project } from '../project/project.js';
import type { RouteTable } from '../router/router.js';
import { desiredVersion } from './desired.js';
import type { Locate } from './ports.js';
import { afterwards } from './simulate.js';
import { planRoutes, routesAfter } from './wire.js';

/**
 * The objects as they would be: workloads, and the routes with the weights of `table`, where they have some. History
 * and revision are fnmesh's own and live on the cluster only.
 * @param observed What is on the Fn server; null: it was not asked, and the folder alone counts.
 * @throws FnmeshError `config` as `renderWorkloads`, `renderRoutes` and `Locate`.
 */
export function renderApp(
  project: Project,
  site: Site,
  observed: Observed | null,
  table: RouteTable,
  locate: Locate,
): { workloads: KubeObject[]; routes: KubeObject[] } {
  const { name } = project.app;
  const versions = project.functions.flatMap((fn) => fn.versions);
  const desired = versions.map((folder) => desiredVersion(folder, { hash: '', image: '' }));
  const after = afterwards(observed ?? NOTHING, desired);
  const plan = planRoutes(name, after, table, { locate, host: site.host });
  const routes = routesAfter(table, plan.changes);
  return {
    workloads: renderWorkloads(site, routes),
    routes: routes.flatMap((route) =>
      renderRoutes(site, { route, revision: 0, history: [] }).map(withoutHistory),
    ),
  };
}

function withoutHistory(object: KubeObject): KubeObject {
  const { annotations, ...metadata } = object.metadata;
  if (annotations === undefined) return object;
  const kept = Object.entries(annotations).filter(
    ([name]) => name !== ANNOTATIONS.revision && name !== ANNOTATIONS.history,
  );
  return { ...object, metadata: { ...metadata, annotations: Object.fromEntries(kept) } };
}
