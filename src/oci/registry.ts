// Pushes images to registries: what is there is not sent again, and what is sent once is shared.
import { FnmeshError } from '../errors.js';
import type { OciImage } from './blob.js';
import { RegistryClient } from './distribution/client.js';
import { Http } from './distribution/http.js';
import { isNotNow } from './distribution/retry.js';
import type { Credentials } from './docker-config.js';
import { credentialsFor } from './docker-config.js';
import { limitTo } from './limit.js';
import type { ImageReference } from './reference.js';
import { formatReference, registryOf } from './reference.js';
import { Uploads } from './uploads.js';

/** How registries are pushed to. */
export type RegistryOptions = {
  /** Plain http and untrusted certificates also for registries on other machines. Default: no. */
  insecure?: boolean;
  /** The login for a host; default: `credentialsFor`. Asked only when a registry wants one. */
  credentials?: (host: string) => Promise<Credentials | null>;
  /** How many blobs are uploaded at a time, over all registries. Default: 4. */
  uploads?: number;
  /** How often a request is sent at most. Default: 5. */
  attempts?: number;
  /** The longest silence of a connection, in milliseconds. Default: 60 000. */
  timeoutMs?: number;
};

/** What a push did. */
export type Pushed = {
  /** The manifest's, `sha256:…`. */
  digest: string;
  /** `name@sha256:…`, which Fn and its tools take. */
  reference: string;
  /** Bytes sent: blobs and manifest. 0 when the tag was this image already. */
  pushedBytes: number;
  /** Layers and config that were there. */
  skippedBlobs: number;
  /** Blobs that the registry took over from another of its repositories. */
  mounted: number;
};

type Host = { client: RegistryClient; uploads: Uploads };

/** The registries of one run; all pushes of the run share it, and so connections, tokens and blobs. */
export class Registry {
  readonly #http: Http;
  readonly #limit: ReturnType<typeof limitTo>;
  readonly #hosts = new Map<string, Host>();

  constructor(private readonly options: RegistryOptions = {}) {
    this.#http = new Http({ insecure: options.insecure ?? false, timeoutMs: options.timeoutMs ?? 60_000 });
    this.#limit = limitTo(options.uploads ?? 4);
  }

  /**
   * Pushes an image under its tag; without a tag it can be found by its digest only. When the tag is that image
   * already, nothing is sent.
   * @throws FnmeshError `unreachable` when there is no registry to speak to (not there, not trusted, plain http,
   * something else), `failed` when it refuses (login, rights, size) or keeps failing, `usage` for a reference
   * with the digest of another image.
   */
  async push(image: OciImage, reference: ImageReference): Promise<Pushed> {
    const { registry, repository: name, tag, digest } = reference;
    if (digest !== undefined && digest !== image.digest) {
      throw new FnmeshError('usage', `${formatReference(reference)} is not the image that was built`, {
        try: 'leave out the digest; the push gives it',
      });
    }
    const { host, repository } = registryOf(reference);
    const { client, uploads } = this.#hostOf(host);
    const result: Pushed = {
      digest: image.digest,
      reference: formatReference({ registry, repository: name, digest: image.digest }),
      pushedBytes: 0,
      skippedBlobs: 0,
      mounted: 0,
    };
    const blobs = [...image.layers, image.config];
    const at = `/manifests/${tag ?? image.digest}`;
    const head = await client.call(repository, {
      method: 'HEAD',
      to: at,
      headers: { accept: image.manifest.mediaType },
    });
    if (head.status === 200 && head.headers['docker-content-digest'] === image.digest) {
      return { ...result, skippedBlobs: blobs.length };
    }
    // Other refusals are left to what follows: an answer to HEAD has no body that says why.
    if (isNotNow(head)) throw client.refused(repository, 'a look at the tag', head);

    const done = await Promise.allSettled(blobs.map((blob) => uploads.place(repository, blob)));
    done.forEach((one, index) => {
      if (one.status === 'rejected') throw one.reason;
      if (one.value === 'there') result.skippedBlobs++;
      else if (one.value === 'mounted') result.mounted++;
      else result.pushedBytes += blobs[index]!.size;
    });
    const { mediaType, bytes, size } = image.manifest;
    const put = await client.call(repository, {
      method: 'PUT',
      to: at,
      headers: { 'content-type': mediaType },
      body: bytes,
    });
    if (put.status !== 201) throw client.refused(repository, `the manifest of ${repository}`, put);
    const stored = put.headers['docker-content-digest'];
    if (stored !== undefined && stored !== image.digest) {
      throw new FnmeshError(
        'failed',
        `${host} stored ${image.digest} of ${repository} as ${String(stored)}`,
        {
          try: 'look for a proxy that changes what is sent to the registry',
        },
      );
    }
    return { ...result, pushedBytes: result.pushedBytes + size };
  }

  #hostOf(host: string): Host {
    let known = this.#hosts.get(host);
    if (known === undefined) {
      const ask = this.options.credentials ?? credentialsFor;
      const client = new RegistryClient(host, this.#http, {
        credentials: () => ask(host),
        attempts: this.options.attempts ?? 5,
      });
      this.#hosts.set(host, (known = { client, uploads: new Uploads(client, this.#limit) }));
    }
    return known;
  }
}
