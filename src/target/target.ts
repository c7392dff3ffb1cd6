// Where a command acts: which Fn server, registry and router, and where each of these was said. Pure data.
import type { ClusterSettings } from './cluster.js';

/** The name of the target that needs no configuration: both embedded, unless another Fn server is named. */
export const LOCAL = 'local';

/** A value, and where it was said, as messages name it: `--api-url`, `FN_API_URL`, `fnmesh.yaml:4`, `default`. */
export type Setting<T> = { readonly value: T; readonly from: string };

/** The one call that tells whether a version on a real Fn server is ready; `none`: never call it. */
export type Probe =
  | 'none'
  | {
      readonly method: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body?: string;
    };

/** What the command line says of the target; absent = not said. */
export type TargetFlags = {
  readonly target?: string | undefined;
  readonly 'api-url'?: string | undefined;
  readonly registry?: string | undefined;
  /** These three are for a cluster only. */
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
};

/** Which Fn server: the embedded one, or one at a URL. */
export type ChosenFn =
  | { readonly kind: 'embedded' }
  | {
      readonly kind: 'server';
      /** Base URL with scheme and without a final slash, as fnmesh reaches it. */
      readonly api: Setting<string>;
      /** Base URL of `/t`, as routers reach it; null: what each trigger's httpEndpoint annotation says. */
      readonly invoke: Setting<string> | null;
      /** Sent as a bearer token; never printed. */
      readonly token: Setting<string> | null;
    };

/** What images are made for, and where they go. */
export type ChosenImages = {
  /** `local`, or a name of fnmesh.yaml's targets. */
  readonly name: Setting<string>;
  /** What stands before image names, such as `registry.example.com/team`; null: nobody said. */
  readonly registry: Setting<string> | null;
  /** What Go functions are built for, such as `linux/amd64`. */
  readonly platform: Setting<string>;
  /** Absolute paths of env files, later ones count over earlier ones. */
  readonly env: readonly Setting<string>[];
};

/** What applies the routes: the embedded gateway, or a cluster, of which more may be found by asking it. */
export type ChosenRouter =
  { readonly kind: 'embedded' } | { readonly kind: 'kubernetes'; readonly cluster: ClusterSettings };

/** A target with everything that was left open filled in. */
export type ChosenTarget = ChosenImages & {
  readonly fn: ChosenFn;
  readonly router: ChosenRouter;
  /** Base URL of the gateway as functions reach it, for `${route:FN}`; null: the gateway's own address. */
  readonly gateway: Setting<string> | null;
  readonly probe: Probe;
  /** How many versions made by `deploy --as` stay for each function; null: all. */
  readonly keep: Setting<number> | null;
  /** What a person should know, such as that FN_API_URL does not count here. */
  readonly warnings: readonly string[];
};
