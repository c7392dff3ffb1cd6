// What a deploy is asked for, what it will do and what it did. Plain JSON.
import type { ErrorCode } from '../errors.js';
import { FnmeshError, messageOf } from '../errors.js';
import type { Release } from '../fn/releases.js';
import type { Project, VersionFolder } from '../project/project.js';
import { formatPercent, formatWeight } from '../routing/weights.js';
import type { BasisPoints } from '../routing/route.js';
import { versionsOf } from '../routing/versions.js';
import type { FieldChange } from './diff.js';
import type { Action, AppPlan } from './plan.js';
import type { WiredFunction, WirePlan } from './wire.js';

/** What to deploy. */
export type DeployRequest = {
  project: Project;
  /** Those of the project that are to be deployed. */
  versions: readonly VersionFolder[];
  /** True when they were named one by one, so that one which cannot run here is a failure. */
  named: boolean;
  /** Absolute path of `.fnmesh/builds`. */
  buildsDir: string;
  /** Builds although nothing changed. */
  force: boolean;
  /** Absolute paths of the env files of all targets: they get into no image. */
  envFiles?: readonly string[];
  /** Who, as `user@machine`, for the history. */
  by: string;
  message?: string;
  /** How many builds run at a time; default: one per core. */
  jobs?: number;
  /** An image that exists, for the one version that is deployed: nothing is built. */
  image?: string;
  /** The tag that stood beside the digest of `image`, to be noted. */
  imageTag?: string;
  /** True when the one version is made from a folder that is not its own. */
  as?: boolean;
  /** Changes a version that shares traffic with others, on a server that is not the embedded one. */
  inPlace?: boolean;
  /** The commit that the app's folder is at. */
  commit?: Release['commit'];
  /** Whether our commit is older than the one that is live; undefined: it does not matter. */
  isOlder?: ((live: { sha: string; at: string }) => Promise<boolean>) | undefined;
  /** Keys of config whose values came from the environment; those of versions by `function/version`. */
  secrets?: { app: readonly string[]; versions: Readonly<Record<string, readonly string[]>> };
};

/** Why a version was not deployed. `output` is what its build or its process wrote. */
export type RowError = { code: ErrorCode; message: string; try?: string; output?: string };

/** What became of one version, or with --dry-run what would. */
export type VersionRow = {
  function: string;
  version: string;
  fn: string;
  build: 'built' | 'unchanged' | 'given' | 'failed' | 'cannot run' | 'to build';
  deploy: 'created' | 'updated' | 'unchanged' | 'failed' | 'to create' | 'to update';
  changes: FieldChange[];
  /** What it served before, in basis points: with weight, it is changed in place. null: it was in no route. */
  share: BasisPoints | null;
  /** The image that it runs, or would; null: not known yet. */
  image: string | null;
  /** The tag under which the image was pushed. */
  tag?: string;
  /** What had to be sent for the image, in bytes. */
  pushed?: number;
  /** The number of its release afterwards; null: it has none. */
  release: number | null;
  /** What others put and what stays: `config.KEY`. */
  kept: string[];
  /** The URL of its first trigger; null without one. */
  address: string | null;
  /** Wall time in milliseconds, of build and deploy together. */
  ms: number;
  cannotRun?: string;
  /** Of a plan: why deploy would not do what stands here. */
  refused?: RowError;
  error?: RowError;
};

/** What to type next, and why. */
export type Hint = { why: string; command: string };

/** The outcome of a deploy, or of its --dry-run. */
export type DeployResult = {
  app: Pick<AppPlan, 'name' | 'changes' | 'kept'> & {
    action: Action;
    /** Versions that a change of the app's config or syslog_url reaches, with their shares in basis points. */
    touches: { version: string; share: BasisPoints | null }[];
  };
  /** The Fn server's URL; null: it is not running yet. */
  server: string | null;
  /** In the order asked for. */
  versions: VersionRow[];
  functions: WiredFunction[];
  /** The functions whose routes were written, or would be. */
  routed: string[];
  /** What was changed on the cluster, or would be; null where the gateway is the embedded one. */
  front: WirePlan['front'];
  /** Versions on the server of which the folder is gone. */
  orphans: { function: string; version: string; share: BasisPoints | null }[];
  /** In a plan: versions made by `--as` that would go, as `keep` has it. */
  removes?: { function: string; version: string }[];
  next: Hint[];
  /** How many versions failed. */
  failed: number;
};

/** `cart/v2` */
export function labelOf({ function: fn, version }: { function: string; version: string }): string {
  return `${fn}/${version}`;
}

/** The error of a row; what a program wrote stands apart from what fnmesh says. */
export function rowError(error: unknown): RowError {
  if (!(error instanceof FnmeshError)) return { code: 'failed', message: messageOf(error) };
  const [message = '', ...output] = error.message.split('\n');
  return {
    code: error.code,
    message,
    ...(error.try !== undefined && { try: error.try }),
    ...(output.length > 0 && { output: output.join('\n') }),
  };
}

/** For each function whose newest version has just arrived without weight: how to give it some. */
export function hintsOf(functions: readonly WiredFunction[], onlyFunction: boolean): Hint[] {
  return functions.flatMap(({ function: name, added, after }) => {
    const version = versionsOf(after ?? {})
      .filter((candidate) => added.includes(candidate) && after?.[candidate] === 0)
      .at(-1);
    if (version === undefined) return [];
    const label = onlyFunction ? version : `${name}/${version}`;
    return [
      { why: `${label} has ${formatPercent(0)}`, command: `fnmesh shift ${label}=${formatWeight(1000)}` },
    ];
  });
}
