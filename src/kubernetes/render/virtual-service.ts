// Istio's words for a route: the parts of a VirtualService's spec that are fnmesh's.
import type { Route } from '../../routing/route.js';
import { functionObject, SERVICE_PORT } from '../names.js';
import type { Site } from '../site.js';
import { rulesOf, TIMEOUT_SECONDS } from './rules.js';
import type { HeaderMatch, PathRule, WeightedVersion } from './rules.js';

/** One entry of a VirtualService's `http`, as fnmesh writes it (Istio 1.31, networking/v1, HTTPRoute). */
export type IstioRule = {
  name: string;
  match: { uri: { exact: string }; headers?: Record<string, { exact: string } | { regex: string }> }[];
  route: {
    destination: { host: string; port: { number: number } };
    weight: number;
    headers?: { request: { set: Record<string, string> } };
  }[];
  timeout: string;
  retries: { attempts: number };
};

/** The parts of a VirtualService that fnmesh writes. Without `gateways` it is for the mesh. */
export type VirtualServiceSpec = { hosts: string[]; gateways?: string[]; http: IstioRule[] };

/**
 * The VirtualService that binds the function to the gateway. A named listener says nothing here: a VirtualService
 * is served by those servers of the Gateway that have its host.
 * @throws FnmeshError `config`, see rulesOf.
 */
export function gatewayVirtualService(site: Site, route: Route): VirtualServiceSpec {
  const { namespace, name } = site.gateway;
  return { hosts: [route.host], gateways: [`${namespace}/${name}`], http: httpOf(site, route) };
}

/**
 * The VirtualService for callers inside the mesh. Its only host is the function's own Service: sidecars do not merge
 * several VirtualServices of one host (Istio, ops/best-practices/traffic-management).
 * @throws FnmeshError `config`, see rulesOf.
 */
export function meshVirtualService(site: Site, route: Route): VirtualServiceSpec {
  return { hosts: [serviceHost(site, functionObject(route.app, route.function))], http: httpOf(site, route) };
}

/** A Service's whole name: a short one is completed with the namespace of the rule, which is easily overlooked. */
export function serviceHost(
  { namespace, clusterDomain }: Pick<Site, 'namespace' | 'clusterDomain'>,
  service: string,
): string {
  return `${service}.${namespace}.svc.${clusterDomain}`;
}

function httpOf(site: Site, route: Route): IstioRule[] {
  return rulesOf(site, route).map((rule) => ruleOf(site, route.path, rule));
}

function ruleOf(site: Site, path: string, { name, header, versions }: PathRule): IstioRule {
  return {
    name,
    match: [{ uri: { exact: path }, ...(header !== null && { headers: matchOf(header) }) }],
    route: versions.map((version) => destinationOf(site, version)),
    timeout: `${TIMEOUT_SECONDS}s`,
    // Istio's default of 2 would hide a version's errors behind the others' answers while they are compared, and send
    // again what may not be sent twice. Always 0, so that a shift changes weights and nothing else.
    retries: { attempts: 0 },
  };
}

/** Header names must be in lower case here. */
function matchOf(header: HeaderMatch): Record<string, { exact: string } | { regex: string }> {
  const value = 'exact' in header ? { exact: header.exact } : { regex: header.pattern };
  return { [header.name.toLowerCase()]: value };
}

function destinationOf(site: Site, { service, weight, set }: WeightedVersion): IstioRule['route'][number] {
  return {
    destination: { host: serviceHost(site, service), port: { number: SERVICE_PORT } },
    weight,
    ...(Object.keys(set).length > 0 && { headers: { request: { set: { ...set } } } }),
  };
}
