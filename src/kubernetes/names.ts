// What fnmesh names and labels its objects on a cluster. A name alone proves nothing: readers go by the labels.
import { createHash } from 'node:crypto';
import type { AppName, FunctionName, VersionName } from '../routing/route.js';

/** The field manager of every write. */
export const FIELD_MANAGER = 'fnmesh';
/**
 * The request header that tells a shared proxy where to go; a route sets it for each destination. Without a dash: nginx
 * reads `a-b` and `a_b` into one variable, the first that came, so that a caller's `a_b` would count before the route's.
 */
export const ROUTE_HEADER = 'Fnmeshroute';
/** The request header that pins a version; a proxy gives it in answers as well. */
export const VERSION_HEADER = 'Fnmesh-Version';
/** The name of the port that every Service and container of fnmesh has. */
export const PORT_NAME = 'http';
/** The port of the Services, and of the containers. */
export const SERVICE_PORT = 80;
/** Unprivileged, therefore above 1024. */
export const CONTAINER_PORT = 8080;
/** The path on which a proxy says that it runs; no route leads to it. */
export const READY_PATH = '/.fnmesh/ready';

/** Labels that fnmesh reads again. */
export const LABELS = {
  managedBy: 'app.kubernetes.io/managed-by',
  app: 'fnmesh/app',
  function: 'fnmesh/function',
  version: 'fnmesh/version',
  /** What selects the Pods of one proxy Deployment: its name. */
  proxy: 'fnmesh/proxy',
  /** `true` on a route object for callers inside the mesh; the one bound to the gateway has the annotations. */
  mesh: 'fnmesh/mesh',
} as const;

/** Annotations that fnmesh reads again. */
export const ANNOTATIONS = {
  /** On a route object: what its rules do not tell of the route, as JSON. */
  route: 'fnmesh/route',
  /** On a route object: the number of its last change. */
  revision: 'fnmesh/revision',
  /** On a route object: its last 20 changes, oldest first, as JSON. */
  history: 'fnmesh/history',
} as const;

/** A Kubernetes object name of at most `max` characters: what is too long ends in a hash of the whole. */
function fitting(name: string, max = 63): string {
  if (name.length <= max) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, max - 9).replace(/[^a-z0-9]+$/, '')}-${hash}`;
}

/** `hello-app` for the function named like the app, else `shop-cart`: of the route object, and of the Service over all versions. */
export function functionObject(app: AppName, fn: FunctionName): string {
  return fitting(fn === app ? app : `${app}-${fn}`, 57);
}

/** `hello-app-mesh`, `shop-cart-mesh`: of the route object for callers inside the mesh. */
export function meshRouteObject(app: AppName, fn: FunctionName): string {
  return `${functionObject(app, fn)}-mesh`;
}

/** `hello-app-v1`, `shop-cart-v2`: of a version's Service, and of its own proxy. */
export function versionObject(app: AppName, fn: FunctionName, version: VersionName): string {
  return fitting(`${fn === app ? app : `${app}-${fn}`}-${version}`);
}

/** `shop-proxy`: of the proxy for all versions of an app. */
export function sharedProxy(app: AppName): string {
  return fitting(`${app}-proxy`);
}

/** What all objects of an app carry, and lists go by. */
export function appLabels(app: AppName): Record<string, string> {
  return { [LABELS.managedBy]: 'fnmesh', [LABELS.app]: app };
}

/** What the objects of a function carry, those of one version too when it is given. */
export function ownLabels(app: AppName, fn: FunctionName, version?: VersionName): Record<string, string> {
  return {
    app: fn,
    ...(version !== undefined && { version }),
    'app.kubernetes.io/name': fn,
    'app.kubernetes.io/part-of': app,
    ...(version !== undefined && { 'app.kubernetes.io/version': version }),
    ...appLabels(app),
    [LABELS.function]: fn,
    ...(version !== undefined && { [LABELS.version]: version }),
  };
}
