// VirtualServices put into Envoy's words, as istiod does (Istio 1.31, pilot/pkg/networking/core/route; as recorded).
import type { IstioRule, VirtualServiceSpec } from '../../src/kubernetes/render/virtual-service.js';
import type { KubeObject } from '../../src/kubernetes/object.js';
import type { RouteConfiguration } from './envoy.js';

/** The route configuration that a gateway gets for these objects of one host. */
export function routeConfigurationOf(
  name: string,
  host: string,
  objects: readonly KubeObject[],
): RouteConfiguration {
  return {
    name,
    ignore_port_in_host_matching: true,
    validate_clusters: false,
    virtual_hosts: [
      {
        name: host,
        domains: [host],
        routes: objects.flatMap((object) => (object.spec as VirtualServiceSpec).http.map(routeOf)),
      },
    ],
  };
}

/** The cluster of a destination. */
export function clusterOf({ destination }: IstioRule['route'][number]): string {
  return `outbound|${destination.port.number}||${destination.host}`;
}

function routeOf({ name, match: [match], route, timeout }: IstioRule): object {
  const headers = Object.entries(match!.headers ?? {}).map(([header, value]) => ({
    name: header,
    string_match: 'exact' in value ? { exact: value.exact } : { safe_regex: { regex: value.regex } },
  }));
  const [single] = route;
  const isSplit = route.length > 1;
  return {
    name,
    match: { path: match!.uri.exact, case_sensitive: true, ...(headers.length > 0 && { headers }) },
    ...(!isSplit && setsOf(single!)),
    route: {
      timeout,
      ...(!isSplit && { cluster: clusterOf(single!) }),
      ...(isSplit && {
        weighted_clusters: {
          // What gets nothing is left out.
          clusters: route
            .filter(({ weight }) => weight > 0)
            .map((each) => ({ name: clusterOf(each), weight: each.weight, ...setsOf(each) })),
        },
      }),
    },
  };
}

function setsOf({ headers }: IstioRule['route'][number]): object {
  const set = Object.entries(headers?.request.set ?? {});
  if (set.length === 0) return {};
  const adds = set.map(([key, value]) => ({
    append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
    header: { key, value },
  }));
  return { request_headers_to_add: adds };
}
