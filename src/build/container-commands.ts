// What Docker, Podman and Buildah are told: the same four wishes in each one's flags (docs.docker.com/reference/cli,
// docs.podman.io, github.com/containers/buildah/docs).
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { FnmeshError, messageOf } from '../errors.js';
import { isLoopback } from '../loopback.js';
import type { RunOptions, RunResult } from '../process/run.js';
import { run } from '../process/run.js';
import type { ContainerBuild, ContainerTool, ContainerToolName } from './container-tool.js';
import { formatPlatform } from './platform.js';

const DIGEST = /sha256:[0-9a-f]{64}/;
// Taken from this process's environment by name, so that a proxy's password stands in no command line.
const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
// Buildx would push an index with a provenance beside each image.
const DOCKER_ENV = { BUILDX_NO_DEFAULT_ATTESTATIONS: '1' };

/** Docker, with BuildKit or without: what works with either. */
export function dockerTool(): ContainerTool {
  return {
    name: 'docker',
    build: (what) => {
      const proxies = PROXIES.filter((name) => process.env[name]).flatMap((name) => ['--build-arg', name]);
      return build('docker', 'docker', what, proxies, DOCKER_ENV);
    },
    has: (image) => succeeds('docker', ['image', 'inspect', image]),
    push: async (image, destination) => {
      checkNames(image, destination);
      await run('docker', ['tag', image, destination]);
      const { stdout } = await send('docker', destination, ['push', destination]);
      const said = new RegExp(`digest: (${DIGEST.source})`).exec(stdout)?.[1];
      return { digest: said ?? (await digestOf(destination)) };
    },
    tag: async (image, name) => void (await tagged('docker', image, name)),
    load: async (file) => void (await run('docker', ['load', '-i', resolve(file)])),
  };
}

/** Podman; `program` is what it is called here. */
export function podmanTool(program = 'podman'): ContainerTool {
  return {
    name: 'podman',
    // Docker's format keeps what Dockerfiles may say and OCI's lacks, such as SHELL.
    build: (what) => build('podman', program, what, ['--format', 'docker']),
    has: (image) => succeeds(program, ['image', 'exists', image]),
    push: (image, destination, options) => pushWithDigestFile(program, image, destination, options),
    tag: async (image, name) => void (await tagged(program, image, name)),
    load: async (file) => void (await run(program, ['load', '-i', resolve(file)])),
  };
}

/** Buildah. */
export function buildahTool(): ContainerTool {
  return {
    name: 'buildah',
    build: (what) => build('buildah', 'buildah', what, ['--format', 'docker']),
    has: (image) => succeeds('buildah', ['inspect', '--type', 'image', image]),
    push: (image, destination, options) => pushWithDigestFile('buildah', image, destination, options),
    tag: async (image, name) => void (await tagged('buildah', image, name)),
    load: async (file) => {
      const path = resolve(file);
      if (path.includes(':')) {
        throw new FnmeshError('usage', `buildah takes no archive whose path holds a colon: ${path}`, {
          try: `mv ${path} ${path.replaceAll(':', '-')}`,
        });
      }
      await run('buildah', ['pull', `docker-archive:${path}`]);
    },
  };
}

function tagged(program: string, image: string, name: string): Promise<RunResult> {
  checkNames(image, name);
  return run(program, ['tag', image, name]);
}

async function build(
  tool: ContainerToolName,
  program: string,
  what: ContainerBuild,
  extra: readonly string[],
  env: Record<string, string> = {},
): Promise<{ id: string }> {
  checkNames(what.image);
  const platform = formatPlatform(what.platform);
  return withFile(async (iidfile) => {
    const labels = Object.entries(what.labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
    const args = [
      'build',
      '--iidfile',
      iidfile,
      '--platform',
      platform,
      '-t',
      what.image,
      ...labels,
      ...extra,
    ];
    if (what.noCache) args.push('--no-cache');
    try {
      await run(program, [...args, '-f', what.dockerfile, what.context], { env });
    } catch (error) {
      throw explained(error, /exec format error/i, () => ({
        try: `build on a machine with ${platform}, or let this one run its programs: sudo apt-get install qemu-user-static`,
      }));
    }
    return { id: await digestIn(iidfile, `${tool} build`) };
  });
}

async function pushWithDigestFile(
  program: string,
  image: string,
  destination: string,
  { insecure = false }: { insecure?: boolean } = {},
): Promise<{ digest: string }> {
  checkNames(image, destination);
  const plain =
    insecure || isLoopback(registryOf(destination).replace(/:\d+$/, '')) ? ['--tls-verify=false'] : [];
  return withFile(async (file) => {
    await send(program, destination, [
      'push',
      ...plain,
      '--digestfile',
      file,
      image,
      `docker://${destination}`,
    ]);
    return { digest: await digestIn(file, `${program} push`) };
  });
}

/** Runs a push; a refusal says how to log in. */
async function send(program: string, destination: string, args: string[]): Promise<RunResult> {
  try {
    return await run(program, args);
  } catch (error) {
    const refused = /(?<!permission )denied|unauthorized|authentication required|no basic auth credentials/i;
    throw explained(error, refused, () => ({ try: `${program} login ${registryOf(destination)}` }));
  }
}

/** For a Docker that does not print what it pushed. */
async function digestOf(destination: string): Promise<string> {
  const format = ['--format', '{{json .RepoDigests}}'];
  const { stdout } = await run('docker', ['image', 'inspect', ...format, destination]);
  const name = destination.replace(/:[^:/]*$/, '');
  const digests = (JSON.parse(stdout) as string[] | null) ?? [];
  const pushed = digests.find(
    (digest) => digest.startsWith(`${name}@`) || digest.startsWith(`docker.io/${name}@`),
  );
  const digest = DIGEST.exec(pushed ?? '')?.[0];
  if (digest === undefined)
    throw new FnmeshError('failed', `docker push did not say what it pushed as ${destination}`);
  return digest;
}

async function succeeds(program: string, args: string[], options: RunOptions = {}): Promise<boolean> {
  return (await run(program, args, { ...options, allowFailure: true })).exitCode === 0;
}

/** Gives the path of a file that is not there yet, and of which nothing stays. */
async function withFile<T>(use: (file: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'fnmesh-image-'));
  try {
    return await use(join(dir, 'id'));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function digestIn(file: string, said: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const digest = DIGEST.exec(text)?.[0];
  if (digest === undefined) throw new FnmeshError('failed', `${said} succeeded, but gave no digest`);
  return digest;
}

function explained(error: unknown, known: RegExp, extra: () => { try: string }): unknown {
  if (!(error instanceof FnmeshError) || !known.test(messageOf(error))) return error;
  return new FnmeshError(error.code, error.message, { ...extra(), cause: error });
}

/** What starts with a dash would be taken for a flag. */
function checkNames(...names: string[]): void {
  for (const name of names) {
    if (/^[A-Za-z0-9[][\w.:/@[\]-]*$/.test(name)) continue;
    throw new FnmeshError('usage', `${JSON.stringify(name)} is no image name`, {
      try: 'write it REGISTRY/NAME:TAG',
    });
  }
}

/** As Docker reads it: the first part is a registry when it has a dot or a colon or is localhost. */
function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') ? first : 'docker.io';
}
