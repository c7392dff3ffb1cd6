// Everything that stands before an app's functions besides routes: proxies, and the Services that routes lead to.
import { FnmeshError } from '../../errors.js';
import type { Route, VersionName } from '../../routing/route.js';
import { versionsOf } from '../../routing/versions.js';
import {
  functionObject,
  LABELS,
  ownLabels,
  PORT_NAME,
  SERVICE_PORT,
  sharedProxy,
  versionObject,
} from '../names.js';
import { apiVersionOf, KINDS, objectName } from '../object.js';
import type { KubeObject } from '../object.js';
import type { Site } from '../site.js';
import { proxySelector, proxyWorkload } from './deployment.js';
import { proxyGuards } from './guards.js';
import { proxiesOf, sortedByFunction } from './proxies.js';

/**
 * The objects that the routes need, for server-side apply: for each proxy a ConfigMap, a Deployment and what guards
 * it, then a Service for each version and, in a mesh, one over all versions of each function. The same routes in any
 * order give the same objects in the same order.
 * @throws FnmeshError `config` when a name, path, endpoint or setting fits no cluster, or two objects have one name.
 */
export function renderWorkloads(site: Site, routes: readonly Route[]): KubeObject[] {
  const proxies = proxiesOf(site, routes).flatMap((proxy) => [
    ...proxyWorkload(site, proxy),
    ...proxyGuards(site, proxy),
  ]);
  const services = sortedByFunction(routes).flatMap((route) => [
    ...versionsOf(route.destinations).map((version) => versionService(site, route, version)),
    ...(site.mesh ? [functionService(site, route)] : []),
  ]);
  const objects = [...proxies, ...services];
  refuseTwins(objects);
  return objects;
}

/** Leads to the version's own proxy, or to the one for all. */
function versionService(site: Site, { app, function: fn }: Route, version: VersionName): KubeObject {
  const name = versionObject(app, fn, version);
  const selector = proxySelector({ name: site.proxy === 'shared' ? sharedProxy(app) : name });
  return service(site, name, ownLabels(app, fn, version), selector);
}

/** The address for callers inside the mesh, where the function's route is what divides. */
function functionService(site: Site, { app, function: fn }: Route): KubeObject {
  const selector =
    site.proxy === 'shared'
      ? proxySelector({ name: sharedProxy(app) })
      : { [LABELS.app]: app, [LABELS.function]: fn };
  return service(site, functionObject(app, fn), ownLabels(app, fn), selector);
}

function service(
  { namespace }: Site,
  name: string,
  labels: Record<string, string>,
  selector: Record<string, string>,
): KubeObject {
  return {
    apiVersion: apiVersionOf(KINDS.Service),
    kind: KINDS.Service.kind,
    metadata: { name, namespace, labels },
    spec: {
      type: 'ClusterIP',
      selector,
      ports: [
        { name: PORT_NAME, port: SERVICE_PORT, targetPort: PORT_NAME, protocol: 'TCP', appProtocol: 'http' },
      ],
    },
  };
}

/** `cart-v1` with `v2` and `cart` with `v1-v2` would share a Service. */
function refuseTwins(objects: readonly KubeObject[]): void {
  const seen = new Map<string, KubeObject>();
  for (const object of objects) {
    const name = objectName(object);
    const twin = seen.get(name);
    if (twin) {
      throw new FnmeshError('config', `${whose(twin)} and ${whose(object)} would both be ${name}`, {
        try: 'rename one of the two, then fnmesh deploy',
      });
    }
    seen.set(name, object);
  }
}

function whose({ metadata: { labels = {} } }: KubeObject): string {
  const { [LABELS.app]: app, [LABELS.function]: fn, [LABELS.version]: version } = labels;
  return [app, fn, version].filter((part) => part !== undefined).join('/');
}
