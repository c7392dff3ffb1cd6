// What the APIs accept and data planes answer with errors: routes that lead nowhere, gateways that take none of them,
// hosts that others have. Checked before anything is written. Pure.
import { FnmeshError } from '../../errors.js';
import type { Route } from '../../routing/route.js';
import { admitsHost, doorsOf, type Place } from '../detect/doors.js';
import { LABELS, versionObject } from '../names.js';
import { KINDS, type KubeObject, objectName } from '../object.js';
import { isOwn } from '../owner.js';
import { isOwnRule, rulesOf } from '../render/merge-route.js';
import { readRoute } from '../render/read-route.js';
import type { Site } from '../site.js';
import { isOfApi, isParked } from './live-routes.js';

/**
 * Makes sure that the gateway is there and takes the site's routes.
 * @param gateway null: it is not there.
 * @throws FnmeshError `config` saying what it takes instead.
 */
export function checkGateway(site: Site, gateway: KubeObject | null, place: Place): void {
  const { namespace, name, listener } = site.gateway;
  const of = `Gateway ${namespace}/${name}`;
  if (gateway === null) {
    throw new FnmeshError('config', `there is no ${of} (${site.api === 'istio' ? 'Istio' : 'Gateway API'})`, {
      try: 'another gateway: of the target in fnmesh.yaml, or makeGateway: true',
    });
  }
  const all = doorsOf(gateway, place);
  // A VirtualService is bound to a whole Gateway, whatever server is named.
  const doors =
    site.api === 'istio' ? all : all.filter((door) => (listener ?? door.listener) === door.listener);
  const wrong = (problem: string, way: string) => new FnmeshError('config', `${of} ${problem}`, { try: way });
  if (doors.length === 0) {
    const names = all.map((door) => door.listener).join(', ');
    throw wrong(
      listener === undefined || names === ''
        ? 'has no listener that speaks HTTP'
        : `has no HTTP listener ${listener}; there are: ${names}`,
      `gateway: ${namespace}/${name}#LISTENER of the target in fnmesh.yaml`,
    );
  }
  const open = doors.filter(({ admitsNamespace }) => admitsNamespace);
  if (open.length === 0)
    throw wrong(
      `takes no routes of namespace ${site.namespace}`,
      site.api === 'istio'
        ? `add ${site.namespace}/${site.host} to its hosts`
        : "set the listener's allowedRoutes.namespaces",
    );
  if (open.some((door) => admitsHost(door, site.host))) return;
  const hosts = [...new Set(open.flatMap((door) => door.hosts))].join(', ');
  throw wrong(`does not take host ${site.host}, only ${hosts}`, 'another host: of the target in fnmesh.yaml');
}

/**
 * Makes sure that each version of the routes has its Service among those that there will be.
 * @throws FnmeshError `config` naming the first that has none.
 */
export function checkServices(routes: readonly Route[], workloads: readonly KubeObject[]): void {
  const services = namesOf(workloads);
  for (const { app, function: fn, destinations } of routes)
    for (const version of Object.keys(destinations)) {
      const service = versionObject(app, fn, version);
      if (services.has(service)) continue;
      throw new FnmeshError(
        'config',
        `${app}/${fn}/${version} is routed, and no Service ${service} would be there`,
        {
          try: 'fnmesh wire',
        },
      );
    }
}

/** A rule of somebody else in a route object of the app, and a Service of the namespace that it leads to. */
export type ForeignReference = { object: KubeObject; rule: string; service: string };

/**
 * Where rules lead that fnmesh did not make.
 * @throws FnmeshError `conflict` when one leads to a Service that would be removed.
 */
export function foreignReferences(
  live: readonly KubeObject[],
  removed: readonly KubeObject[],
): ForeignReference[] {
  const going = namesOf(removed);
  const found = live.flatMap((object) =>
    rulesOf(object)
      .filter((rule) => !isOwnRule(rule))
      .flatMap((rule) =>
        servicesIn(rule, object.metadata.namespace ?? '').map((service) => ({
          object,
          rule: rule.name ?? 'without a name',
          service,
        })),
      ),
  );
  const broken = found.find(({ service }) => going.has(service));
  if (broken === undefined) return found;
  const { object, rule, service } = broken;
  throw new FnmeshError(
    'conflict',
    `${objectName(object)} has a rule that fnmesh did not make (${rule}), and it leads to Service ${service}, which would go`,
    {
      try: `kubectl edit ${object.kind.toLowerCase()} -n ${object.metadata.namespace ?? ''} ${object.metadata.name}`,
    },
  );
}

const namesOf = (objects: readonly KubeObject[]): Set<string> =>
  new Set(objects.filter(({ kind }) => kind === 'Service').map(({ metadata }) => metadata.name));

type Target = {
  destination?: { host?: string };
  backendRef?: Ref;
  requestMirror?: { backendRef?: Ref };
} & Ref & { host?: string };
type Ref = { kind?: string; name?: string; namespace?: string };

