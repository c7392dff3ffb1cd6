import type { AppStatus, FunctionStatus, VersionStatus } from '../../inspect/status.js';
import type { ServerInfo } from '../../control/protocol.js';
import { formatPercent } from '../../routing/weights.js';
import { ago, latency } from '../format.js';
import { table } from '../table.js';
import { changeLine } from './history.js';

/**
 * `fnmesh status`: the server, then a block per app.
 * @param elsewhere Which other Fn server the apps are on, and who said so.
 */
export function statusView(server: ServerInfo | null, apps: AppStatus[], elsewhere?: string): string {
  if (!server) return 'embedded server: not running (`fnmesh deploy` starts it)';
  const head = `embedded server ${server.version}: Fn API ${server.fnUrl}, gateway ${server.gatewayUrl}, ${server.stopping ? 'stopping' : `up since ${server.startedAt}`}`;
  const blocks = apps.map((app) => appView(app));
  const fn = elsewhere === undefined ? [] : [`Fn server ${elsewhere}, behind that gateway`];
  return [[head, ...fn].join('\n'), ...server.warnings.map((text) => `warning: ${text}`), ...blocks].join(
    '\n\n',
  );
}

/** The block of an app. `ready`: ready endpoints of each `FN/v1`, on a cluster. */
export function appView(app: AppStatus, ready?: ReadonlyMap<string, number>): string {
  const lines = [`app ${app.app}`];
  if (app.functions.length === 0) lines.push('  nothing deployed by fnmesh');
  const rows = app.functions.flatMap((fn) => fn.versions.map((version) => row(fn, version, ready)));
  const text = table(
    ['function', 'version', 'release', 'weight', 'state', 'requests', 'errors', 'p95', 'address'],
    rows,
    [2, 3, 5, 6, 7],
  );
  if (text) lines.push(text);
  for (const fn of app.functions) {
    lines.push(
      `${fn.function}: ${fn.address ?? 'not routed'}${fn.lastChange ? `  (last change ${ago(fn.lastChange.at)}: ${changeLine(fn.lastChange, fn.function)})` : ''}`,
    );
    for (const version of fn.versions) {
      if (version.why) lines.push(`  ${version.version}: ${version.why}`);
      for (const address of version.further) lines.push(`  ${version.version} also answers at ${address}`);
    }
  }
  if (app.foreign.length > 0) lines.push(`fns that fnmesh did not deploy: ${app.foreign.join(', ')}`);
  return lines.join('\n');
}

function row(fn: FunctionStatus, version: VersionStatus, ready?: ReadonlyMap<string, number>): string[] {
  const endpoints = ready?.get(`${fn.function}/${version.version}`);
  return [
    fn.function,
    version.version,
    count(version.release),
    version.weight === null ? 'not routed' : formatPercent(version.weight),
    endpoints === undefined || version.state !== 'deployed' ? version.state : `${endpoints} ready`,
    count(version.requests),
    count(version.errors),
    latency(version.p95),
    version.address ?? '-',
  ];
}

function count(number: number | null): string {
  return number === null ? '-' : String(number);
}
