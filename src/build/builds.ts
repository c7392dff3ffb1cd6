// Versions become runnable folders or images, each once: `.fnmesh/builds/<hash>`.
import { availableParallelism } from 'node:os';
import { FnmeshError, messageOf } from '../errors.js';
import { parallel } from '../process/parallel.js';
import type { VersionFolder } from '../project/project.js';
import type { Build, Builder, BuildOptions, Inputs, Unrunnable } from './build.js';
import { containerBuilder, hasDockerfile } from './container.js';
import { goBuilder } from './go.js';
import { FolderDigests, hashOf } from './hash.js';
import { buildOnce } from './make.js';
import { nodeBuilder } from './node.js';
import { pythonBuilder } from './python.js';
import { anyBuildOf, currentHash, readMarker } from './store.js';
import { unknownRuntime, whyUnrunnable } from './unrunnable.js';

// Counts into every hash: raised when the same input is to be built otherwise than before.
const FORMAT = 'fnmesh build 1';

/** What became of one version: a runnable build, the reason why it cannot run here, or the error of its build. */
export type BuildOutcome = { version: VersionFolder } & (
  { result: Build | Unrunnable } | { error: FnmeshError }
);

/** What a version's build would be; `ready` = it is there already. */
export type BuildPlan = { version: VersionFolder } & (
  { hash: string; ready: boolean; cannotRun?: string } | { error: FnmeshError }
);

/** A version whose inputs are hashed. */
type Prepared = { version: VersionFolder; inputs: string } & ({ builder: Builder } | { cannotRun: string });

/** Builds the versions of one run; asks each toolchain, and digests each shared folder, once. */
export class Builds {
  readonly #builders: readonly Builder[];
  readonly #digests = new FolderDigests();
  readonly #options: BuildOptions;
  readonly #jobs: number;
  readonly #warned = new Set<string>();

  /** @param jobs How many builds may run at a time; default: one per core. */
  constructor(options: BuildOptions, jobs = availableParallelism()) {
    this.#options = options;
    this.#jobs = jobs;
    this.#builders = buildersFor(options);
  }