/** Names of Services of the namespace in a rule of either API: routes, backends, mirrors. */
export function servicesIn(rule: Record<string, unknown>, namespace: string): string[] {
  const istio = [
    ...listIn(rule['route']).map(({ destination }) => destination?.host),
    ...listIn(rule['mirrors']).map(({ destination }) => destination?.host),
    (rule['mirror'] as { host?: string } | undefined)?.host,
  ].flatMap((host) => {
    const [name, of = namespace, svc = 'svc'] = (host ?? '').split('.');
    return name !== undefined && name !== '' && of === namespace && svc === 'svc' ? [name] : [];
  });
  const refs: (Ref | undefined)[] = [
    ...listIn(rule['backendRefs']),
    ...listIn(rule['filters']).map(({ requestMirror }) => requestMirror?.backendRef),
  ];
  const gateway = refs.flatMap((ref) =>
    (ref?.kind ?? 'Service') === 'Service' && (ref?.namespace ?? namespace) === namespace
      ? (ref?.name ?? [])
      : [],
  );
  return [...istio, ...gateway];
}

const listIn = (value: unknown): Target[] => (Array.isArray(value) ? (value as Target[]) : []);

/**
 * What else answers on the hosts of the routes.
 * @param all Route objects of both APIs, the app's own too.
 * @returns Warnings about routes of others that share a host, or have one with `*` that takes it in.
 * @throws FnmeshError `conflict` when another app has the same host and path, or another API's route the same host.
 */
export function checkHosts(site: Site, routes: readonly Route[], all: readonly KubeObject[]): string[] {
  const hosts = new Set(routes.map(({ host }) => host));
  return all.flatMap((object) => {
    const isApps =
      object.metadata.namespace === site.namespace && object.metadata.labels?.[LABELS.app] === site.app;
    if (isApps || isParked(object)) return [];
    const name = objectName(object);
    const host = hostsOf(object).find((each) => hosts.has(each));
    if (host === undefined) {
      const [pattern, covered] = coveredBy(site, object, hosts) ?? [];
      if (pattern === undefined) return [];
      return [
        `${name} answers on ${pattern}, which takes in ${covered}: the whole name counts over it, so its rules may no longer get requests for ${covered}`,
      ];
    }
    if (!isOfApi(site, object)) {
      throw new FnmeshError(
        'conflict',
        `${name} answers on ${host} too, and no host may have routes of both APIs`,
        {
          try: 'another host: or the other api: of the target in fnmesh.yaml',
        },
      );
    }
    if (!isOwn(object))
      return [`${name} answers on ${host} too: which rule counts where both match is left to the gateway`];
    const path = readRoute(object)?.route.path;
    const twin = routes.find((route) => route.host === host && route.path === path);
    if (twin === undefined) return [];
    throw new FnmeshError(
      'conflict',
      `${name} has ${host}${twin.path} already, which ${site.app}/${twin.function} would answer on`,
      {
        try: 'another host: of the target in fnmesh.yaml',
      },
    );
  });
}

/** The host with `*` by which an object answers on one of `hosts` too, and that one; null: by none. */
function coveredBy(site: Site, object: KubeObject, hosts: ReadonlySet<string>): [string, string] | null {
  const { namespace, name } = site.gateway;
  // Gateways of the two APIs are never one object, but may be one proxy.
  if (isOfApi(site, object) && !gatewaysOf(object).includes(`${namespace}/${name}`)) return null;
  for (const pattern of hostsOf(object).filter((each) => each.startsWith('*')))
    for (const host of hosts) if (admitsHost({ hosts: [pattern] }, host)) return [pattern, host];
  return null;
}

/** The hosts that a route object answers on at gateways; those that it takes over from a listener are not in it. */
function hostsOf(object: KubeObject): string[] {
  if (gatewaysOf(object).length === 0) return [];
  const { hosts, hostnames } = (object['spec'] ?? {}) as { hosts?: string[]; hostnames?: string[] };
  return (object.kind === KINDS.VirtualService.kind ? hosts : hostnames) ?? [];
}

/** The gateways that a route object is bound to, as NAMESPACE/NAME. */
function gatewaysOf(object: KubeObject): string[] {
  const { namespace: own = '' } = object.metadata;
  const { gateways = ['mesh'], parentRefs = [] } = (object['spec'] ?? {}) as {
    gateways?: string[];
    parentRefs?: { kind?: string; namespace?: string; name: string }[];
  };
  if (object.kind === KINDS.VirtualService.kind)
    return gateways
      .filter((gateway) => gateway !== 'mesh')
      .map((gateway) => (gateway.includes('/') ? gateway : `${own}/${gateway}`));
  return parentRefs
    .filter(({ kind = 'Gateway' }) => kind === 'Gateway')
    .map(({ namespace = own, name }) => `${namespace}/${name}`);
}
