// A cluster in memory whose controllers do at once what they have to.
import { selects } from '../../../src/kubernetes/front/rollout.js';
import { apiVersionOf, type Kind, KINDS, type KubeObject } from '../../../src/kubernetes/object.js';
import { fakeCluster, type FakeCluster } from '../../helpers/fake-cluster.js';

/** The Gateway of the Gateway API that the sites name. */
export const GATEWAY: KubeObject = {
  apiVersion: apiVersionOf(KINDS.Gateway),
  kind: 'Gateway',
  metadata: { name: 'public', namespace: 'istio-ingress' },
  spec: {
    listeners: [{ name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'All' } } }],
  },
};

/** The same for Istio's API. */
export const ISTIO_GATEWAY: KubeObject = {
  ...GATEWAY,
  apiVersion: apiVersionOf(KINDS.IstioGateway),
  spec: { servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }] },
};

/** @param runs Says of which Deployments Pods come up. */
export function living(runs: (name: string) => boolean = () => true): FakeCluster {
  const cluster = fakeCluster();
  cluster.put(GATEWAY);
  const reconcile = (): void => {
    for (const deployment of cluster.objects(KINDS.Deployment)) {
      const { name, namespace = '', generation = 0 } = deployment.metadata;
      if (observed(deployment) === generation) continue;
      const { replicas = 1, template } = deployment['spec'] as { replicas?: number; template: KubeObject };
      const ready = runs(name) ? replicas : 0;
      cluster.edit(deployment, (it) => {
        const [updatedReplicas, availableReplicas] = [replicas, ready];
        it['status'] = { observedGeneration: generation, replicas, updatedReplicas, availableReplicas };
      });
      if (ready > 0) cluster.put(plain(KINDS.Pod, namespace, `${name}-0`, template.metadata.labels ?? {}));
    }
    const pods = cluster.objects(KINDS.Pod);
    for (const service of cluster.objects(KINDS.Service)) {
      const { name, namespace = '', labels = {} } = service.metadata;
      const endpoints = pods
        .filter(({ metadata }) => selects(service, metadata.labels ?? {}))
        .map(({ metadata }) => ({
          conditions: { ready: true },
          targetRef: { kind: 'Pod', name: metadata.name },
        }));
      const slice = plain(KINDS.EndpointSlice, namespace, `${name}-x`, {
        ...labels,
        'kubernetes.io/service-name': name,
      });
      cluster.put({ ...slice, endpoints });
    }
  };
  for (const kind of ['Deployment', 'EndpointSlice'])
    cluster.before({ verb: 'list', kind }, reconcile, Infinity);
  return cluster;
}

const observed = ({ status }: KubeObject): number | undefined =>
  (status as { observedGeneration?: number } | undefined)?.observedGeneration;

/** An object with labels and nothing else. */
export const plain = (
  kind: Kind,
  namespace: string,
  name: string,
  labels: Record<string, string>,
): KubeObject => ({
  apiVersion: apiVersionOf(kind),
  kind: kind.kind,
  metadata: { name, namespace, labels },
});
