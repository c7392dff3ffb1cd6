// What is deployed, who gets how much, and how it does: one picture of an app from the Fn server and the router.
import type { FunctionState } from '../control/protocol.js';
import { firstTrigger } from '../fn/first-trigger.js';
import { HTTP_ENDPOINT, NOTE_FUNCTION, NOTE_VERSION, type Fn, type Trigger } from '../fn/model.js';
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
  /** The trigger's own address; null without a trigger. */
  address: string | null;
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
  fns: Fn[];
  triggers: Trigger[];
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
  const fnById = new Map(inputs.fns.map((fn) => [fn.id, fn]));
  const fnByName = new Map(inputs.fns.map((fn) => [fn.name, fn]));
  const stateByFn = new Map(inputs.states.map((state) => [state.fn, state]));
  const triggersOf = new Map<string, Trigger[]>();
  const versionsOf = new Map<string, Map<string, string>>();
  for (const trigger of inputs.triggers) {
    const fn = fnById.get(trigger.fn_id);
    if (!fn) continue;
    triggersOf.set(fn.name, [...(triggersOf.get(fn.name) ?? []), trigger]);
    const name = trigger.annotations?.[NOTE_FUNCTION];
    const version = trigger.annotations?.[NOTE_VERSION];
    if (typeof name !== 'string' || typeof version !== 'string') continue;
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
      const triggers = triggersOf.get(fnName) ?? [];
      // A route may lead to a trigger that somebody made by hand.
      const trigger = firstTrigger(triggers) ?? triggers[0];
      const endpoint = trigger?.annotations?.[HTTP_ENDPOINT];
      const processes = state ? state.processes.idle + state.processes.busy + state.processes.starting : 0;
      const counted = traffic.get(version);
      return {
        version,
        weight: routed?.route.split[version] ?? null,
        ...verdict(fnByName.has(fnName), trigger !== undefined, state, processes),
        fn: fnName,
        address: typeof endpoint === 'string' ? endpoint : null,
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
  const foreign = inputs.fns.map((fn) => fn.name).filter((name) => !noted.has(name));
  return { app: inputs.app, functions, foreign };
}

function verdict(
  deployed: boolean,
  triggered: boolean,
  state: FunctionState | undefined,
  processes: number,
): { state: VersionState; why?: string } {
  if (!deployed) return { state: 'missing', why: 'its fn is gone from the Fn server; its share gets 404' };
  if (!triggered)
    return { state: 'missing', why: 'its trigger is gone from the Fn server; its share gets 404' };
  if (state?.cannotRun) return { state: 'cannot run', why: state.cannotRun };
  return { state: processes > 0 ? 'running' : 'idle' };
}
