// The objects that say where the lab's gateway is: what an installation of Istio would have made.
import type { KubeObject } from '../../src/kubernetes/object.js';
import { KINDS, kindOf } from '../../src/kubernetes/object.js';
import type { Api } from './api.js';
import type { GatewayNames } from './gateway-config.js';

const CONTROLLER = 'istio.io/gateway-controller';
const FOREVER = '2026-01-01T00:00:00Z';

/** Writes them, whether or not they are there. */
export async function applyGatewayObjects(api: Api, names: GatewayNames, address: string): Promise<void> {
  for (const object of gatewayObjects(names, address)) {
    const { status, ...rest } = object;
    await apply(api, rest, '');
    if (status !== undefined) await apply(api, { ...rest, status }, '/status');
  }
}

/** What istiod says of an HTTPRoute that is bound to the gateway; null when it says so already. */
export function routeStatus(
  route: KubeObject,
  missing: readonly string[],
  names: GatewayNames,
): object | null {
  const { generation = 1 } = route.metadata;
  const spec = route.spec as { parentRefs: { namespace?: string; name: string }[] };
  const own = ({ parentRef }: { parentRef: { namespace?: string; name: string } }) =>
    `${parentRef.namespace ?? route.metadata.namespace}/${parentRef.name}` === names.gatewayApi;
  const parents = spec.parentRefs
    .map((parentRef) => ({
      parentRef,
      controllerName: CONTROLLER,
      conditions: [
        condition('Accepted', true, 'Accepted', generation),
        missing.length === 0
          ? condition('ResolvedRefs', true, 'ResolvedRefs', generation)
          : condition(
              'ResolvedRefs',
              false,
              'BackendNotFound',
              generation,
              `no Service ${missing.join(', ')}`,
            ),
      ],
    }))
    .filter(own);
  const live = ((route.status as { parents?: typeof parents } | undefined)?.parents ?? []).filter(own);
  const essence = (list: typeof parents) =>
    JSON.stringify(
      list.map(({ conditions }) => conditions.map((each) => ({ ...each, lastTransitionTime: 0 }))),
    );
  const same = essence(live) === essence(parents);
  return same ? null : { parents };
}

function condition(
  type: string,
  holds: boolean,
  reason: string,
  observedGeneration: number,
  message = '',
): object {
  const status = holds ? 'True' : 'False';
  return { lastTransitionTime: FOREVER, message, observedGeneration, reason, status, type };
}

async function apply(api: Api, object: KubeObject, subresource: string): Promise<void> {
  const { group, version, plural } = kindOf(object) ?? NODE;
  const { namespace, name } = object.metadata;
  const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const path = `${base}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${plural}/${name}${subresource}`;
  const query = '?fieldManager=lab-gateway&force=true';
  await api.must('PATCH', `${path}${query}`, object, 'application/apply-patch+yaml');
}

const POD = 'istio-ingress-0';

/** The gateway's Pod, `namespace/name`. */
export function gatewayPod({ istio }: GatewayNames): string {
  return `${istio.split('/')[0]}/${POD}`;
}

const NODE = { group: '', version: 'v1', plural: 'nodes' };

function gatewayObjects(names: GatewayNames, address: string): KubeObject[] {
  const [namespace = '', name = ''] = names.istio.split('/');
  const [apiNamespace = '', apiName = ''] = names.gatewayApi.split('/');
  const labels = {
    app: 'istio-ingress',
    istio: 'ingress',
    'gateway.networking.k8s.io/gateway-name': apiName,
  };
  const service = (serviceName: string, own: Record<string, string>): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: serviceName, namespace, labels: own },
    spec: {
      type: 'LoadBalancer',
      selector: { istio: 'ingress' },
      ports: [{ name: 'http', port: names.port, targetPort: names.port, protocol: 'TCP' }],
    },
    status: { loadBalancer: { ingress: [{ ip: address, ipMode: 'VIP' }] } },
  });
  const good = (...types: string[]) => types.map((type) => condition(type, true, type, 1));
  return [
    ...[...new Set([namespace, apiNamespace])].map((each) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: each },
    })),
    // A Node of its own: the lab's agent leaves the Pod alone, and its endpoint counts, as that of no Node would not.
    {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'lab-gateway' },
      status: { addresses: [{ type: 'InternalIP', address }] },
    },
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: POD, namespace, labels },
      spec: {
        nodeName: 'lab-gateway',
        containers: [
          {
            name: 'istio-proxy',
            image: 'registry.example/istio/proxyv2',
            ports: [{ name: 'http', containerPort: names.port }],
          },
        ],
      },
      status: {
        phase: 'Running',
        podIP: address,
        podIPs: [{ ip: address }],
        startTime: FOREVER,
        conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
          type,
          status: 'True',
          lastTransitionTime: FOREVER,
        })),
      },
    },
    service('istio-ingress', { app: 'istio-ingress', istio: 'ingress' }),
    service(`${apiName}-istio`, { 'gateway.networking.k8s.io/gateway-name': apiName }),
    {
      apiVersion: `${KINDS.IstioGateway.group}/v1`,
      kind: 'Gateway',
      metadata: { name, namespace },
      spec: {
        selector: { istio: 'ingress' },
        servers: [{ port: { number: names.port, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
      },
    },
    {
      apiVersion: `${KINDS.GatewayClass.group}/v1`,
      kind: 'GatewayClass',
      metadata: { name: 'istio' },
      spec: { controllerName: CONTROLLER },
      status: { conditions: good('Accepted') },
    },
    {
      apiVersion: `${KINDS.Gateway.group}/v1`,
      kind: 'Gateway',
      metadata: { name: apiName, namespace: apiNamespace },
      spec: {
        gatewayClassName: 'istio',
        listeners: [
          {
            name: names.listener,
            port: names.port,
            protocol: 'HTTP',
            allowedRoutes: { namespaces: { from: 'All' } },
          },
        ],
      },
      status: {
        addresses: [{ type: 'IPAddress', value: address }],
        conditions: good('Accepted', 'Programmed'),
        listeners: [
          {
            name: names.listener,
            attachedRoutes: 0,
            supportedKinds: [{ group: KINDS.HTTPRoute.group, kind: 'HTTPRoute' }],
            conditions: good('Accepted', 'Programmed', 'ResolvedRefs'),
          },
        ],
      },
    },
  ];
}
