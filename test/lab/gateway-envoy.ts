// A real Envoy as the lab's gateway. Routes and clusters come by files that it watches, endpoints by ADS: all as dynamic as
// what istiod sends.
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDaemon } from './daemon.js';
import type { EnvoyConfig } from './gateway-config.js';
import { serveEndpoints } from './gateway-endpoints.js';

/** A running Envoy. */
export type GatewayEnvoy = {
  adminUrl: string;
  /**
   * Gives it a configuration in place of the one it has, and resolves when it has it. New clusters come before the
   * routes and old ones go after them, each waited for, so that a change of both fails no request.
   * @throws Error when Envoy refuses it, with what it says.
   */
  push(config: EnvoyConfig): Promise<void>;
  stop(): Promise<void>;
};

/** Where it listens. */
export type EnvoyPlace = { dir: string; address: string; port: number; adminPort: number };

const TYPE = 'type.googleapis.com/envoy';

/** Starts it with a first configuration. Its logs are `envoy.log` and `access.log` in `dir`. */
export async function startGatewayEnvoy(place: EnvoyPlace, first: EnvoyConfig): Promise<GatewayEnvoy> {
  const { dir, address, port, adminPort } = place;
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const [rds, cds, bootstrap] = ['rds', 'cds', 'bootstrap'].map((name) => join(dir, `${name}.json`)) as [
    ...[string, string, string],
  ];
  let version = 0;
  /** File → what is in it, and the statistic by which Envoy says which version of it it has. */
  const written = new Map<string, { content: string; version: string; stat: string }>();
  const put = (file: string, stat: string, resources: object[]): void => {
    const content = JSON.stringify(resources);
    if (written.get(file)?.content === content) return;
    const version_info = String(++version);
    // Envoy looks when a file is moved into place.
    writeFileSync(`${file}.new`, JSON.stringify({ version_info, resources }));
    renameSync(`${file}.new`, file);
    written.set(file, { content, version: version_info, stat });
  };
  const putClusters = ({ clusters }: EnvoyConfig, also: EnvoyConfig['clusters'] = []): void => {
    const typed = [...clusters, ...also].map((cluster) => ({
      '@type': `${TYPE}.config.cluster.v3.Cluster`,
      ...cluster,
    }));
    put(cds, 'cluster_manager.cds.version_text', typed);
  };
  const putRoutes = ({ routes }: EnvoyConfig): void =>
    put(rds, `http.gateway.rds.${routes.name}.version_text`, [
      { '@type': `${TYPE}.config.route.v3.RouteConfiguration`, ...routes },
    ]);

  const endpoints = await serveEndpoints();
  let current = first;
  endpoints.set(first.endpoints);
  putClusters(first);
  putRoutes(first);
  writeFileSync(bootstrap, JSON.stringify(bootstrapOf(place, first.routes.name, rds, cds, endpoints.port)));
  const log = join(dir, 'envoy.log');
  const words = ['--config-path', bootstrap, '--concurrency', '1', '--disable-hot-restart'];
  const daemon = startDaemon(
    'envoy',
    program(),
    [...words, '--log-level', 'warning', '--file-flush-interval-msec', '100'],
    log,
  );

  /** Until Envoy says that it has every file as it is now and all endpoints, and no cluster that still warms up. */
  const arrived = async (): Promise<void> => {
    const end = Date.now() + 20_000;
    for (let wait = 2; ; wait = Math.min(wait * 2, 50)) {
      daemon.check();
      const found = await stats(adminUrl).catch(() => null);
      const waiting = [...written.values()].filter(({ stat, version: asked }) => found?.get(stat) !== asked);
      const warming = found?.get('cluster_manager.warming_clusters');
      if (waiting.length === 0 && warming === '0' && endpoints.acknowledged()) return;
      if (Date.now() > end) {
        const names = [...waiting.map(({ stat }) => stat), 'endpoints'].join(', ');
        throw new Error(`Envoy does not take ${names}: ${readFileSync(log, 'utf8').slice(-2_000)}`);
      }
      await sleep(wait);
    }
  };
  const push = async (config: EnvoyConfig): Promise<void> => {
    const there = new Set(config.clusters.map(({ name }) => name));
    const leaving = current.clusters.filter(({ name }) => !there.has(name));
    endpoints.set(config.endpoints);
    putClusters(config, leaving);
    await arrived();
    putRoutes(config);
    await arrived();
    if (leaving.length > 0) {
      putClusters(config);
      await arrived();
    }
    current = config;
  };
  const stop = async (): Promise<void> => {
    await daemon.stop();
    endpoints.close();
  };
  try {
    await arrived();
    while (!(await listens(adminUrl, address, port))) {
      daemon.check();
      await sleep(10);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { adminUrl, push, stop };
}

/** From the cache: run.sh has seen to it. */
function program(): string {
  // npm and vitest run where package.json lies; this file may be compiled to elsewhere.
  return execFileSync('bash', ['test/lab/envoy.sh'], { encoding: 'utf8' }).trim();
}

async function stats(adminUrl: string): Promise<Map<string, string>> {
  const answer = await fetch(`${adminUrl}/stats?filter=version_text$|warming_clusters$`);
  return new Map(
    (await answer.text()).split('\n').flatMap((line): [string, string][] => {
      const at = line.lastIndexOf(': ');
      return at === -1 ? [] : [[line.slice(0, at), line.slice(at + 2).replaceAll('"', '')]];
    }),
  );
}

async function listens(adminUrl: string, address: string, port: number): Promise<boolean> {
  const answer = await fetch(`${adminUrl}/listeners`);
  return (await answer.text()).includes(`${address}:${port}`);
}

function fileSource(path: string): object {
  return { path_config_source: { path }, resource_api_version: 'V3', initial_fetch_timeout: '0s' };
}

/** What Istio gives its gateways, as far as it matters for routes: paths are normalized, slashes are not merged. */
function bootstrapOf(
  { dir, address, port, adminPort }: EnvoyPlace,
  routes: string,
  rds: string,
  cds: string,
  ads: number,
): object {
  const filter = (name: string, type: string) => ({
    name: `envoy.filters.http.${name}`,
    typed_config: { '@type': `${TYPE}.extensions.filters.http.${name}.v3.${type}` },
  });
  const socket = (at: string, number: number) => ({ socket_address: { address: at, port_value: number } });
  const manager = {
    '@type': `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'gateway',
    server_name: 'istio-envoy',
    use_remote_address: true,
    normalize_path: true,
    stream_idle_timeout: '0s',
    rds: { route_config_name: routes, config_source: fileSource(rds) },
    http_filters: [filter('fault', 'HTTPFault'), filter('cors', 'Cors'), filter('router', 'Router')],
    access_log: [
      {
        name: 'envoy.access_loggers.file',
        typed_config: {
          '@type': `${TYPE}.extensions.access_loggers.file.v3.FileAccessLog`,
          path: join(dir, 'access.log'),
          log_format: {
            text_format_source: {
              inline_string:
                '%RESPONSE_CODE% %RESPONSE_FLAGS% %REQ(:METHOD)% %REQ(:AUTHORITY)%%REQ(:PATH)% %ROUTE_NAME% %UPSTREAM_CLUSTER_RAW% %UPSTREAM_HOST%\n',
            },
          },
        },
      },
    ],
  };
  return {
    node: {
      id: `router~${address}~istio-ingress-0.istio-ingress~istio-ingress.svc.cluster.local`,
      cluster: 'lab',
    },
    admin: { address: socket('127.0.0.1', adminPort) },
    dynamic_resources: {
      cds_config: fileSource(cds),
      ads_config: {
        api_type: 'GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }],
      },
    },
    static_resources: {
      clusters: [
        {
          name: 'xds-grpc',
          type: 'STATIC',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': `${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions`,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'xds-grpc',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: socket('127.0.0.1', ads) } }] }],
          },
        },
      ],
      listeners: [
        {
          name: `${address}_${port}`,
          address: socket(address, port),
          filter_chains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
          ],
        },
      ],
    },
  };
}
