// The route objects of a function: one bound to the gateway, and one for callers inside the mesh.
import { functionObject, LABELS, meshRouteObject, ownLabels } from '../names.js';
import { apiVersionOf, KINDS } from '../object.js';
import type { Kind, KubeObject, Metadata } from '../object.js';
import type { Site } from '../site.js';
import { checkRoute } from './check-route.js';
import { gatewayHttpRoute, meshHttpRoute } from './http-route.js';
import { annotationsOf } from './route-notes.js';
import type { RouteRecord } from './route-notes.js';
import { gatewayVirtualService, meshVirtualService } from './virtual-service.js';

/** The kind of the route objects of an api. */
export function routeKind(api: Site['api']): Kind {
  return api === 'istio' ? KINDS.VirtualService : KINDS.HTTPRoute;
}

/**
 * The route objects of a function as they should be: first the one bound to the gateway, which has the annotations,
 * then, with `site.mesh`, the one for the mesh. The same record gives the same objects byte for byte.
 * @throws FnmeshError `config` when the route cannot be put into such objects: a host, path or condition that no
 *   request can have, more versions or rules than the API takes, a version that a shared proxy cannot reach.
 */
export function renderRoutes(site: Site, record: RouteRecord): KubeObject[] {
  const { route } = record;
  checkRoute(route);
  const { app, function: fn } = route;
  const kind = routeKind(site.api);
  const labels = ownLabels(app, fn);
  const object = (metadata: Omit<Metadata, 'namespace'>, spec: object): KubeObject => ({
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { ...metadata, namespace: site.namespace },
    spec,
  });
  const istio = site.api === 'istio';
  const objects = [
    object(
      { name: functionObject(app, fn), labels, annotations: annotationsOf(record) },
      istio ? gatewayVirtualService(site, route) : gatewayHttpRoute(site, route),
    ),
  ];
  if (site.mesh) {
    objects.push(
      object(
        { name: meshRouteObject(app, fn), labels: { ...labels, [LABELS.mesh]: 'true' } },
        istio ? meshVirtualService(site, route) : meshHttpRoute(site, route),
      ),
    );
  }
  return objects;
}
