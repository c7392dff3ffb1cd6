// A catalog for tests of the data plane: what is put into it is there, with callbacks as the real one's.
import type { BuildRegistration } from '../../src/control/protocol.js';
import type { App, Fn, Trigger } from '../../src/fn/model.js';
import type { RoutedFunction } from '../../src/router/router.js';
import type { Route } from '../../src/routing/route.js';
import type { Catalog } from '../../src/server/catalog.js';

const STAMPS = { created_at: '2024-01-01T00:00:00.000Z', updated_at: '2024-01-01T00:00:00.000Z' };

/** A catalog that tests write to. */
export type MemoryCatalog = Catalog & {
  addApp(name: string, change?: Partial<App>): App;
  addFn(app: App, name: string, change?: Partial<Fn>): Fn;
  changeFn(id: string, change: Partial<Fn>): Fn;
  removeFn(id: string): void;
  addTrigger(fn: Fn, source: string): Trigger;
  removeTrigger(appId: string, source: string): void;
  addBuild(build: BuildRegistration): void;
  putRoute(route: Route): RoutedFunction;
  removeRoute(app: string, name: string): void;
};

export function memoryCatalog(): MemoryCatalog {
  const apps = new Map<string, App>();
  const appsByName = new Map<string, App>();
  const fns = new Map<string, Fn>();
  const triggers = new Map<string, Trigger>();
  const builds = new Map<string, BuildRegistration>();
  const routes = new Map<string, RoutedFunction>();
  const fnListeners: ((id: string | null) => void)[] = [];
  const routeListeners: ((app: string, name: string) => void)[] = [];
  let next = 0;
  const id = () => String(++next).padStart(26, '0');
  const fnChanged = (fnId: string) => fnListeners.forEach((listener) => listener(fnId));
  const routeList = () => [...routes.values()];
  return {
    app: (appId) => apps.get(appId),
    appByName: (name) => appsByName.get(name),
    fn: (fnId) => fns.get(fnId),
    triggerBySource: (appId, source) => triggers.get(`${appId} ${source}`),
    build: (image) => builds.get(image),
    routeByPath: (app, path) => routeList().find(({ route }) => route.app === app && route.path === path),
    hasRoutes: (app) => routeList().some(({ route }) => route.app === app),
    appsWithPath: (path) =>
      routeList()
        .filter(({ route }) => route.path === path)
        .map(({ route }) => route.app)
        .sort(),
    route: (app, name) => routes.get(`${app} ${name}`),
    onFnChange: (listener) => void fnListeners.push(listener),
    onRouteChange: (listener) => void routeListeners.push(listener),
    addApp(name, change = {}) {
      const app: App = { id: id(), name, ...STAMPS, ...change };
      apps.set(app.id, app);
      appsByName.set(name, app);
      return app;
    },
    addFn(app, name, change = {}) {
      const limits = { memory: 128, timeout: 30, idle_timeout: 30, config: {} };
      const fn: Fn = { id: id(), name, app_id: app.id, image: 'none', ...limits, ...STAMPS, ...change };
      fns.set(fn.id, fn);
      return fn;
    },
    changeFn(fnId, change) {
      const fn = { ...fns.get(fnId)!, ...change };
      fns.set(fnId, fn);
      fnChanged(fnId);
      return fn;
    },
    removeFn(fnId) {
      fns.delete(fnId);
      fnChanged(fnId);
    },
    addTrigger(fn, source) {
      const trigger: Trigger = {
        id: id(),
        name: `t${next}`,
        app_id: fn.app_id,
        fn_id: fn.id,
        type: 'http',
        source,
        ...STAMPS,
      };
      triggers.set(`${fn.app_id} ${source}`, trigger);
      return trigger;
    },
    removeTrigger: (appId, source) => void triggers.delete(`${appId} ${source}`),
    addBuild: (build) => void builds.set(build.image, build),
    putRoute(route) {
      const key = `${route.app} ${route.function}`;
      const routed = { route, revision: (routes.get(key)?.revision ?? 0) + 1 };
      routes.set(key, routed);
      routeListeners.forEach((listener) => listener(route.app, route.function));
      return routed;
    },
    removeRoute(app, name) {
      routes.delete(`${app} ${name}`);
      routeListeners.forEach((listener) => listener(app, name));
    },
  };
}
