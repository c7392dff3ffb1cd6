// Which container tool there is. What each is told stands in container-commands.ts.
import { FnmeshError, messageOf } from '../errors.js';
import { run, which } from '../process/run.js';
import { dockerTool, podmanTool, buildahTool } from './container-commands.js';
import type { Platform } from './platform.js';

/** The container tools that build images, in the order in which they are looked for. */
export const CONTAINER_TOOLS = ['docker', 'podman', 'buildah'] as const;

/** A container tool's name. */
export type ContainerToolName = (typeof CONTAINER_TOOLS)[number];

/** What to build an image of. */
export type ContainerBuild = {
  /** Absolute path of the folder whose files the Dockerfile may copy; its `.dockerignore` counts. */
  context: string;
  /** Absolute path. */
  dockerfile: string;
  /** The name and tag that the image gets in the tool's store. */
  image: string;
  platform: Platform;
  labels: Record<string, string>;
  /** True: every step is run anew. */
  noCache?: boolean;
};

/** Docker, Podman or Buildah. */
export interface ContainerTool {
  readonly name: ContainerToolName;
  /**
   * Builds an image.
   * @returns Its id, `sha256:` and 64 hex digits.
   * @throws FnmeshError `failed` with the tail of the tool's output.
   */
  build(what: ContainerBuild): Promise<{ id: string }>;
  /** Whether the tool's store has an image, by name or id. */
  has(image: string): Promise<boolean>;
  /**
   * Pushes an image, by name or id, as `destination`: `REGISTRY/NAME:TAG`. With `insecure` Podman and Buildah take
   * plain http and any certificate, as they do in any case on loopback; Docker's daemon has settings of its own for that.
   * @returns The digest of what the registry has now, `sha256:` and 64 hex digits.
   * @throws FnmeshError `usage` for what is no such name, `failed` with the tail of the tool's output.
   */
  push(image: string, destination: string, options?: { insecure?: boolean }): Promise<{ digest: string }>;
  /** Gives an image of the tool's store one more name. @throws FnmeshError `usage` for what is no name, `failed`. */
  tag(image: string, name: string): Promise<void>;
  /** Takes the images of a `docker save` archive into the tool's store. @throws FnmeshError `failed`. */
  load(dockerArchiveFile: string): Promise<void>;
}

// A daemon on another machine that never answers must not hold up a deploy.
const ANSWER_MS = 15_000;

/**
 * The container tool to use: the one asked for, else the one that Fn's tools would use (FN_CONTAINER_ENGINETYPE), else
 * the first of docker, podman and buildah that is there and answers. A `docker` that is Podman in disguise is Podman.
 * @throws FnmeshError `usage` when FN_CONTAINER_ENGINETYPE names another, `failed` when there is none, or not the one asked for.
 */
export async function findContainerTool(asked?: ContainerToolName): Promise<ContainerTool> {
  const wanted = asked ?? fromEnvironment();
  const failures: string[] = [];
  for (const name of wanted === undefined ? CONTAINER_TOOLS : [wanted]) {
    const found = await look(name);
    if (typeof found !== 'string') return found;
    failures.push(found);
  }
  const message =
    wanted === undefined ? `no container tool can be used: ${failures.join('; ')}` : failures.join('; ');
  throw new FnmeshError('failed', message, { try: wayOut(message, wanted) });
}

function wayOut(message: string, wanted: ContainerToolName | undefined): string {
  if (/permission denied/.test(message)) return 'sudo usermod -aG docker "$USER", and log in again';
  if (/docker does not answer/.test(message)) {
    return 'start Docker (sudo systemctl start docker, or Docker Desktop), or: sudo apt-get install podman';
  }
  return `sudo apt-get install ${wanted === 'docker' ? 'docker.io' : (wanted ?? 'podman')}`;
}

function fromEnvironment(): ContainerToolName | undefined {
  const named = process.env['FN_CONTAINER_ENGINETYPE'];
  if (named === undefined || named === '') return undefined;
  const tool = CONTAINER_TOOLS.find((name) => name === named);
  if (tool !== undefined) return tool;
  const message = `FN_CONTAINER_ENGINETYPE is ${JSON.stringify(named)}, and must be one of ${CONTAINER_TOOLS.join(', ')}`;
  throw new FnmeshError('usage', message, { try: 'export FN_CONTAINER_ENGINETYPE=docker' });
}

/** The tool, or why it cannot be used. */
async function look(name: ContainerToolName): Promise<ContainerTool | string> {
  if ((await which(name)) === undefined) return `${name} is not installed`;
  try {
    const { exitCode, all, stderr } = await run(name, ['version'], {
      allowFailure: true,
      timeoutMs: ANSWER_MS,
    });
    if (exitCode !== 0) return `${name} does not answer (${lastLine(stderr)})`;
    if (name === 'docker') return /podman/i.test(all) ? podmanTool('docker') : dockerTool();
    return name === 'podman' ? podmanTool() : buildahTool();
  } catch (error) {
    return `${name} does not answer (${lastLine(messageOf(error))})`;
  }
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}
