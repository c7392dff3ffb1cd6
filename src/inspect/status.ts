// What is deployed, who gets how much, and how it does: one picture of an app from the Fn server and the router.
import type { FunctionState } from '../control/protocol.js';
import { firstTrigger } from '../fn/first-trigger.js';
import { HTTP_ENDPOINT, type Trigger } from '../fn/model.js';
import type { ObservedFn } from '../fn/observe.js';
import type { Change, RouteTable, VersionTraffic } from '../router/router.js';
import type { Destination } from '../routing/route.js';
import { routeUrl } from '../routing/match.js';
import { compareVersions } from '../routing/versions.js';

/**
 * A version's state: a process listens or works, none is needed now, it is gone from the Fn server, or it cannot run
 * here. Other Fn servers do not tell what runs: there it is deployed.
 */
type VersionState = 'running' | 'idle' | 'deployed' | 'missing' | 'cannot run';

/** One version in the picture. */
export type VersionStatus = {
  version: string;
  /** Which release of it is deployed; null: nothing is noted of that. */
  release: number | null;
  /** Basis points; null = it stands behind no route. */
  weight: number | null;
  state: VersionState;
  /** Why it is missing or cannot run, or what else is to be known. */
  why?: string;
  fn: string;
  /** The address of the trigger that the route leads to; null without one. */
  address: string | null;
  /** The addresses of its further triggers, which no split stands before. */
  further: string[];
  /** null: the Fn server does not tell. */
  processes: number | null;
  /** null, as its errors: nobody counted. */
  requests: number | null;
  errors: number | null;
  /** Milliseconds; null before the first request, and where nobody measures. */
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
  /** Empty unless `embedded`. */
  states: FunctionState[];
  /** Whether `fns` are the embedded server's own. */
  embedded: boolean;
  /** The gateway's base URL, for addresses; null: not known. */
  gatewayUrl: string | null;
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
      const destination = routed?.route.destinations[version];
      const counted = traffic.get(version);
      return {
        version,
        release: observed?.notes?.release?.number ?? null,
        weight: routed?.route.split[version] ?? null,
        ...verdict(observed, destination, state, inputs.embedded),
        fn: fnName,
        address: destination?.endpoint ?? addressOf(trigger),
        further: triggers.filter((other) => other !== trigger).flatMap((other) => addressOf(other) ?? []),
        processes: inputs.embedded && destination?.endpoint === undefined ? processesOf(state) : null,
        requests: counted?.requests ?? null,
        errors: counted?.errors ?? null,
        p95: counted?.p95 ?? null,
      };
    });
    return {
      function: name,
      address: routed ? routeUrl(inputs.gatewayUrl, routed.route) : null,
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

function processesOf(state: FunctionState | undefined): number {
  return state ? state.processes.idle + state.processes.busy + state.processes.starting : 0;
}

function verdict(
  observed: ObservedFn | undefined,
  destination: Destination | undefined,
  state: FunctionState | undefined,
  embedded: boolean,
): { state: VersionState; why?: string } {
  // A route may lead to another server than the one that was asked.
  if (destination !== undefined && (destination.endpoint === undefined) !== embedded) {
    const { endpoint } = destination;
    const where =
      endpoint === undefined ? 'the embedded server' : `the Fn server at ${new URL(endpoint).host}`;
    const here = observed ? '; `fnmesh wire` makes it lead to this one' : '';
    return { state: 'deployed', why: `its route leads to ${where}, which was not asked${here}` };
  }
  const lost = (what: string): string => `its ${what} is gone from the Fn server; its share gets 404`;
  if (!observed) return { state: 'missing', why: lost('fn') };
  if (state?.cannotRun) return { state: 'cannot run', why: state.cannotRun };
  const bare = observed.triggers.length === 0;
  if (bare && destination !== undefined) return { state: 'missing', why: lost('trigger') };
  const why = bare ? { why: 'it has no http trigger, so nothing is routed to it' } : {};
  if (!embedded) return { state: 'deployed', ...why };
  return { state: processesOf(state) > 0 ? 'running' : 'idle', ...why };
}
