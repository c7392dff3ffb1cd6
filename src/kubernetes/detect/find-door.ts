// Which API, gateway and listener routes are bound to, and which host they have, as far as nobody said.
import { FnmeshError } from '../../errors.js';
import type { Cluster } from '../cluster.js';
import { appLabels } from '../names.js';
import { KINDS, type Kind, type KubeObject } from '../object.js';
import { routeKind } from '../render/routes.js';
import type { GatewayRef, Site } from '../site.js';
import { admitsHost, type Door, doorName, doorsOf, onlyHost } from './doors.js';
import { allowed, type Search } from './search.js';
import { gatewayIn } from './site-from.js';

type Api = Site['api'];
type Found = Pick<Site, 'api' | 'gateway' | 'host'>;

/** The one that is preferred first. */
const APIS: readonly Api[] = ['gateway-api', 'istio'];
const GATEWAYS: Readonly<Record<Api, Kind>> = { 'gateway-api': KINDS.Gateway, istio: KINDS.IstioGateway };

/**
 * What settings say, completed with what is the only thing that fits. A gateway that is said without a listener stays
 * so: routes are bound to all its listeners.
 * @throws FnmeshError `config` listing what is there.
 */
export async function findDoor(search: Search): Promise<Found> {
  const { settings, namespace, notes } = search;
  const said = gatewayIn(settings, namespace);
  const host = settings.host?.value ?? null;
  if (settings.api !== null && said !== null && host !== null)
    return { api: settings.api.value, gateway: said, host };

  const apis = settings.api === null ? await possibleApis(search) : [settings.api.value];
  if (said !== null && host !== null && apis.length === 1) return { api: apis[0]!, gateway: said, host };

  const doors = await allDoors(search, apis, said);
  const named = doors.filter((door) => said?.listener === undefined || door.listener === said.listener);
  const fitting = named.filter((door) => door.admitsNamespace && admitsHost(door, host));
  const api = apis.find((each) => fitting.some((door) => door.api === each));
  if (api === undefined) {
    if (said !== null && host !== null && settings.makeGateway && doors.length === 0)
      return { api: apis[0]!, gateway: said, host };
    throw noneFits(search, doors, said, host);
  }
  if (apis.length > 1)
    note(search, 'api', api, `the cluster serves both APIs, and a gateway of this one fits`);
  const choices = fitting.filter((door) => door.api === api);
  const [first] = choices;
  const names = [...new Set(choices.map(doorName))];
  if (said === null && names.length > 1) throw severalFit(names);
  const gateway = said ?? refOf(first!);
  if (said === null) notes.push({ key: 'gateway', value: names[0]!, from: 'it is the only one that fits' });
  return { api, gateway, host: host ?? theHost(search, choices) };
}

function note({ notes }: Search, key: string, value: string, from: string): void {
  notes.push({ key, value, from });
}

function refOf({ api, namespace, gateway: name, listener }: Door): GatewayRef {
  return { namespace, name, ...(listener !== null && api === 'gateway-api' && { listener }) };
}

/** Which APIs it can be, the preferred one first: one when only one is served, or the app uses one already. */
async function possibleApis(search: Search): Promise<Api[]> {
  const { app, cluster, namespace } = search;
  const served = await Promise.all(APIS.map((api) => cluster.serves(routeKind(api))));
  const apis = APIS.filter((_, at) => served[at]);
  const [only] = apis;
  if (only === undefined) {
    throw new FnmeshError(
      'config',
      `${cluster.identity.context} serves neither HTTPRoutes (Gateway API) nor VirtualServices (Istio)`,
      {
        try: 'install one of them: https://gateway-api.sigs.k8s.io/guides or https://istio.io/latest/docs/setup',
      },
    );
  }
  if (apis.length === 1) {
    note(search, 'api', only, `the cluster serves only ${routeKind(only).kind}s`);
    return apis;
  }
  const labels = appLabels(app);
  const routes = await Promise.all(apis.map((api) => cluster.list(routeKind(api), { namespace, labels })));
  const used = apis.filter((_, at) => routes[at]!.length > 0);
  if (used.length !== 1) return apis;
  note(search, 'api', used[0]!, `the app has ${routeKind(used[0]!).kind}s already`);
  return used;
}

