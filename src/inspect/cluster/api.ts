// The cluster's API: how new it is, and whether it has the kinds of routes that are needed. Pure.
import type { KubeObject } from '../../kubernetes/object.js';
import type { Site } from '../../kubernetes/site.js';
import { type Check, fail, ok, warn } from './check.js';

/** The oldest Kubernetes on which fnmesh is meant to run, and the newest on which it was tested: minors of 1. */
const MINORS = { oldest: 32, tested: 36 } as const;
/** The oldest Gateway API whose standard routes have names for rules (Gateway API 1.4, GEP-995). */
const OLDEST_GATEWAY_API = [1, 4] as const;
const BUNDLE = 'gateway.networking.k8s.io/bundle-version';

/** The version of the API server, such as `v1.36.3` or `v1.31.2-gke.1`. */
export function judgeVersion(version: string, where: string): Check {
  const name = 'Kubernetes';
  const found = `${version} at ${where}`;
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined) return warn(name, found, 'it does not say its version as Kubernetes does');
  if (Number(major) === 1 && Number(minor) < MINORS.oldest)
    return warn(name, found, `older than 1.${MINORS.oldest}: upgrade; what fnmesh makes may be refused`);
  if (Number(major) > 1 || Number(minor) > MINORS.tested)
    return ok(name, found, `it answers; fnmesh was tested up to 1.${MINORS.tested}`);
  return ok(name, found, 'it answers');
}

/** What is known of the kind of routes. `crd` null: it is not there; undefined: it may not be read. */
export type RouteApi = { served: boolean; crd: KubeObject | null | undefined };

/** Whether routes of the chosen API can be written. */
export function judgeRouteApi(api: Site['api'], { served, crd }: RouteApi): Check {
  return api === 'istio' ? judgeIstio(served, crd) : judgeGatewayApi(served, crd);
}

function judgeIstio(served: boolean, crd: KubeObject | null | undefined): Check {
  const name = 'Istio';
  if (served) return ok(name, 'VirtualService networking.istio.io/v1', 'routes can be written');
  if (crd)
    return fail(name, 'VirtualService, but not networking.istio.io/v1', 'upgrade Istio to 1.26 or newer');
  return fail(
    name,
    'no VirtualService',
    'install Istio (https://istio.io/latest/docs/setup), or api: gateway-api in fnmesh.yaml',
  );
}

function judgeGatewayApi(served: boolean, crd: KubeObject | null | undefined): Check {
  const name = 'Gateway API';
  if (!served)
    return fail(
      name,
      'no HTTPRoute gateway.networking.k8s.io/v1',
      'install it: https://gateway-api.sigs.k8s.io/guides/getting-started, or api: istio in fnmesh.yaml',
    );
  const bundle = crd?.metadata.annotations?.[BUNDLE];
  const channel = crd?.metadata.annotations?.['gateway.networking.k8s.io/channel'];
  if (bundle === undefined)
    return warn(
      name,
      `HTTPRoute, version ${crd === undefined ? 'may not be read' : 'not said'}`,
      `routes can be written when it is ${OLDEST_GATEWAY_API.join('.')} or newer, for rules have names`,
    );
  const found = `${bundle}${channel === undefined ? '' : `, ${channel} channel`}`;
  const [, major = '0', minor = '0'] = /^v?(\d+)\.(\d+)/.exec(bundle) ?? [];
  const isNew =
    Number(major) > OLDEST_GATEWAY_API[0] ||
    (Number(major) === OLDEST_GATEWAY_API[0] && Number(minor) >= OLDEST_GATEWAY_API[1]);
  if (isNew || channel === 'experimental') return ok(name, found, 'routes can be written');
  return fail(name, found, `rules have no names before ${OLDEST_GATEWAY_API.join('.')}: upgrade its CRDs`);
}
