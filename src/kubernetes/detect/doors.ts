// Where requests come in: the listeners of Gateways (Gateway API 1.6) and the servers of Istio's Gateways (Istio 1.31),
// and which of them admit a host and a namespace. Pure.
import { KINDS, type KubeObject } from '../object.js';
import type { Site } from '../site.js';

/** One listener or server that speaks HTTP. */
export type Door = {
  api: Site['api'];
  namespace: string;
  gateway: string;
  /** Its name; null: it has none (Istio). */
  listener: string | null;
  port: number;
  /** Whether it speaks TLS. */
  secure: boolean;
  /** Hosts it takes: `*`, `*.example.com` or whole names. */
  hosts: string[];
  admitsNamespace: boolean;
};

/** A namespace and its labels; null: they may not be read. */
export type Place = { namespace: string; labels: Readonly<Record<string, string>> | null };

/** All doors of a Gateway of either API that speak HTTP and do not only redirect. */
export function doorsOf(gateway: KubeObject, place: Place): Door[] {
  return gateway.apiVersion.startsWith(KINDS.Gateway.group)
    ? listenersOf(gateway, place)
    : serversOf(gateway, place);
}

/** Whether one of the door's hosts takes in `host`; null: any host does. */
export function admitsHost({ hosts }: Pick<Door, 'hosts'>, host: string | null): boolean {
  if (host === null) return true;
  return hosts.some(
    (pattern) =>
      pattern === '*' || pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1))),
  );
}

/** The only host that the door takes, if it is a whole name. */
export function onlyHost({ hosts }: Pick<Door, 'hosts'>): string | null {
  const [host] = hosts;
  return hosts.length === 1 && host !== undefined && !host.includes('*') ? host : null;
}

/** As fnmesh.yaml has it: `istio-ingress/public#https`. */
export function doorName({ namespace, gateway, listener, api }: Door): string {
  return `${namespace}/${gateway}${listener === null || api === 'istio' ? '' : `#${listener}`}`;
}

type Listener = {
  name: string;
  hostname?: string;
  port: number;
  protocol: string;
  allowedRoutes?: {
    namespaces?: { from?: string; selector?: Selector };
    kinds?: { group?: string; kind: string }[];
  };
};

function listenersOf(gateway: KubeObject, place: Place): Door[] {
  const { namespace = '', name } = gateway.metadata;
  const { listeners = [] } = gateway['spec'] as { listeners?: Listener[] };
  return listeners
    .filter(({ protocol }) => protocol === 'HTTP' || protocol === 'HTTPS')
    .filter(({ allowedRoutes }) => allowedRoutes?.kinds?.some(({ kind }) => kind === 'HTTPRoute') ?? true)
    .map((listener) => ({
      api: 'gateway-api' as const,
      namespace,
      gateway: name,
      listener: listener.name,
      port: listener.port,
      secure: listener.protocol === 'HTTPS',
      hosts: [listener.hostname ?? '*'],
      admitsNamespace: admits(listener, namespace, place),
    }));
}

/** Unsaid, a listener takes routes of its own namespace only. */
function admits({ allowedRoutes }: Listener, own: string, { namespace, labels }: Place): boolean {
  const { from = 'Same', selector } = allowedRoutes?.namespaces ?? {};
  if (from === 'All') return true;
  if (from === 'Same') return own === namespace;
  // What cannot be read is left to the cluster to refuse.
  return from === 'Selector' && (labels === null || selectorMatches(selector ?? {}, labels));
}

type Selector = {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
};

/** Kubernetes' label selectors; an empty one matches everything. */
function selectorMatches(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === 'Exists') return value !== undefined;
      if (operator === 'DoesNotExist') return value === undefined;
      if (operator === 'In') return value !== undefined && values.includes(value);
      return operator === 'NotIn' && (value === undefined || !values.includes(value));
    })
  );
}

type Server = {
  name?: string;
  hosts: string[];
  port: { number: number; name: string; protocol: string };
  tls?: { mode?: string; httpsRedirect?: boolean };
};

function serversOf(gateway: KubeObject, place: Place): Door[] {
  const { namespace = '', name } = gateway.metadata;
  const { servers = [] } = gateway['spec'] as { servers?: Server[] };
  return servers
    .filter(({ port, tls }) => {
      const protocol = port.protocol.toUpperCase();
      if (protocol === 'HTTPS') return !/^(AUTO_)?PASSTHROUGH$/.test(tls?.mode ?? '');
      return (protocol === 'HTTP' || protocol === 'HTTP2') && tls?.httpsRedirect !== true;
    })
    .map(({ name: listener, hosts, port }) => {
      // `ns/host`: only for VirtualServices of that namespace; `.` is the Gateway's own, `*` any.
      const mine = hosts.flatMap((text) => {
        const [scope, host] = text.includes('/') ? (text.split('/', 2) as [string, string]) : ['*', text];
        const isMine =
          scope === '*' || scope === place.namespace || (scope === '.' && namespace === place.namespace);
        return isMine ? [host] : [];
      });
      return {
        api: 'istio' as const,
        namespace,
        gateway: name,
        listener: listener ?? port.name,
        port: port.number,
        secure: port.protocol.toUpperCase() === 'HTTPS',
        hosts: mine,
        admitsNamespace: mine.length > 0,
      };
    });
}