async function allDoors(search: Search, apis: readonly Api[], said: GatewayRef | null): Promise<Door[]> {
  const { cluster, namespace, labels, notes } = search;
  let isPart = false;
  const gateways = await Promise.all(
    apis.map(async (api): Promise<KubeObject[]> => {
      if (said !== null) {
        const object = await cluster.get(GATEWAYS[api], said.namespace, said.name);
        return object === null ? [] : [object];
      }
      const all = await allowed(list(cluster, GATEWAYS[api], null));
      isPart ||= all === undefined;
      return all ?? list(cluster, GATEWAYS[api], namespace);
    }),
  );
  if (isPart)
    notes.push({
      key: 'gateway',
      value: `of namespace ${namespace}`,
      from: 'those of others may not be listed',
    });
  const place = { namespace, labels: gateways.some((of) => of.some(hasSelector)) ? await labels() : null };
  return gateways.flatMap((of, at) =>
    of.flatMap((object) => doorsOf({ ...object, apiVersion: `${GATEWAYS[apis[at]!].group}/v1` }, place)),
  );
}

const list = (cluster: Cluster, kind: Kind, namespace: string | null) => cluster.list(kind, { namespace });

/** Whether its listeners choose namespaces by labels. */
const hasSelector = (gateway: KubeObject): boolean => JSON.stringify(gateway['spec']).includes('"Selector"');

function theHost(search: Search, choices: readonly Door[]): string {
  const hosts = [...new Set(choices.map(onlyHost))];
  const [host] = hosts;
  if (hosts.length === 1 && host !== undefined && host !== null) {
    note(search, 'host', host, `${doorName(choices[0]!)} takes no other`);
    return host;
  }
  throw new FnmeshError(
    'config',
    `which host the functions answer on is not known: ${choices.map(inWords).join('; ')}`,
    { try: `host: ${search.app}.example.com of the target in fnmesh.yaml` },
  );
}

function severalFit(names: readonly string[]): FnmeshError {
  return new FnmeshError(
    'config',
    `several gateways fit:\n${names.map((name) => `  gateway: ${name}`).join('\n')}`,
    {
      try: 'one of these lines under the target in fnmesh.yaml',
    },
  );
}

function noneFits(
  { namespace }: Search,
  doors: readonly Door[],
  said: GatewayRef | null,
  host: string | null,
): FnmeshError {
  const name = said === null ? null : `Gateway ${said.namespace}/${said.name}`;
  if (doors.length === 0) {
    return new FnmeshError(
      'config',
      name === null ? 'there is no Gateway on the cluster' : `there is no ${name}`,
      {
        try: 'gateway: NAMESPACE/NAME and makeGateway: true of the target in fnmesh.yaml, and fnmesh makes one',
      },
    );
  }
  const rows = doors.map(
    (door) => `  ${inWords(door)}${door.admitsNamespace ? '' : `, and no routes of namespace ${namespace}`}`,
  );
  const who =
    name === null
      ? 'no gateway'
      : said?.listener === undefined
        ? `no listener of ${name}`
        : `no listener ${said.listener} of ${name}`;
  const what =
    host === null ? `routes of namespace ${namespace}` : `routes of namespace ${namespace} for ${host}`;
  return new FnmeshError('config', `${who} takes ${what}:\n${rows.join('\n')}`, {
    try: 'another host: or gateway: of the target in fnmesh.yaml, or let a listener take it (allowedRoutes, hostname)',
  });
}

/** `istio-ingress/public#https takes *.example.com`. */
function inWords(door: Door): string {
  const name = `${door.namespace}/${door.gateway}${door.listener === null ? '' : `#${door.listener}`}`;
  return `${name} takes ${door.hosts.length === 0 ? 'no host' : door.hosts.map((host) => (host === '*' ? 'any host' : host)).join(', ')}`;
}
