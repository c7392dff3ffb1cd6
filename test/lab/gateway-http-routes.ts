// HTTPRoutes in Istio's words, as istiod puts them (Gateway API 1.6; Istio 1.31): one list of rules for a host, ordered by
// how specific they are.
import type { KubeObject } from '../../src/kubernetes/object.js';
import type { GatewayRule, HeaderChanges, StringMatch } from './gateway-rules.js';

/** The listener that routes are taken for. */
export type Listener = { namespace: string; gateway: string; name: string; port: number };

type Named = { name: string; value: string; type?: string };
type Modifier = { set?: Named[]; add?: Named[]; remove?: string[] };
type BackendRef = { kind?: string; group?: string; namespace?: string; name: string; port: number };
type Filter = {
  type: string;
  requestHeaderModifier?: Modifier;
  responseHeaderModifier?: Modifier;
  requestMirror?: { backendRef: BackendRef; percent?: number };
};
type Match = {
  path?: { type?: string; value?: string };
  method?: string;
  headers?: Named[];
  queryParams?: Named[];
};
type ParentRef = { group?: string; kind?: string; namespace?: string; name: string } & {
  sectionName?: string;
  port?: number;
};
type Spec = {
  parentRefs?: ParentRef[];
  hostnames?: string[];
  rules?: {
    name?: string;
    matches?: Match[];
    filters?: Filter[];
    backendRefs?: (BackendRef & { weight?: number; filters?: Filter[] })[];
    timeouts?: { request?: string; backendRequest?: string };
  }[];
};

/** A rule of an HTTPRoute with one match at most, and how specific that is. */
export type RankedRule = { rule: GatewayRule; rank: number[] };

/** Which of a route's parents is the listener. */
export function parentOf({ metadata, spec }: KubeObject, listener: Listener): ParentRef | undefined {
  return ((spec as Spec).parentRefs ?? []).find(
    ({ group = 'gateway.networking.k8s.io', kind = 'Gateway', namespace, name, sectionName, port }) =>
      group === 'gateway.networking.k8s.io' &&
      kind === 'Gateway' &&
      (namespace ?? metadata.namespace) === listener.namespace &&
      name === listener.gateway &&
      (sectionName ?? listener.name) === listener.name &&
      (port ?? listener.port) === listener.port,
  );
}

/** The hosts of a route; `*` when it names none. */
export function hostsOf({ spec }: KubeObject): string[] {
  const { hostnames = [] } = spec as Spec;
  return hostnames.length > 0 ? hostnames : ['*'];
}

/** The Services that a route leads to, as `namespace/name:port`. */
export function backendsOf({ metadata, spec }: KubeObject): string[] {
  return ((spec as Spec).rules ?? []).flatMap(({ backendRefs = [] }) =>
    backendRefs.map(({ namespace = metadata.namespace, name, port }) => `${namespace}/${name}:${port}`),
  );
}

/** The rules of one route, each match apart. @throws Error for what the lab's gateway does not know. */
export function rankedRules(route: KubeObject, clusterDomain: string): RankedRule[] {
  const { metadata, spec } = route;
  const destination = ({ kind = 'Service', group = '', namespace, name, port }: BackendRef) => {
    if (kind !== 'Service' || group !== '') throw new Error(`the lab's gateway does not know ${kind}`);
    // No ReferenceGrant is looked for, so another namespace is never allowed.
    const allowed = (namespace ?? metadata.namespace) === metadata.namespace;
    const host = allowed ? `${name}.${metadata.namespace}.svc.${clusterDomain}` : 'UnknownService';
    return { host, port: { number: port } };
  };
  return ((spec as Spec).rules ?? []).flatMap(
    ({ name, matches, filters = [], backendRefs = [], timeouts }) => {
      const taking = backendRefs.filter(({ weight = 1 }) => weight > 0);
      const changes = headerChanges(filters);
      const timeout = timeouts?.request ?? timeouts?.backendRequest;
      const mirrors = filters.flatMap(({ requestMirror }) =>
        requestMirror
          ? [
              {
                destination: destination(requestMirror.backendRef),
                percentage: { value: requestMirror.percent ?? 100 },
              },
            ]
          : [],
      );
      const rule: GatewayRule = {
        ...(name !== undefined && { name }),
        ...(changes && { headers: changes }),
        ...(timeout !== undefined && { timeout }),
        ...(mirrors.length > 0 && { mirrors }),
        ...(taking.length === 0
          ? { directResponse: { status: backendRefs.length === 0 ? 404 : 500 } }
          : {
              route: taking.map((backend) => {
                const headers = headerChanges(backend.filters ?? []);
                return {
                  destination: destination(backend),
                  weight: backend.weight ?? 1,
                  ...(headers && { headers }),
                };
              }),
            }),
      };
      return (matches ?? [{}]).map((match) => ({ rule: withMatch(rule, match), rank: rankOf(match) }));
    },
  );
}

/** The more specific first (Gateway API 1.6, HTTPRouteRule.matches); 0 for equals, which keep their order. */
export function bySpecificity({ rank: one }: RankedRule, { rank: other }: RankedRule): number {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at === -1 ? 0 : other[at]! - one[at]!;
}

function rankOf({ path = {}, method, headers = [], queryParams = [] }: Match): number[] {
  const { type = 'PathPrefix', value = '/' } = path;
  return [
    ['RegularExpression', 'PathPrefix', 'Exact'].indexOf(type),
    ...[value.length, method === undefined ? 0 : 1, headers.length, queryParams.length],
  ];
}

function withMatch(rule: GatewayRule, { path, method, headers = [], queryParams = [] }: Match): GatewayRule {
  const { type = 'PathPrefix', value = '/' } = path ?? {};
  const uri = { Exact: { exact: value }, PathPrefix: { prefix: value }, RegularExpression: { regex: value } }[
    type
  ];
  const match = {
    ...(uri && !(type === 'PathPrefix' && value === '/') && { uri }),
    ...(method !== undefined && { method: { exact: method } }),
    ...(headers.length > 0 && { headers: named(headers) }),
    ...(queryParams.length > 0 && { queryParams: named(queryParams) }),
  };
  return Object.keys(match).length === 0 ? rule : { ...rule, match: [match] };
}

function named(conditions: Named[]): Record<string, StringMatch> {
  return Object.fromEntries(
    conditions.map(({ name, value, type = 'Exact' }) => [
      name,
      type === 'Exact' ? { exact: value } : { regex: value },
    ]),
  );
}

function headerChanges(filters: readonly Filter[]): HeaderChanges | null {
  const changes: HeaderChanges = {};
  for (const { type, requestHeaderModifier, responseHeaderModifier } of filters) {
    if (requestHeaderModifier) changes.request = modified(requestHeaderModifier);
    else if (responseHeaderModifier) changes.response = modified(responseHeaderModifier);
    else if (type !== 'RequestMirror') throw new Error(`the lab's gateway does not know filter ${type}`);
  }
  return Object.keys(changes).length === 0 ? null : changes;
}

function modified({ set, add, remove }: Modifier): NonNullable<HeaderChanges['request']> {
  const record = (list: Named[]) => Object.fromEntries(list.map(({ name, value }) => [name, value]));
  return {
    ...(set && { set: record(set) }),
    ...(add && { add: record(add) }),
    ...(remove && { remove }),
  };
}
