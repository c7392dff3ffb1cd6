// Whether requests come in: the gateway, and where it is to be reached. Pure.
import type { GatewayUrl } from '../../kubernetes/detect/gateway-url.js';
import { admitsHost, doorsOf, type Place } from '../../kubernetes/detect/doors.js';
import type { KubeObject } from '../../kubernetes/object.js';
import type { Site } from '../../kubernetes/site.js';
import { type Check, fail, ok, warn } from './check.js';

type Condition = { type: string; status: string; reason?: string; message?: string };

/**
 * The gateway that routes are bound to, by its listeners. Its condition `Programmed` is told and proves nothing: it may
 * be False while requests flow, and True while none does.
 * @param gateway null: it is not there; undefined: it may not be read.
 */
export function judgeGateway(
  site: Pick<Site, 'api' | 'gateway' | 'host' | 'namespace'>,
  gateway: KubeObject | null | undefined,
  labels: Place['labels'],
): Check {
  const name = 'gateway';
  const what = `${site.gateway.namespace}/${site.gateway.name}`;
  if (gateway === undefined)
    return warn(name, `${what} may not be read`, `not checked whether it takes ${site.host}`);
  if (gateway === null)
    return fail(
      name,
      `there is no ${what}`,
      'gateway: NAMESPACE/NAME in fnmesh.yaml, or makeGateway: true, and deploy makes it',
    );
  const { listener } = site.gateway;
  const doors = doorsOf(gateway, { namespace: site.namespace, labels }).filter(
    (door) => listener === undefined || door.listener === listener,
  );
  if (doors.length === 0)
    return fail(
      name,
      `${what} has no ${listener === undefined ? 'listener' : `listener ${listener}`} for HTTP`,
      'gateway: NAMESPACE/NAME#LISTENER in fnmesh.yaml',
    );
  const open = doors.filter((door) => admitsHost(door, site.host));
  if (open.length === 0)
    return fail(
      name,
      `${what} takes ${[...new Set(doors.flatMap(({ hosts }) => hosts))].join(', ') || 'no host'}`,
      `it answers 404 for ${site.host}: another host: in fnmesh.yaml, or a listener for it`,
    );
  if (!open.some(({ admitsNamespace }) => admitsNamespace))
    return fail(
      name,
      `${what} takes no routes of namespace ${site.namespace}`,
      'allowedRoutes.namespaces of its listener (Gateway API), or hosts: NAMESPACE/HOST of its server (Istio)',
    );
  return ok(name, `${what}${programmed(gateway)}`, `takes ${site.host}`);
}

function programmed(gateway: KubeObject): string {
  const { conditions = [] } = (gateway['status'] ?? {}) as { conditions?: Condition[] };
  const condition = conditions.find(({ type }) => type === 'Programmed');
  if (condition === undefined) return '';
  const why = condition.status === 'True' ? '' : `: ${condition.message ?? condition.reason ?? ''}`;
  return ` (Programmed=${condition.status}${why}; that proves nothing)`;
}

/** Where this machine reaches the gateway. */
export function judgeAddress({ url, from }: GatewayUrl, host: string): Check {
  const name = 'gateway address';
  if (url !== null) return ok(name, `${url} (${from})`, `requests for ${host} go there`);
  return warn(
    name,
    from,
    'probe and call need one: address: URL of the target in fnmesh.yaml, or fnmesh forward',
  );
}
