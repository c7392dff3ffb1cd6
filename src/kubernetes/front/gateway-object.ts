// A Gateway made by fnmesh, where fnmesh.yaml says so. Other apps may use it later: it is made once, and left alone.
import { FnmeshError } from '../../errors.js';
import type { Cluster } from '../cluster.js';
import { LABELS } from '../names.js';
import { apiVersionOf, KINDS, type KubeObject, objectName } from '../object.js';
import type { Site } from '../site.js';
import { gatewaysOf, isOfApi } from './live-routes.js';

/** The name of the listener when nobody says one. */
const LISTENER = 'http';

/**
 * The Gateway that the site names, with one listener for plain HTTP on port 80 that takes the site's host and namespace.
 * Its class is the cluster's only GatewayClass (Gateway API), or what Istio's own ingress Pods are labelled.
 * @throws FnmeshError `config` when there is no GatewayClass, or several; as Cluster does.
 */
export async function gatewayToMake(cluster: Cluster, site: Site): Promise<KubeObject> {
  const { namespace, name, listener = LISTENER } = site.gateway;
  const metadata = { name, namespace, labels: { [LABELS.managedBy]: 'fnmesh' } };
  if (site.api === 'istio') {
    const { kind } = KINDS.IstioGateway;
    const spec = {
      selector: { istio: 'ingressgateway' },
      servers: [
        { port: { number: 80, name: listener, protocol: 'HTTP' }, hosts: [`${site.namespace}/${site.host}`] },
      ],
    };
    return { apiVersion: apiVersionOf(KINDS.IstioGateway), kind, metadata, spec };
  }
  const from =
    namespace === site.namespace
      ? { from: 'Same' }
      : { from: 'Selector', selector: { matchLabels: { 'kubernetes.io/metadata.name': site.namespace } } };
  return {
    apiVersion: apiVersionOf(KINDS.Gateway),
    kind: KINDS.Gateway.kind,
    metadata,
    spec: {
      gatewayClassName: await onlyClass(cluster),
      listeners: [
        {
          name: listener,
          port: 80,
          protocol: 'HTTP',
          hostname: site.host,
          allowedRoutes: { namespaces: from },
        },
      ],
    },
  };
}

/**
 * What to say of the site's Gateway when the last route of the app goes; null: nothing, for fnmesh did not make it.
 * @param routes Route objects of all apps, as far as they may be seen.
 */
export function gatewayThatStays(
  site: Site,
  gateway: KubeObject,
  routes: readonly KubeObject[],
): string | null {
  if (gateway.metadata.labels?.[LABELS.managedBy] !== 'fnmesh') return null;
  const { namespace, name } = site.gateway;
  const isApps = ({ metadata }: KubeObject): boolean =>
    metadata.namespace === site.namespace && metadata.labels?.[LABELS.app] === site.app;
  const other = routes.find(
    (object) =>
      isOfApi(site, object) &&
      !isApps(object) &&
      gatewaysOf(object).some((gateway) => gateway.split('#', 1)[0] === `${namespace}/${name}`),
  );
  const { plural, group } = site.api === 'istio' ? KINDS.IstioGateway : KINDS.Gateway;
  const why =
    other === undefined
      ? `other apps may use it. If none does: kubectl delete ${plural}.${group} -n ${namespace} ${name}`
      : `${objectName(other)} is bound to it`;
  return `Gateway ${namespace}/${name}, which fnmesh made, stays: ${why}`;
}

/** Of Istio's classes, those for other purposes do not count (Istio 1.31: istio-waypoint, istio-remote, istio-east-west). */
async function onlyClass(cluster: Cluster): Promise<string> {
  const classes = (await cluster.list(KINDS.GatewayClass, { namespace: null }))
    .map(({ metadata }) => metadata.name)
    .filter((name) => !['istio-waypoint', 'istio-remote', 'istio-east-west'].includes(name));
  const [only] = classes;
  if (only !== undefined && classes.length === 1) return only;
  throw new FnmeshError(
    'config',
    only === undefined
      ? 'there is no GatewayClass, so that no Gateway can be made'
      : `which class the Gateway shall have is not known: there are ${classes.join(', ')}`,
    { try: 'make a Gateway with kubectl, and name it as gateway: of the target in fnmesh.yaml' },
  );
}
