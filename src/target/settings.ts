// What fnmesh.yaml and Fn's own context files say of targets, as read and not yet weighed.
import type { ClusterSettings } from './cluster.js';
import type { Probe, Setting } from './target.js';

/** The ready call where nobody says otherwise; by its header a function can tell it from its callers'. */
export const DEFAULT_PROBE = { method: 'GET', headers: { 'Fnmesh-Probe': '1' } } as const satisfies Probe;

/** What fnmesh.yaml may say for all targets at its top, and for each target in its place; null: not said. */
export type SharedSettings = {
  readonly registry: Setting<string> | null;
  /** Absolute paths of env files. */
  readonly env: readonly Setting<string>[] | null;
  readonly probe: Setting<Probe> | null;
  readonly platform: Setting<string> | null;
  /** Base URL of the gateway as functions reach it. */
  readonly gateway: Setting<string> | null;
};

/** One of fnmesh.yaml's targets. What it leaves open is what stands at the file's top. */
export type TargetSettings = SharedSettings & {
  readonly fn: {
    /** Base URLs with scheme and without a final slash. */
    readonly api: Setting<string> | null;
    readonly invoke: Setting<string> | null;
    /** The name of the environment variable that holds the token. */
    readonly token: Setting<string> | null;
  };
  /** Where its routes are, and how; null: in the embedded gateway. */
  readonly cluster: ClusterSettings | null;
};

/** fnmesh.yaml; each value's `from` is `fnmesh.yaml:LINE`. */
export type Settings = SharedSettings & {
  /** Absolute path. */
  readonly file: string;
  /** The target that counts when nobody names one. */
  readonly target: Setting<string> | null;
  /** How many versions made by `deploy --as` stay for each function, at least 1. */
  readonly keep: Setting<number> | null;
  readonly targets: Readonly<Record<string, TargetSettings>>;
};

/** The current context of Fn's own tools (fnproject/cli 0.6.63, config/config.go), its texts as they stand. */
export type FnContext = {
  readonly name: string;
  /** Absolute path of the context's file. */
  readonly file: string;
  /** `default` for open-source Fn servers; `oracle` and others for Oracle's cloud. */
  readonly provider: string;
  readonly apiUrl?: string;
  readonly registry?: string;
  /** Never printed. */
  readonly token?: string;
};
