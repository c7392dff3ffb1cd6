// What the data plane of a real Fn server knows: what was stored, up to five seconds ago (fnproject/fn 0.3.753,
// api/agent/data_access.go). What is not there is not remembered.
import type { App, Fn, Trigger } from '../../../src/fn/model.js';
import type { BuildRegistration } from '../../../src/control/protocol.js';
import type { Catalog } from '../../../src/server/catalog.js';
import type { StrictObjects } from './objects.js';

/** The catalog of the embedded server's data plane over the stored objects, through a cache of `cacheMs`. */
export function cachedCatalog(
  objects: StrictObjects,
  builds: ReadonlyMap<string, BuildRegistration>,
  cacheMs: number,
): Catalog {
  const ids = cache<string>(cacheMs);
  const apps = cache<App>(cacheMs);
  const fns = cache<Fn>(cacheMs);
  const triggers = cache<Trigger>(cacheMs);
  const app = (id: string): App | undefined => apps(id, () => objects.apps.get(id));
  return {
    app,
    appByName(name) {
      const id = ids(name, () => objects.appByName(name)?.id);
      return id === undefined ? undefined : app(id);
    },
    fn: (id) => fns(id, () => objects.fns.get(id)),
    triggerBySource: (appId, source) =>
      triggers(`${appId} ${source}`, () => objects.triggerBySource(appId, source)),
    build: (image) => builds.get(image),
    // There is no gateway.
    routeByPath: () => undefined,
    hasRoutes: () => false,
    appsWithPath: () => [],
    route: () => undefined,
    // Nobody is told of changes: they are found when the cache has forgotten what was.
    onFnChange: () => {},
    onRouteChange: () => {},
  };
}

function cache<T>(ms: number): (key: string, read: () => T | undefined) => T | undefined {
  const kept = new Map<string, { value: T; until: number }>();
  return (key, read) => {
    const hit = kept.get(key);
    if (hit && performance.now() < hit.until) return hit.value;
    const value = read();
    if (value === undefined) kept.delete(key);
    else kept.set(key, { value, until: performance.now() + ms });
    return value;
  };
}
