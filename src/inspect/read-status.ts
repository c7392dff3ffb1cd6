import type { ControlClient } from '../control/client.js';
import type { FnServer } from '../fn/fn-server.js';
import type { Router } from '../router/router.js';
import { appStatus, type AppStatus } from './status.js';

/**
 * Reads the picture of one app, or of every app that the Fn server or the router knows.
 * @param app undefined = all apps
 */
export async function readStatus(
  target: { control: ControlClient; fn: FnServer; router: Router; server: { gatewayUrl: string } },
  app: string | undefined,
): Promise<AppStatus[]> {
  const names = app === undefined ? await allApps(target) : [app];
  const gatewayPort = Number(new URL(target.server.gatewayUrl).port);
  return Promise.all(
    names.map(async (name) => {
      const known = await target.fn.app(name);
      const [fns, triggers, table, history, traffic, states] = await Promise.all([
        known ? target.fn.fns(known.id) : [],
        known ? target.fn.triggers(known.id) : [],
        target.router.read(name),
        target.router.history(name),
        target.router.traffic(name),
        target.control.call<'functions'>('GET /functions', { app: name }),
      ]);
      return appStatus({ app: name, fns, triggers, table, history, traffic, states, gatewayPort });
    }),
  );
}

async function allApps({ fn, router }: { fn: FnServer; router: Router }): Promise<string[]> {
  const [apps, routed] = await Promise.all([fn.apps(), router.apps()]);
  return [...new Set([...apps.map(({ name }) => name), ...routed])].sort();
}
