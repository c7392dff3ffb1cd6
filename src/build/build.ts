// The contract behind which every builder stands: a version's folder becomes a folder that can be run, or an image.
import type { Emit } from '../events.js';
import type { VersionFolder } from '../project/project.js';
import type { ContainerToolName } from './container-tool.js';
import type { Leave } from './files.js';
import type { Platform } from './platform.js';

/** An image in the store of a container tool; `id` is `sha256:` and 64 hex digits. */
type ContainerImage = { tool: ContainerToolName; id: string };

/** What a builder made: a program of the build folder with its arguments, or an image outside of it. */
export type Made = {
  /** Empty for an image. */
  command: string[];
  container?: ContainerImage;
};

/** A complete build. */
export type Build = Made & {
  /** Hex sha-256 over the version's files, local dependencies, toolchain version and settings. */
  hash: string;
  /** Absolute path of `.fnmesh/builds/<hash>`; the process runs there. */
  dir: string;
  /** True when it was there already. */
  reused: boolean;
  /** Wall time in milliseconds. */
  ms: number;
};

/** A version that cannot run as a plain process, with the reason to show. */
export type Unrunnable = { cannotRun: string; hash: string };

/**
 * What builds are for: processes on this machine, or images for a real Fn server. Of an image `labels` are its OCI
 * annotations (key → value), and `tool` is the container tool to use where one is needed; absent: the first found.
 */
export type BuildKind =
  | { kind: 'processes' }
  | { kind: 'images'; platform: Platform; tool?: ContainerToolName; labels: Record<string, string> };

/** What to build and where. */
export type BuildOptions = {
  /** Default: processes. */
  for?: BuildKind;
  /** Absolute path of `.fnmesh/builds`. */
  buildsDir: string;
  /** Builds although the hash is unchanged; the new build gets a hash, and so a folder, of its own. */
  force: boolean;
  /**
   * Absolute paths of env files. They, and all that are called `.env`, get into no image and count into the hash of
   * none, nor into that of a Go program; a process has those of its own folder beside it, as nothing leaves the machine.
   */
  envFiles?: readonly string[] | undefined;
  emit: Emit;
};

/** What a version's build depends on besides its files. */
export type Inputs = {
  /** What of the version's folder does not count. */
  leave: Leave;
  /** Absolute paths of further folders. */
  folders: string[];
  /** Whatever else makes a difference, in a fixed order. */
  settings: string[];
};

/** One language's builder. */
export interface Builder {
  /** Its language, as messages name it: `Go`. */
  language: string;
  /** Whether it builds the version, by its runtime in func.yaml, such as `go`, `go1.24`. */
  handles(version: VersionFolder): boolean;
  /** What identifies the toolchain, such as `go1.26.8 linux/amd64`; asked once a run. @throws FnmeshError `failed` with the way out when it is missing. */
  toolchain(): Promise<string>;
  /** What else counts into the hash. @throws FnmeshError `config` when the version cannot be built as it is. */
  inputs(version: VersionFolder): Promise<Inputs>;
  /** Builds into `into`, the final folder, which exists and is empty. @throws FnmeshError `failed` whose message holds the tool's output. */
  build(version: VersionFolder, into: string): Promise<Made>;
  /** Whether what it made outside the folder is still there; absent: it makes nothing there. */
  intact?(made: Made): Promise<boolean>;
  /** Whether the first build will take long, as nothing that it builds on was built before. */
  cold?(): Promise<boolean>;
}
