// What is deployed, who gets how much, and how it does: one picture of an app from the Fn server and the router.
import type { FunctionState } from '../control/protocol.js';
import { firstTrigger } from '../fn/first-trigger.js';
import { HTTP_ENDPOINT, type Trigger } from '../fn/model.js';
import type { ObservedFn } from '../fn/observe.js';
import type { Change, RouteTable, VersionTraffic } from '../router/router.js';
import { compareVersions } from '../routing/versions.js';

/** A version's state: a process listens or works, none is needed now, it is gone from the Fn server, or it cannot run here. */
type VersionState = 'running' | 'idle' | 'missing' | 'cannot run';

/** One version in the picture. */
export type VersionStatus = {
  version: string;
  /** Basis points; null = it stands behind no route. */
  weight: number | null;
  state: VersionState;
  /** Why it is missing or cannot run. */
  why?: string;
  fn: string;
  /** The address of the trigger that the route leads to; null without one. */
  address: string | null;
  /** The addresses of its further triggers, which no split stands before. */
  further: string[];
  processes: number;
  requests: number;
  errors: number;
  /** Milliseconds; null before the first request. */
  p95: number | null;
};

/** One function in the picture. */
export type FunctionStatus = {
  function: string;
  /** The address callers use; null = not routed. */
  address: string | null;
  revision: number | null;
  lastChange: Change | null;
  versions: VersionStatus[];
};

/** One app in the picture. `foreign`: fns that fnmesh did not deploy, by name. */
export type AppStatus = { app: string; functions: FunctionStatus[]; foreign: string[] };

/** What the picture is made from. */
export type StatusInputs = {
  app: string;
  fns: ObservedFn[];
  table: RouteTable;
  history: Change[];
  /** Per function name. */
  traffic: Record<string, VersionTraffic[]>;
  states: FunctionState[];
  /** The gateway's port, for addresses. */
  gatewayPort: number;
};

/** Puts the picture together. Pure. */
export function appStatus(inputs: StatusInputs): AppStatus {
  const byFn = new Map(inputs.fns.map((each) => [each.fn.name, each]));
  const stateByFn = new Map(inputs.states.map((state) => [state.fn, state]));
  const versionsOf = new Map<string, Map<string, string>>();
  for (const { fn, notes } of inputs.fns) {
    if (notes === null) continue;
    const { function: name, version } = notes;
    versionsOf.set(name, (versionsOf.get(name) ?? new Map<string, string>()).set(version, fn.name));
  }
  const routeOf = new Map(inputs.table.routes.map((each) => [each.route.function, each]));
  const newest = new Map<string, Change>();
  for (const change of inputs.history)
    for (const { function: name } of change.functions) newest.set(name, change);

  const names = [...new Set([...routeOf.keys(), ...versionsOf.keys()])].sort();
  const noted = new Set<string>();
  const functions = names.map((name): FunctionStatus => {
    const routed = routeOf.get(name);
    const fnOf = new Map(versionsOf.get(name));
    for (const [version, destination] of Object.entries(routed?.route.destinations ?? {})) {
      if (!fnOf.has(version)) fnOf.set(version, destination.fn);
    }
    const traffic = new Map(
      (Object.hasOwn(inputs.traffic, name) ? inputs.traffic[name]! : []).map((each) => [each.version, each]),
    );
    const versions = [...fnOf.keys()].sort(compareVersions).map((version): VersionStatus => {
      const fnName = fnOf.get(version)!;
      noted.add(fnName);
      const state = stateByFn.get(fnName);
      const observed = byFn.get(fnName);
      const triggers = observed?.triggers ?? [];
      // A route may lead to a trigger that somebody made by hand.
      const trigger = firstTrigger(triggers) ?? triggers[0];
      const processes = state ? state.processes.idle + state.processes.busy + state.processes.starting : 0;
      const counted = traffic.get(version);
      return {
        version,
        weight: routed?.route.split[version] ?? null,
        ...verdict(observed, routed !== undefined, state, processes),
        fn: fnName,
        address: addressOf(trigger),
        further: triggers.filter((other) => other !== trigger).flatMap((other) => addressOf(other) ?? []),
        processes,
        requests: counted?.requests ?? 0,
        errors: counted?.errors ?? 0,
        p95: counted?.p95 ?? null,
      };
    });
    return {
      function: name,
      address: routed ? `http://${routed.route.host}:${inputs.gatewayPort}${routed.route.path}` : null,
      revision: routed?.revision ?? null,
      lastChange: newest.get(name) ?? null,
      versions,
    };
  });
  const foreign = inputs.fns.map(({ fn }) => fn.name).filter((name) => !noted.has(name));
  return { app: inputs.app, functions, foreign };
}

function addressOf(trigger: Trigger | undefined): string | null {
  const endpoint = trigger?.annotations?.[HTTP_ENDPOINT];
  return typeof endpoint === 'string' ? endpoint : null;
}

function verdict(
  observed: ObservedFn | undefined,
  routed: boolean,
  state: FunctionState | undefined,
  processes: number,
): { state: VersionState; why?: string } {
  const lost = (what: string): string => `its ${what} is gone from the Fn server; its share gets 404`;
  if (!observed) return { state: 'missing', why: lost('fn') };
  if (state?.cannotRun) return { state: 'cannot run', why: state.cannotRun };
  if (observed.triggers.length === 0 && routed) return { state: 'missing', why: lost('trigger') };
  const why =
    observed.triggers.length === 0 ? { why: 'it has no http trigger, so nothing is routed to it' } : {};
  return { state: processes > 0 ? 'running' : 'idle', ...why };
}
