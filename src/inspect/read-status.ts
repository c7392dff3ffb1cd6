import type { ControlClient } from '../control/client.js';
import { FnmeshError } from '../errors.js';
import type { FnServer } from '../fn/fn-server.js';
import { observe } from '../fn/observe.js';
import type { Router } from '../router/router.js';
import { appStatus, type AppStatus } from './status.js';

/**
 * Reads the picture of one app, or of every app that the Fn server or the router knows.
 * @param target `embedded`: whether `fn` is the embedded server itself, which tells what runs.
 * @param app undefined = all apps
 * @throws FnmeshError `not_found` for an app of which nothing is known.
 */
export async function readStatus(
  target: {
    control: ControlClient | null;
    fn: FnServer;
    router: Router;
    gatewayUrl: (app: string) => Promise<string | null>;
    embedded: boolean;
  },
  app: string | undefined,
): Promise<AppStatus[]> {
  const { embedded, control } = target;
  const names = app === undefined ? await allApps(target) : [app];
  return Promise.all(
    names.map(async (name) => {
      const [observed, table, history, traffic, states, gatewayUrl] = await Promise.all([
        observe(target.fn, name),
        target.router.read(name),
        target.router.history(name),
        target.router.traffic(name),
        embedded && control !== null ? control.call<'functions'>('GET /functions', { app: name }) : [],
        target.gatewayUrl(name),
      ]);
      if (app !== undefined && observed.app === null && table.routes.length === 0 && history.length === 0) {
        throw new FnmeshError('not_found', `nothing is known of an app ${name}`, {
          try: 'fnmesh deploy --all',
        });
      }
      const { fns } = observed;
      return appStatus({ app: name, fns, table, history, traffic, states, embedded, gatewayUrl });
    }),
  );
}

/** A real server may have hundreds of apps that are others' affair. */
async function allApps({
  fn,
  router,
  embedded,
}: {
  fn: FnServer;
  router: Router;
  embedded: boolean;
}): Promise<string[]> {
  if (!embedded) return router.apps();
  const [apps, routed] = await Promise.all([fn.apps(), router.apps()]);
  return [...new Set([...apps.map(({ name }) => name), ...routed])].sort();
}
