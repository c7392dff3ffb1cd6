// What stands before the functions besides the routes: which objects must be made before the routes change, and which
// may go after. Pure data; planFront makes it, and the Front port carries it out.
import type { FunctionName, Route } from '../routing/route.js';
import type { RoutedFunction } from '../router/router.js';
import type { Emit } from '../events.js';
import type { FieldDifference } from './compare.js';
import type { KubeObject } from './object.js';

/** Which object. */
export type ObjectRef = { kind: string; namespace: string; name: string };

/**
 * One object's part of a plan. `fields`: paths that change, such as `spec.replicas`; `changes`: what each is and shall
 * be, for an update.
 */
export type ObjectChange = ObjectRef & {
  action: 'create' | 'update' | 'remove';
  fields: string[];
  changes?: FieldDifference[];
};

/** One step, carried out whole before the next. The routes are written between `before` and `after`. */
export type FrontStep =
  /** Server-side apply; one that another owner has is an error. */
  | { do: 'apply'; objects: KubeObject[] }
  /** Until all Pods of these Deployments are those of the new template, and available. */
  | { do: 'await-rollout'; deployments: string[] }
  /** Until each of these Services has a ready endpoint, of the Pods that it selects now. */
  | { do: 'await-endpoints'; services: string[] }
  /** Until the gateway has what was written, or has dropped what is gone. */
  | { do: 'await-routes'; functions: FunctionName[] }
  /** Requests that are under way end, and every gateway and node hears of endpoints that came or went. */
  | { do: 'drain'; ms: number }
  /** These route objects of the other API leave their host and keep all else, so that none of it is lost meanwhile. */
  | { do: 'park'; objects: { kind: string; namespace: string; name: string; uid: string }[] }
  | { do: 'remove'; objects: { kind: string; namespace: string; name: string; uid: string }[] };

/** What wire does on a cluster. */
export type FrontPlan = {
  objects: ObjectChange[];
  before: FrontStep[];
  after: FrontStep[];
  /** Functions whose route object must be written although its route is the same: how it is rendered has changed. */
  rewrite: FunctionName[];
  /** What a person should know before, such as that requests fail for a while. */
  warnings: string[];
  /** What may be good to know, such as what was not checked for want of a permission. */
  notes: string[];
};

/** Makes and removes what stands before the functions of an app. The embedded gateway needs nothing of it. */
export interface Front {
  /** The host that the app's functions answer on. */
  readonly host: string;
  /** The objects of a function's route: the one at the gateway, and with a mesh that for callers inside it. */
  routeObjects(fn: FunctionName): ObjectRef[];
  /**
   * What the routes need, against what there is. References are checked: Services, the gateway, hosts and paths.
   * @param routes All routes of the app as they shall be.
   * @param there All routes of the app as they are.
   * @throws FnmeshError `config` or `conflict` when they cannot be made: an object of another owner has the name,
   *   two functions share a path, the host has another route, the api was switched without `allowGap`.
   */
  plan(routes: readonly Route[], there: readonly RoutedFunction[]): Promise<FrontPlan>;
  /** Carries out `plan.before`. @throws FnmeshError `not_ready` when Pods do not become ready, with what they say. */
  prepare(plan: FrontPlan, emit: Emit): Promise<void>;
  /**
   * Carries out `plan.after`: when it returns, gateways have the routes as they were written.
   * @throws FnmeshError `not_ready` when one has not in time; then nothing was removed.
   */
  settle(plan: FrontPlan, emit: Emit): Promise<void>;
}
