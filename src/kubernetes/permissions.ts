// What fnmesh asks of a cluster's API: the one table from which doctor asks whether it may, and against which the RBAC
// manifests are tested. Pure data.
import type { AppName } from '../routing/route.js';
import type { Permission } from './cluster.js';
import { pinSecretName } from './detect/pin.js';
import { KINDS, type Kind } from './object.js';
import type { Site } from './site.js';

/** Where: the app's namespace, the gateway's, the one that the cluster's DNS is in, or all. */
type At = 'namespace' | 'gateway' | 'dns' | 'cluster';

/** One line of the table. */
export type Need = {
  kind: Kind;
  subresource?: string;
  verbs: readonly Permission['verb'][];
  at: At;
  /** What it is for, as doctor says it. */
  for: string;
  /** Whether all but what it is for works without it. */
  optional?: true;
  /** Only when this API's routes are written. */
  api?: Site['api'];
  /** Only the one Secret of this app's pins. */
  pin?: true;
  /** Only where settings say makeGateway; not in the manifests, for gateways are the platform's. */
  makesGateway?: true;
};

/** Where the Service of the cluster's DNS is. */
const DNS_NAMESPACE = 'kube-system';

// Server-side apply of what is not there yet needs create beside patch.
const APPLIED = ['get', 'list', 'create', 'patch', 'delete'] as const;
const ROUTES = ['get', 'create', 'update', 'delete'] as const;
// The verbs for requests that name their method: an upgrade by GET, or by POST.
const CONNECT = ['get', 'create'] as const;

