// One registry's API v2 (opencontainers/distribution-spec 1.1): finds how it is spoken to, logs in, tries again.
import type { FnmeshError } from '../../errors.js';
import { isLoopback } from '../../loopback.js';
import type { Credentials } from '../docker-config.js';
import { Login } from './auth.js';
import type { Http, Reply } from './http.js';
import { codeOf, isPlain, notARegistry, refusal, unreachable } from './refusal.js';
import { retried } from './retry.js';

/** Connection errors that are worth another try although the registry has not been seen yet. */
const PASSING = ['ECONNRESET', 'EPIPE', 'EAI_AGAIN'];

/** A request to a repository. */
export type Request = {
  method: string;
  /** Path below the repository, such as `/blobs/sha256:…`, or a whole URL that the registry gave. */
  to: string | URL;
  headers?: Record<string, string>;
  body?: Buffer;
  /** Another repository that is read from, for mounts. */
  from?: string;
};

/** How a registry is spoken to. */
export type ClientOptions = {
  credentials: () => Promise<Credentials | null>;
  /** How often a request is sent at most. */
  attempts: number;
};

/** Speaks to one registry. */
export class RegistryClient {
  readonly #login: Login;
  #base: Promise<URL> | undefined;

  /** @param host With its port where it has one; `docker.io` for Docker Hub. */
  constructor(
    readonly host: string,
    private readonly http: Http,
    private readonly options: ClientOptions,
  ) {
    this.#login = new Login(http, host, options.credentials);
  }

  /**
   * Sends a request, again where that may help, and gives the answer, whatever its status.
   * @throws FnmeshError `unreachable` without a connection or a registry, `failed` for logins.
   */
  call(repository: string, request: Request): Promise<Reply> {
    return this.repeat(() => this.once(repository, request));
  }

  /** Does something of several requests again where that may help; see `retried`. */
  async repeat(work: () => Promise<Reply>): Promise<Reply> {
    try {
      return await retried(this.options.attempts, work);
    } catch (error) {
      throw unreachable(this.host, error);
    }
  }

  /** As `call`, once only. Connection errors come as they are. */
  async once(repository: string, request: Request): Promise<Reply> {
    const base = await (this.#base ??= this.#find());
    const url = typeof request.to === 'string' ? new URL(`/v2/${repository}${request.to}`, base) : request.to;
    const { method, headers = {}, body, from } = request;
    const own = url.origin === base.origin;
    const scopes = [`repository:${repository}:pull,push`, ...(from ? [`repository:${from}:pull`] : [])];
    const send = async (): Promise<Reply> =>
      this.http.send({
        method,
        url,
        headers,
        body,
        authorization: own ? await this.#login.header(scopes) : undefined,
      });
    const reply = await send();
    if (reply.status !== 401 || !own) return reply;
    this.#login.forget(scopes);
    const again = this.#login.challenged(reply.headers['www-authenticate']) ? await send() : reply;
    if (again.status === 401) throw await this.#login.refused();
    return again;
  }

  /** The error for an answer that means no; see `refusal`. */
  refused(repository: string, doing: string, reply: Reply): FnmeshError {
    return refusal(this.host, repository, doing, reply, this.#login.secrets);
  }

  /** Asks GET /v2/ in the ways that are allowed. A failure is not kept: the next request asks again. */
  async #find(): Promise<URL> {
    try {
      return await this.#firstOf(this.#candidates());
    } catch (error) {
      this.#base = undefined;
      throw error;
    }
  }

  async #firstOf(candidates: readonly URL[]): Promise<URL> {
    let failure: FnmeshError | undefined;
    for (const base of candidates) {
      try {
        const reply = await retried(this.options.attempts, () => this.#ping(base));
        const known = reply.status === 401 && this.#login.challenged(reply.headers['www-authenticate']);
        const named = reply.headers['docker-distribution-api-version'] !== undefined && reply.status < 500;
        if (known || named || (reply.status === 200 && !isWebPage(reply))) return base;
        failure =
          reply.status >= 500 || reply.status === 429
            ? this.refused('', 'GET /v2/', reply)
            : notARegistry(this.host, reply);
      } catch (error) {
        const found = unreachable(this.host, error);
        // Of two ways that fail the second tells more, unless it was https at a server that has none.
        if (failure === undefined || !isPlain(found.cause)) failure = found;
        if (codeOf(found.cause) === 'ENOTFOUND') break;
      }
    }
    throw failure ?? new Error('no way to speak to a registry');
  }

  async #ping(base: URL): Promise<Reply> {
    try {
      return await this.http.send({ method: 'GET', url: new URL('/v2/', base) });
    } catch (error) {
      // Who is not there is not waited for, and TLS does not get better by itself.
      if (PASSING.includes(codeOf(error) ?? '')) throw error;
      throw unreachable(this.host, error);
    }
  }

  /** https, and plain http where nobody else can read it or `insecure` says so. This machine rarely has https. */
  #candidates(): URL[] {
    const address = this.host === 'docker.io' ? 'registry-1.docker.io' : this.host;
    const [secure, plain] = [new URL(`https://${address}`), new URL(`http://${address}`)];
    if (isLoopback(plain.hostname)) return [plain, secure];
    return this.http.options.insecure ? [secure, plain] : [secure];
  }
}

function isWebPage(reply: Reply): boolean {
  return /html/.test(reply.headers['content-type'] ?? '');
}
