// What the data plane asks of the stored state. Every look-up is constant time and in memory.
import type { BuildRegistration } from '../control/protocol.js';
import type { App, Fn, Trigger } from '../fn/model.js';
import type { RoutedFunction } from '../router/router.js';

/** Apps, fns, triggers, builds and routes by the keys that requests carry. */
export interface Catalog {
  app(id: string): App | undefined;
  appByName(name: string): App | undefined;
  fn(id: string): Fn | undefined;
  /** The http trigger of the app with exactly this source. */
  triggerBySource(appId: string, source: string): Trigger | undefined;
  /** The registered build behind an image. */
  build(image: string): BuildRegistration | undefined;
  /** The route of an app with exactly this path. */
  routeByPath(appName: string, path: string): RoutedFunction | undefined;
  /** Whether the app has routes. */
  hasRoutes(appName: string): boolean;
  /** Names of the apps that have a route with exactly this path, in name order. */
  appsWithPath(path: string): string[];
  /** The route of a function. */
  route(appName: string, functionName: string): RoutedFunction | undefined;
  /** Calls back after each change that may alter what runs: fn or app changed or removed (null id = many). */
  onFnChange(listener: (fnId: string | null) => void): void;
  /** Calls back after a route was written or removed. */
  onRouteChange(listener: (appName: string, functionName: string) => void): void;
}
