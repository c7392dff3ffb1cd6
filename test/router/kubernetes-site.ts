// A place on a cluster in memory, and what its gateways would do with the route objects there.
import { expect } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import type { Counters, DataPlane } from '../../src/kubernetes/data-plane.js';
import type { Cluster } from '../../src/kubernetes/cluster.js';
import { functionObject, versionObject } from '../../src/kubernetes/names.js';
import { liveSplit } from '../../src/kubernetes/render/read-route.js';
import { routeKind } from '../../src/kubernetes/render/routes.js';
import type { Site } from '../../src/kubernetes/site.js';
import { KubernetesRouter } from '../../src/router/kubernetes.js';
import type { KubernetesRouterOptions } from '../../src/router/kubernetes.js';
import { versionsOf } from '../../src/routing/versions.js';
import type { FakeCluster } from '../helpers/fake-cluster.js';
import { siteOf as siteAt } from '../kubernetes/routes-sites.js';

/** Journals of tests: nobody waits long. */
export const TIMES = { renewMs: 20, leaseMs: 200, pollMs: 5, waitMs: 2000 };

/** The site of an app in the namespace `hello`. */
export function siteOf(app: string, more: Partial<Site> = {}): Site {
  return siteAt({ app, namespace: 'hello', api: 'gateway-api', mesh: false, pin: { kind: 'off' }, ...more });
}

/** A router on a cluster; each is another client. */
export function routerOn(
  cluster: Cluster,
  site: Partial<Site> = {},
  options: Partial<KubernetesRouterOptions> = {},
): KubernetesRouter {
  return new KubernetesRouter(cluster, (app) => Promise.resolve(siteOf(app, site)), {
    namespace: 'hello',
    drainMs: 10,
    journal: TIMES,
    ...options,
  });
}

/** Gateways that have at once what the cluster has. */
export function promptDataPlane(cluster: FakeCluster): DataPlane {
  return {
    proxies({ api, namespace }, route) {
      const name = functionObject(route.app, route.function);
      const object = cluster
        .objects(routeKind(api))
        .find(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
      const split = object ? liveSplit(object, route) : null;
      return Promise.resolve([{ proxy: 'gateway-0', split, inactive: [] }]);
    },
  };
}

/** Counters of gateways that nobody has called. */
export const NO_TRAFFIC: Counters = {
  traffic: (_, __, { split }) =>
    Promise.resolve(
      versionsOf(split).map((version) => {
        return { version, requests: 0, errors: 0, pinned: 0, p50: null, p95: null, p99: null, inFlight: 0 };
      }),
    ),
};

/** Puts in an EndpointSlice of a version's Service, as its controller would make it. */
export function putEndpoints(
  cluster: FakeCluster,
  app: string,
  fn: string,
  version: string,
  ready: readonly (boolean | undefined)[],
): void {
  const service = versionObject(app, fn, version);
  cluster.put({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service}-abcde`,
      namespace: 'hello',
      labels: {
        'kubernetes.io/service-name': service,
        'app.kubernetes.io/managed-by': 'fnmesh',
        'fnmesh/app': app,
      },
    },
    endpoints: ready.map((is, index) => ({
      addresses: [`10.99.0.${index}`],
      conditions: is === undefined ? {} : { ready: is },
    })),
  });
}

/** The FnmeshError that a call fails with. */
export async function failure(call: Promise<unknown>): Promise<FnmeshError> {
  const thrown: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(FnmeshError);
  return thrown as FnmeshError;
}
