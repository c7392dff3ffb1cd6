import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/command.js';
import { appFlag, targetFlags } from '../cli/flags.js';
import { statusApp } from '../cli/app.js';
import { clusterView } from '../cli/views/cluster-status.js';
import { statusView } from '../cli/views/status.js';
import { watch } from '../cli/watch.js';
import { type ClusterTarget, connectIfRunning, gatewayOf, type Target } from '../compose.js';
import type { ClusterStatus } from '../inspect/cluster-status.js';
import { readStatus } from '../inspect/read-status.js';
import type { AppStatus } from '../inspect/status.js';
import { routeOf } from '../inspect/route-of.js';

/** `fnmesh status`: what is deployed, who gets how much, and how it does. */
export default class Status extends BaseCommand {
  static override summary = 'Show apps, functions, versions, weights, addresses and how they do';
  static override description =
    "In an app folder that app, elsewhere all apps (of a real Fn server those that the gateway routes). Requests, errors and p95 count since the server started; on a cluster --observe asks the gateway's proxies for the first two, of the Pods there are.";
  static override examples = [
    '<%= config.bin %> status',
    '<%= config.bin %> status cart -w',
    '<%= config.bin %> status --json',
  ];
  static override args = { function: Args.string({ description: 'only this function' }) };
  static override flags = {
    ...targetFlags,
    app: appFlag,
    observe: Flags.boolean({
      description: "on a cluster: ask the gateway's proxies what they really serve and have counted",
      default: false,
    }),
    watch: Flags.boolean({
      char: 'w',
      description: 'show it anew every second until Ctrl-C',
      default: false,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Status);
    const app = await statusApp(flags.app, this.emit);
    const show = async (): Promise<void> => {
      const target = await connectIfRunning(flags, this.emit);
      const apps = target ? await readStatus(pictured(target, flags.observe), app) : [];
      const clusters = target?.place ? await clusterParts(target, apps, flags.observe) : undefined;
      if (args.function !== undefined && target) {
        const only = args.function;
        for (const each of apps) each.functions = each.functions.filter((fn) => fn.function === only);
        if (app !== undefined && apps.every(({ functions }) => functions.length === 0))
          routeOf(await target.router.read(app), only);
      }
      const server = target?.server ?? null;
      const { fn = null } = target?.chosen ?? {};
      const elsewhere =
        target === null || (target.embedded && target.place === null) || fn?.kind !== 'server'
          ? undefined
          : fn.api;
      const where = elsewhere && `${elsewhere.value} (${elsewhere.from})`;
      const result = { server, fnServer: elsewhere ?? null, apps, ...(clusters && { clusters }) };
      this.done(result, () =>
        clusters ? clusterView(apps, clusters, where) : statusView(server, apps, where),
      );
      target?.place?.close();
    };
    await (flags.watch ? watch(show) : show());
  }
}

/** What a target tells of itself to `readStatus`. */
function pictured(target: Target, observe: boolean) {
  const { control, fn, place } = target;
  const router = observe && place !== null ? place.counting() : target.router;
  const gatewayUrl = (app: string): Promise<string | null> => gatewayOf(target, app).catch(() => null);
  return { control, fn, router, gatewayUrl, embedded: target.embedded && place === null };
}

async function clusterParts(
  target: ClusterTarget,
  apps: readonly AppStatus[],
  observe: boolean,
): Promise<Record<string, ClusterStatus>> {
  const { clusterStatus } = await import('../inspect/cluster-status.js');
  const { place, router } = target;
  const parts = apps.map(async ({ app }) => {
    const [site, front, table] = await Promise.all([
      place.site(app, 'read'),
      place.front(app, { pins: 'read' }),
      router.read(app),
    ]);
    const ports = { cluster: place.cluster, front, dataPlane: place.proxies, site };
    return [app, await clusterStatus(table, ports, observe)] as const;
  });
  return Object.fromEntries(await Promise.all(parts));
}
