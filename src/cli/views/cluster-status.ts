import type { ClusterStatus } from '../../inspect/cluster-status.js';
import type { AppStatus } from '../../inspect/status.js';
import { formatSplit } from '../../routing/weights.js';
import { appView } from './status.js';

/**
 * `fnmesh status` of apps on a cluster.
 * @param where Which Fn server they are on, and who said so.
 */
export function clusterView(
  apps: readonly AppStatus[],
  clusters: Readonly<Record<string, ClusterStatus>>,
  where: string | undefined,
): string {
  const head = where === undefined ? [] : [`Fn server ${where}`];
  const blocks = apps.map((app) => {
    const cluster = clusters[app.app];
    if (cluster === undefined) return appView(app);
    const ready = cluster.ready.map(({ function: fn, version, endpoints }): [string, number] => [
      `${fn}/${version}`,
      endpoints,
    ]);
    return [appView(app, new Map(ready)), ...clusterLines(cluster)].join('\n');
  });
  return [...head, ...blocks].join('\n\n');
}

const UNCOUNTED = 'requests and errors: not asked for; `fnmesh status --observe` asks the gateway’s proxies';

function clusterLines({
  context,
  namespace,
  api,
  gateway,
  proxy,
  ready,
  drift,
  notes,
  served,
}: ClusterStatus): string[] {
  const place = `cluster ${context}, namespace ${namespace}: ${api}, gateway ${gateway}, ${proxy} proxies`;
  const seen = (served ?? []).flatMap(({ function: fn, proxies }) =>
    proxies.length === 0
      ? [`${fn}: no proxy of the gateway could be asked`]
      : proxies.map(({ proxy: name, split, inactive }) => {
          const waits = inactive.length === 0 ? '' : `, not active yet: ${inactive.join(', ')}`;
          return `${fn}: ${name} serves ${split === null ? 'nothing' : formatSplit(split)}${waits}`;
        }),
  );
  const uncounted = served === null && ready.length > 0 ? [UNCOUNTED] : [];
  return [
    place,
    ...seen,
    ...uncounted,
    ...drift.map((text) => `drift: ${text}`),
    ...notes.map((text) => `note: ${text}`),
  ];
}
