// The contract behind which every builder stands: a version's folder becomes a folder that can be run.
import type { Emit } from '../events.js';
import type { VersionFolder } from '../project/project.js';

/** A runnable build. */
export type Build = {
  /** Hex sha-256 over the version's files, local dependencies, toolchain version and settings. */
  hash: string;
  /** Absolute path of `.fnmesh/builds/<hash>`; the process runs there. */
  dir: string;
  /** The program and its arguments. */
  command: string[];
  /** True when it was there already. */
  reused: boolean;
  /** Wall time in milliseconds. */
  ms: number;
};

/** A version that cannot run as a plain process, with the reason to show. */
export type Unrunnable = { cannotRun: string; hash: string };

/** What to build and where. */
export type BuildOptions = {
  /** Absolute path of `.fnmesh/builds`. */
  buildsDir: string;
  /** Builds although the hash is unchanged. */
  force: boolean;
  emit: Emit;
};

/** One language's builder. */
export interface Builder {
  /** Runtimes of func.yaml that it builds, such as `go`, `go1.24`. */
  handles(version: VersionFolder): boolean;
  /** What identifies the toolchain, such as `go1.26.8 linux/amd64`; asked once a run. @throws FnmeshError `failed` with the way out when it is missing. */
  toolchain(): Promise<string>;
  /** Further files outside the folder that count into the hash (absolute paths of folders). */
  extraInputs(version: VersionFolder): Promise<string[]>;
  /** Builds into `into`, the final folder, which exists and is empty. @throws FnmeshError `failed` whose message holds the tool's output. */
  build(version: VersionFolder, into: string): Promise<{ command: string[] }>;
}
