// The port that moves traffic: what a router must do, whether embedded or on a cluster.
import type { AppName, FunctionName, Route, Split, VersionName } from '../routing/route.js';

/**
 * A route with the number of the change that last touched it. `salvaged`: where its versions are may be unknown, for
 * what says so was garbled. `asked`: the split of the last change, where somebody else has put another in its place.
 */
export type RoutedFunction = { route: Route; revision: number; salvaged?: true; asked?: Split };

/** All routes of an app, ordered by function name. */
export type RouteTable = { app: AppName; routes: RoutedFunction[] };

/**
 * One route's part of a write. `ifRevision` is the revision the writer saw; null means the writer saw no
 * route. A difference makes the whole write fail.
 */
export type RouteChange =
  | { kind: 'put'; route: Route; ifRevision: number | null }
  | { kind: 'remove'; app: AppName; function: FunctionName; ifRevision: number };

/** Why a write is made; kept in the history. */
export type Reason = {
  verb: 'shift' | 'undo' | 'deploy' | 'wire' | 'destroy';
  /** Who, as `user@machine`. */
  by: string;
  message?: string;
  /** undo: the number of the change that is undone; of several with that number, the one of the same functions. */
  undoes?: number;
  /** undo --to: the number of the change whose outcome is restored. */
  to?: number;
};

/**
 * One entry of the history. Numbers rise by one with every change of an app; on a cluster, changes that clients make at
 * once have one number, and no function in common.
 */
export type Change = Reason & {
  number: number;
  /** RFC 3339, UTC. */
  at: string;
  /** What changed for which function; null = there was, or is, no route. Ordered by function name. */
  functions: { function: FunctionName; before: Split | null; after: Split | null }[];
};

/**
 * What a version has answered since the server started, pinned requests included. Latencies in milliseconds. null: who
 * counts does not tell.
 */
export type VersionTraffic = {
  version: VersionName;
  requests: number;
  /** Answers with a status of 500 and more. */
  errors: number;
  /** How many of `requests` were pinned by header. */
  pinned: number | null;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  inFlight: number | null;
};

/** What the data plane really has, as opposed to what was asked of it. */
export type Served = { function: FunctionName; revision: number; split: Split };

/** Whether a version could take traffic now, and if not, why, and one command or edit that may help. */
export type Readiness = { ready: true } | { ready: false; why: string; try?: string };

/** The header that sends a request to one version, whatever the split. */
export type PinHeader = readonly [name: string, value: string];

/** A version of a function of an app. */
export type VersionRef = { app: AppName; function: FunctionName; version: VersionName };

/** Applies routes. Every method throws FnmeshError `unreachable` when the router does not answer. */
export interface Router {
  /** The names of all apps that have routes, in order. */
  apps(): Promise<AppName[]>;
  /**
   * The app's routes; an app without routes gives an empty table.
   * @param options `salvage`: what of a garbled route is left is given too, for those who write it anew.
   *   `settle`: a change that was broken off is completed or put back first, for those who write what is missing.
   */
  read(app: AppName, options?: { salvage?: boolean; settle?: boolean }): Promise<RouteTable>;
  /**
   * Applies all changes, or none. All belong to one app. Gives the routes that were
   * written, as they now are: an app may have thousands of others.
   * @throws FnmeshError `conflict`, naming what changed meanwhile, when a revision differs.
   */
  write(changes: RouteChange[], reason: Reason): Promise<RouteTable>;
  /**
   * Takes away what a change that was ended just before its end has left behind, though all of it is in effect. For
   * those who find nothing to write; changes nothing that routes say.
   */
  tidy?(app: AppName): Promise<void>;
  /** The app's changes, or those that touched `fn`, oldest first. */
  history(app: AppName, fn?: FunctionName): Promise<Change[]>;
  /** Counters per function of the app and its versions, these ordered as the split. */
  traffic(app: AppName): Promise<Record<FunctionName, VersionTraffic[]>>;
  /** What the data plane has for the function; null when it has no route. */
  served(app: AppName, fn: FunctionName): Promise<Served | null>;
  /** What pins a request to the version; null: its route has no pins. @throws FnmeshError `not_found` without a route. */
  pin(version: VersionRef): Promise<PinHeader | null>;
  /** Whether the version could take traffic now; may start a process, or call it once, to find out. */
  ready(version: VersionRef): Promise<Readiness>;
  /** Resolves when no request to the version is under way, or after `timeoutMs` (milliseconds) with false. */
  drained(version: VersionRef, timeoutMs: number): Promise<boolean>;
}
