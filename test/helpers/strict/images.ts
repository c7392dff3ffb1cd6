// Pulls an image from a registry on this machine as a container engine would, and makes it a folder with a command.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What runs: the process's working folder and its program with arguments. */
type Unpacked = { dir: string; command: string[] };

/** Makes an image runnable. @throws Error with why it cannot be pulled. */
export type Pull = (image: string) => Unpacked | Promise<Unpacked>;

type Descriptor = { digest: string; mediaType: string; platform?: { os?: string; architecture?: string } };
type Manifest = { config?: Descriptor; layers?: Descriptor[]; manifests?: Descriptor[] };
type Config = { config?: { Entrypoint?: string[] | null; Cmd?: string[] | null; WorkingDir?: string } };

const ACCEPT = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

/**
 * Pulls over plain HTTP (OCI distribution-spec 1.1), checks every digest, and unpacks the layers below `root`.
 * Entrypoint, Cmd and WorkingDir count; whiteouts, Env and User do not.
 */
export function registryPull(root: string, auth?: { username: string; password: string }): Pull {
  return async (image) => {
    const reference = /^([^/]+)\/([^@:]+)(?::[^@]+)?@(sha256:[0-9a-f]{64})$/.exec(image);
    const [, host, repository, ref] = reference ?? /^([^/]+)\/([^@:]+):([^@:/]+)$/.exec(image) ?? [];
    if (!host || !repository || !ref || !/^(127\.0\.0\.1|localhost|\[::1\]):\d+$/.test(host)) {
      throw new Error('it is of no registry on this machine');
    }
    const get = async (path: string): Promise<Buffer> => {
      const headers: Record<string, string> = { accept: ACCEPT };
      if (auth)
        headers.authorization = `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
      const answer = await fetch(`http://${host}/v2/${repository}/${path}`, { headers });
      const bytes = Buffer.from(await answer.arrayBuffer());
      if (!answer.ok) throw new Error(`${answer.status} ${bytes.toString().trim()}`);
      const wanted = /sha256:[0-9a-f]{64}$/.exec(path)?.[0];
      const is = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      if (wanted !== undefined && wanted !== is) throw new Error(`${wanted} is ${is}`);
      return bytes;
    };
    const json = async <T>(path: string): Promise<T> => JSON.parse((await get(path)).toString()) as T;
    let manifest = await json<Manifest>(`manifests/${ref}`);
    if (manifest.manifests) {
      const here = manifest.manifests.find(({ platform }) => platform?.os === 'linux');
      if (!here) throw new Error('no manifest for linux');
      manifest = await json<Manifest>(`manifests/${here.digest}`);
    }
    if (!manifest.config || !manifest.layers) throw new Error('the manifest has no config or no layers');
    const { config = {} } = await json<Config>(`blobs/${manifest.config.digest}`);
    await mkdir(root, { recursive: true });
    const dir = await mkdtemp(join(root, 'image-'));
    for (const { digest, mediaType } of manifest.layers) {
      const archive = `${dir}.layer`;
      await writeFile(archive, await get(`blobs/${digest}`));
      const flags = mediaType.endsWith('gzip') ? '-xzf' : '-xf';
      await promisify(execFile)('tar', [flags, archive, '-C', dir, '--no-same-owner']);
    }
    const command = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
    if (command.length === 0) throw new Error('No command specified');
    const inside = (word: string): string =>
      word.startsWith('/') && existsSync(join(dir, word)) ? join(dir, word) : word;
    return { dir: join(dir, config.WorkingDir ?? '/'), command: command.map(inside) };
  };
}