  /** What would be built, in the given order, without building or writing anything. Errors are rows, not thrown. */
  async plan(versions: readonly VersionFolder[]): Promise<BuildPlan[]> {
    const plans: BuildPlan[] = [];
    for (const version of versions) {
      const prepared = await this.#prepare(version).catch(asFnmeshError);
      if (prepared instanceof FnmeshError) plans.push({ version, error: prepared });
      else plans.push({ version, ...this.#look(prepared) });
    }
    return plans;
  }

  /**
   * One version's build.
   * @throws FnmeshError `config` or `failed`, with the tool's output.
   */
  async one(version: VersionFolder): Promise<Build | Unrunnable> {
    return this.#build(await this.#prepare(version));
  }

  /**
   * All versions' builds, in the given order. A failure is that version's row; the others go on. The first of a
   * language whose toolchain has built nothing yet goes alone: side by side, each would build the same libraries.
   */
  async all(versions: readonly VersionFolder[]): Promise<BuildOutcome[]> {
    const outcomes = new Map<VersionFolder, BuildOutcome>();
    const settle = async (prepared: Prepared): Promise<void> => {
      const { version } = prepared;
      const result = await this.#build(prepared).catch(asFnmeshError);
      outcomes.set(version, result instanceof FnmeshError ? { version, error: result } : { version, result });
    };
    const waiting: Prepared[] = [];
    for (const version of versions) {
      const prepared = await this.#prepare(version).catch(asFnmeshError);
      if (prepared instanceof FnmeshError) outcomes.set(version, { version, error: prepared });
      else if (this.#look(prepared).ready) await settle(prepared);
      else waiting.push(prepared);
    }
    const first = await this.#coldOne(waiting);
    if (first !== undefined) await settle(first);
    await parallel(
      this.#jobs,
      waiting.filter((prepared) => prepared !== first),
      settle,
    );
    return versions.map((version) => outcomes.get(version) as BuildOutcome);
  }

  /** The one to build before the others can run side by side. */
  async #coldOne(waiting: readonly Prepared[]): Promise<Prepared | undefined> {
    for (const prepared of waiting) {
      if (!('builder' in prepared) || prepared.builder.cold === undefined) continue;
      const { language } = prepared.builder;
      if (anyBuildOf(this.#options.buildsDir, language)) return undefined;
      if (!(await prepared.builder.cold())) return undefined;
      const text = `the first ${language} build takes about 25 s: it compiles the standard library`;
      this.#options.emit({ type: 'note', text });
      return prepared;
    }
    return undefined;
  }

  #look(prepared: Prepared): { hash: string; ready: boolean; cannotRun?: string } {
    if ('cannotRun' in prepared) return { hash: prepared.inputs, ready: true, cannotRun: prepared.cannotRun };
    const { buildsDir, force } = this.#options;
    const hash = currentHash(buildsDir, prepared.inputs);
    return { hash, ready: !force && readMarker(buildsDir, hash) !== undefined };
  }

  async #prepare(version: VersionFolder): Promise<Prepared> {
    const images = this.#options.for?.kind === 'images';
    if (images) this.#warn(version);
    const why = images ? undefined : whyUnrunnable(version);
    const builder = this.#builders.find((candidate) => candidate.handles(version));
    if (why !== undefined || builder === undefined) {
      const inputs = await this.#hash(version, { leave: {}, folders: [], settings: [] }, 'none');
      return { version, inputs, cannotRun: why ?? unknownRuntime(version) };
    }
    const inputs = await this.#hash(version, await builder.inputs(version), await builder.toolchain());
    return { version, inputs, builder };
  }

  /** Shell commands are for the plain Fn tool; an image that lacks what they make would be found out only when called. */
  #warn({ file, func }: VersionFolder): void {
    if ((func.build ?? []).length === 0 || this.#warned.has(file)) return;
    this.#warned.add(file);
    const text = `${file}: fnmesh does not run the shell commands under build; run them before, or write a Dockerfile`;
    this.#options.emit({ type: 'warning', text });
  }

  #hash(version: VersionFolder, inputs: Inputs, toolchain: string): Promise<string> {
    const { runtime = '', entrypoint = '', cmd = '' } = version.func;
    const settings = [FORMAT, toolchain, runtime, entrypoint, cmd, ...inputs.settings];
    return hashOf({ dir: version.dir, leave: inputs.leave, extra: inputs.folders, settings }, this.#digests);
  }

  async #build(prepared: Prepared): Promise<Build | Unrunnable> {
    if ('cannotRun' in prepared) return { cannotRun: prepared.cannotRun, hash: prepared.inputs };
    return buildOnce(prepared.version, prepared.builder, prepared.inputs, this.#options);
  }
}

function buildersFor({ for: kind, force, envFiles = [], emit }: BuildOptions): Builder[] {
  if (kind?.kind !== 'images') return [goBuilder(envFiles), nodeBuilder(), pythonBuilder()];
  const go = goBuilder(envFiles, kind.platform);
  const plain = (version: VersionFolder): boolean => go.handles(version) && !needsItsImages(version);
  return [{ ...go, handles: plain }, containerBuilder(kind, { force, envFiles, emit })];
}

/** Go is compiled here and needs no base image, unless the version says that it wants one. */
function needsItsImages(version: VersionFolder): boolean {
  const { build_image = '', run_image = '' } = version.func;
  return (
    hasDockerfile(version) ||
    [build_image, run_image].some((image) => !/^(fnproject\/go(:.*)?)?$/.test(image))
  );
}

/** A full disk, a folder that vanished: the version's failure, in the system's words. */
function asFnmeshError(error: unknown): FnmeshError {
  return error instanceof FnmeshError ? error : new FnmeshError('failed', messageOf(error), { cause: error });
}