/** All of them, the app's namespace first. */
export const NEEDS: readonly Need[] = [
  { kind: KINDS.Deployment, verbs: APPLIED, at: 'namespace', for: 'proxies' },
  { kind: KINDS.Service, verbs: APPLIED, at: 'namespace', for: "versions' Services" },
  {
    kind: KINDS.ConfigMap,
    verbs: ['get', 'list', 'create', 'update', 'patch', 'delete'],
    at: 'namespace',
    for: "proxies' configuration, and the journal of changes of several routes",
  },
  { kind: KINDS.PodDisruptionBudget, verbs: APPLIED, at: 'namespace', for: 'two proxies and more' },
  { kind: KINDS.HorizontalPodAutoscaler, verbs: APPLIED, at: 'namespace', for: 'autoscale' },
  { kind: KINDS.NetworkPolicy, verbs: APPLIED, at: 'namespace', for: 'networkPolicy' },
  { kind: KINDS.Pod, verbs: ['list'], at: 'namespace', for: 'why a proxy is not ready' },
  { kind: KINDS.EndpointSlice, verbs: ['list'], at: 'namespace', for: 'whether a version is ready' },
  {
    kind: KINDS.Service,
    subresource: 'proxy',
    verbs: ['get'],
    at: 'namespace',
    for: 'whether a proxy reaches its function',
  },
  {
    kind: KINDS.Service,
    subresource: 'proxy',
    verbs: ['create', 'update', 'patch', 'delete'],
    at: 'namespace',
    for: 'a probe: with POST, PUT, PATCH or DELETE',
    optional: true,
  },
  { kind: KINDS.VirtualService, verbs: ['list'], at: 'namespace', for: 'routes of either API' },
  { kind: KINDS.HTTPRoute, verbs: ['list'], at: 'namespace', for: 'routes of either API' },
  { kind: KINDS.VirtualService, verbs: ROUTES, at: 'namespace', for: 'routes', api: 'istio' },
  { kind: KINDS.HTTPRoute, verbs: ROUTES, at: 'namespace', for: 'routes', api: 'gateway-api' },
  { kind: KINDS.Secret, verbs: ['get', 'delete'], at: 'namespace', for: 'the secret of pins', pin: true },
  { kind: KINDS.Secret, verbs: ['create'], at: 'namespace', for: 'the secret of pins, once' },
  {
    kind: KINDS.Pod,
    subresource: 'log',
    verbs: ['get'],
    at: 'namespace',
    for: 'fnmesh logs',
    optional: true,
  },
  {
    kind: KINDS.PeerAuthentication,
    verbs: ['list'],
    at: 'namespace',
    for: 'whether the mesh lets the gateway in',
    optional: true,
  },
  {
    kind: KINDS.Namespace,
    verbs: ['get'],
    at: 'cluster',
    for: 'whether the namespace is in a mesh (else mesh: says so)',
    optional: true,
  },
  {
    kind: KINDS.Service,
    verbs: ['get'],
    at: 'dns',
    for: 'the DNS server (else dns: says it)',
    optional: true,
  },
  {
    kind: KINDS.Gateway,
    verbs: ['get', 'list'],
    at: 'cluster',
    for: 'the gateway (else gateway: and host: say it)',
    optional: true,
    api: 'gateway-api',
  },
  {
    kind: KINDS.GatewayClass,
    verbs: ['get', 'list'],
    at: 'cluster',
    for: 'whether the gateway is part of the mesh',
    optional: true,
    api: 'gateway-api',
  },
  {
    kind: KINDS.IstioGateway,
    verbs: ['get', 'list'],
    at: 'cluster',
    for: 'the gateway (else gateway: and host: say it)',
    optional: true,
    api: 'istio',
  },
  {
    kind: KINDS.VirtualService,
    verbs: ['list'],
    at: 'cluster',
    for: 'routes of others for the host',
    optional: true,
  },
  {
    kind: KINDS.HTTPRoute,
    verbs: ['list'],
    at: 'cluster',
    for: 'routes of others for the host',
    optional: true,
  },
  {
    kind: KINDS.PeerAuthentication,
    verbs: ['list'],
    at: 'cluster',
    for: 'whether the mesh lets proxies reach Fn',
    optional: true,
  },
  {
    kind: KINDS.CustomResourceDefinition,
    verbs: ['get'],
    at: 'cluster',
    for: 'versions of the APIs',
    optional: true,
  },
  {
    kind: KINDS.Service,
    verbs: ['get', 'list'],
    at: 'gateway',
    for: "the gateway's address",
    optional: true,
  },
  {
    kind: KINDS.Gateway,
    verbs: ['create', 'patch'],
    at: 'gateway',
    for: 'makeGateway',
    api: 'gateway-api',
    makesGateway: true,
  },
  {
    kind: KINDS.IstioGateway,
    verbs: ['create', 'patch'],
    at: 'gateway',
    for: 'makeGateway',
    api: 'istio',
    makesGateway: true,
  },
  {
    kind: KINDS.Pod,
    verbs: ['list'],
    at: 'gateway',
    for: 'fnmesh forward, --wait=envoy, --observe',
    optional: true,
  },
  {
    kind: KINDS.Pod,
    subresource: 'portforward',
    verbs: CONNECT,
    at: 'gateway',
    for: 'fnmesh forward, --wait=envoy, --observe',
    optional: true,
  },
];

/** One thing to ask the cluster about. */
export type Question = { permission: Permission; for: string; optional: boolean };

/** Where the questions are about; a gateway that is not known is taken for one of the app's namespace. */
export type Place = Pick<Site, 'namespace' | 'api'> & {
  gateway: { namespace: string } | null;
  makeGateway: boolean;
};

/** The questions of one place: everything in NEEDS that counts there, verb by verb. */
export function questionsFor(app: AppName, { namespace, api, gateway, makeGateway }: Place): Question[] {
  const places: Record<At, string | null> = {
    namespace,
    gateway: gateway?.namespace ?? namespace,
    dns: DNS_NAMESPACE,
    cluster: null,
  };
  return NEEDS.filter(
    (need) => (need.api === undefined || need.api === api) && (makeGateway || need.makesGateway !== true),
  ).flatMap((need) =>
    need.verbs.map((verb) => ({
      permission: {
        verb,
        kind: need.kind,
        ...(need.subresource !== undefined && { subresource: need.subresource }),
        namespace: places[need.at],
        ...(need.pin && { name: pinSecretName(app) }),
      },
      for: need.for,
      optional: need.optional ?? false,
    })),
  );
}
