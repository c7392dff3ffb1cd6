// Gets blobs into the repositories of one registry: there already, taken over from another repository, or sent.
import type { Blob } from './blob.js';
import type { RegistryClient } from './distribution/client.js';
import type { Reply } from './distribution/http.js';
import type { limitTo } from './limit.js';

/** How a blob came to be where it is. */
export type Placed = 'there' | 'mounted' | 'sent';

/** The blobs of one run in one registry. */
export class Uploads {
  /** By repository and digest. */
  readonly #placed = new Map<string, Promise<Placed>>();
  /** By digest: a repository that has the blob, or null when its upload failed. */
  readonly #sources = new Map<string, Promise<string | null>>();

  constructor(
    private readonly client: RegistryClient,
    private readonly limit: ReturnType<typeof limitTo>,
  ) {}

  /**
   * Sees to it that a repository has a blob. A blob that several pushes need at once is sent once.
   * @throws FnmeshError as `Registry.push`.
   */
  async place(repository: string, blob: Blob): Promise<Placed> {
    const key = `${repository}@${blob.digest}`;
    const before = this.#placed.get(key);
    if (before !== undefined) {
      await before;
      return 'there';
    }
    const placing = this.#place(repository, blob);
    this.#placed.set(key, placing);
    // What failed is tried anew by the next who needs it.
    placing.catch(() => this.#placed.delete(key));
    return placing;
  }

  async #place(repository: string, blob: Blob): Promise<Placed> {
    const { digest } = blob;
    const head = await this.client.call(repository, { method: 'HEAD', to: `/blobs/${digest}` });
    if (head.status === 200) {
      if (!this.#sources.has(digest)) this.#sources.set(digest, Promise.resolve(repository));
      return 'there';
    }
    for (;;) {
      const source = this.#sources.get(digest);
      if (source === undefined) {
        const sending = this.#send(repository, blob);
        const settled = sending.then(
          () => repository,
          () => {
            this.#sources.delete(digest);
            return null;
          },
        );
        this.#sources.set(digest, settled);
        await sending;
        return 'sent';
      }
      const from = await source;
      if (from !== null) return this.#mount(repository, blob, from);
    }
  }

  async #mount(repository: string, blob: Blob, from: string): Promise<Placed> {
    const query = new URLSearchParams({ mount: blob.digest, from });
    const reply = await this.client.call(repository, {
      method: 'POST',
      to: `/blobs/uploads/?${query.toString()}`,
      from,
    });
    if (reply.status === 201) return 'mounted';
    // 202: the registry does not take it over, and has begun an upload instead.
    await this.#send(repository, blob, reply.status === 202 ? reply : undefined);
    return 'sent';
  }

  /** One PUT; after a failure anew from the start, since registries differ in what they keep of an upload. */
  async #send(repository: string, blob: Blob, begun?: Reply): Promise<void> {
    const reply = await this.limit(() =>
      this.client.repeat(async () => {
        const session =
          begun ?? (await this.client.once(repository, { method: 'POST', to: '/blobs/uploads/' }));
        begun = undefined;
        const { location } = session.headers;
        if (session.status !== 202 || location === undefined) return session;
        const to = new URL(location, session.url);
        // Added as text: what the registry wrote may be signed.
        to.search += `${to.search === '' ? '?' : '&'}digest=${encodeURIComponent(blob.digest)}`;
        const headers = { 'content-type': 'application/octet-stream' };
        const put = await this.client.once(repository, { method: 'PUT', to, headers, body: blob.bytes });
        if (put.status === 404 || put.status === 416) throw new Error('the registry has lost an upload');
        return put;
      }),
    );
    if (reply.status !== 201) {
      throw this.client.refused(repository, `a blob of ${(blob.size / 1e6).toFixed(1)} MB`, reply);
    }
  }
}
