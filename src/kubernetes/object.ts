// Kubernetes objects as plain data, and the kinds that fnmesh reads and writes.

/** What every object has; times are RFC 3339. */
export type Metadata = {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean }[];
  managedFields?: { manager: string; operation: string; subresource?: string; fieldsV1?: unknown }[];
  finalizers?: string[];
};

/** An object of any kind: what lies beside metadata is the kind's own. */
export type KubeObject = {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  [field: string]: unknown;
};

/** A kind as the API serves it. `group` is '' for the core group. */
export type Kind = {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** The name in URLs, such as `deployments`. */
  readonly plural: string;
  readonly namespaced: boolean;
};

const core = (kind: string, plural: string, namespaced = true): Kind => ({
  group: '',
  version: 'v1',
  kind,
  plural,
  namespaced,
});
const of = (group: string, version: string, kind: string, plural: string, namespaced = true): Kind => ({
  group,
  version,
  kind,
  plural,
  namespaced,
});

/** The kinds that fnmesh reads or writes (Kubernetes 1.32 and later, Gateway API 1.4 and later, Istio 1.26 and later). */
export const KINDS = {
  ConfigMap: core('ConfigMap', 'configmaps'),
  Secret: core('Secret', 'secrets'),
  Service: core('Service', 'services'),
  ServiceAccount: core('ServiceAccount', 'serviceaccounts'),
  Pod: core('Pod', 'pods'),
  PersistentVolumeClaim: core('PersistentVolumeClaim', 'persistentvolumeclaims'),
  Namespace: core('Namespace', 'namespaces', false),
  Deployment: of('apps', 'v1', 'Deployment', 'deployments'),
  ReplicaSet: of('apps', 'v1', 'ReplicaSet', 'replicasets'),
  StatefulSet: of('apps', 'v1', 'StatefulSet', 'statefulsets'),
  EndpointSlice: of('discovery.k8s.io', 'v1', 'EndpointSlice', 'endpointslices'),
  PodDisruptionBudget: of('policy', 'v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  HorizontalPodAutoscaler: of('autoscaling', 'v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  NetworkPolicy: of('networking.k8s.io', 'v1', 'NetworkPolicy', 'networkpolicies'),
  Role: of('rbac.authorization.k8s.io', 'v1', 'Role', 'roles'),
  RoleBinding: of('rbac.authorization.k8s.io', 'v1', 'RoleBinding', 'rolebindings'),
  ClusterRole: of('rbac.authorization.k8s.io', 'v1', 'ClusterRole', 'clusterroles', false),
  VirtualService: of('networking.istio.io', 'v1', 'VirtualService', 'virtualservices'),
  DestinationRule: of('networking.istio.io', 'v1', 'DestinationRule', 'destinationrules'),
  IstioGateway: of('networking.istio.io', 'v1', 'Gateway', 'gateways'),
  PeerAuthentication: of('security.istio.io', 'v1', 'PeerAuthentication', 'peerauthentications'),
  Gateway: of('gateway.networking.k8s.io', 'v1', 'Gateway', 'gateways'),
  GatewayClass: of('gateway.networking.k8s.io', 'v1', 'GatewayClass', 'gatewayclasses', false),
  HTTPRoute: of('gateway.networking.k8s.io', 'v1', 'HTTPRoute', 'httproutes'),
  CustomResourceDefinition: of(
    'apiextensions.k8s.io',
    'v1',
    'CustomResourceDefinition',
    'customresourcedefinitions',
    false,
  ),
} as const satisfies Record<string, Kind>;

/** The `apiVersion` of a kind: `v1`, `apps/v1`. */
export function apiVersionOf({ group, version }: Kind): string {
  return group === '' ? version : `${group}/${version}`;
}

/** The kind of an object; null for one that fnmesh does not know. */
export function kindOf({ apiVersion, kind }: Pick<KubeObject, 'apiVersion' | 'kind'>): Kind | null {
  return Object.values(KINDS).find((each) => each.kind === kind && apiVersionOf(each) === apiVersion) ?? null;
}

/** How messages name an object: `Deployment hello/hello-app-v1`. */
export function objectName({ kind, metadata }: Pick<KubeObject, 'kind' | 'metadata'>): string {
  return `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
}
