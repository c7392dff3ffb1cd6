// Logging in: basic, or tokens of the registry's token server (distribution/docs/spec/auth/token.md, oauth.md).
import { FnmeshError } from '../../errors.js';
import { isLoopback } from '../../loopback.js';
import type { Credentials } from '../docker-config.js';
import type { Http, Reply } from './http.js';
import { loginRefused } from './refusal.js';
import { isNotNow, NotNow } from './retry.js';

/** What a registry asks for with 401. */
export type Challenge =
  { scheme: 'basic' } | { scheme: 'bearer'; realm: string; service: string | undefined };

type Token = { value: string; until: number };

// Tokens without a word on it live 60 s; one is renewed this long before its end.
const DEFAULT_SECONDS = 60;
const MARGIN_MS = 10_000;

/** Reads WWW-Authenticate; where there is a choice, bearer. Null: nothing that is known. */
export function parseChallenge(header: string | undefined): Challenge | null {
  const bearer = /(?:^|[\s,])bearer\s+(.*)/i.exec(header ?? '')?.[1];
  if (bearer !== undefined) {
    const values: Record<string, string> = {};
    for (const [, name, quoted, plain] of bearer.matchAll(/(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)) {
      values[name!.toLowerCase()] ??= quoted?.replace(/\\(.)/g, '$1') ?? plain!;
    }
    const { realm, service } = values;
    if (realm !== undefined) return { scheme: 'bearer', realm, service };
  }
  return /(?:^|[\s,])basic(?:\s|$)/i.test(header ?? '') ? { scheme: 'basic' } : null;
}

/** What one registry is told about who asks. */
export class Login {
  #challenge: Challenge | null = null;
  #credentials: Promise<Credentials | null> | undefined;
  #secrets = new Set<string>();
  readonly #tokens = new Map<string, Promise<Token>>();

  constructor(
    private readonly http: Http,
    private readonly host: string,
    private readonly ask: () => Promise<Credentials | null>,
  ) {}

  /** What must not be shown: passwords and tokens seen so far. */
  get secrets(): readonly string[] {
    return [...this.#secrets];
  }

  /** Takes note of a 401. False: it asks for nothing that can be given. */
  challenged(header: string | undefined): boolean {
    const challenge = parseChallenge(header);
    if (challenge !== null) this.#challenge = challenge;
    return challenge !== null;
  }

  /**
   * The Authorization header for scopes such as `repository:team/cart:pull,push`; undefined: none.
   * @throws FnmeshError `failed` when the login is refused, or the token server is not to be trusted with it.
   */
  async header(scopes: readonly string[]): Promise<string | undefined> {
    if (this.#challenge === null) return undefined;
    if (this.#challenge.scheme === 'basic') {
      const login = await this.#login();
      return login === null || !('username' in login) ? undefined : this.#basic(login);
    }
    const key = scopes.join(' ');
    let token = this.#tokens.get(key);
    if (token !== undefined && (await token.catch(() => ({ until: 0 }))).until < Date.now()) {
      token = undefined;
    }
    if (token === undefined) {
      token = this.#fetch(this.#challenge.realm, this.#challenge.service, scopes);
      this.#tokens.set(key, token);
    }
    return `Bearer ${(await token).value}`;
  }

  /** The registry does not take these scopes' token any more. */
  forget(scopes: readonly string[]): void {
    this.#tokens.delete(scopes.join(' '));
  }

  /** The error for a 401 that nothing helps against. */
  async refused(): Promise<FnmeshError> {
    return loginRefused(this.host, (await this.#login()) !== null);
  }

  #login(): Promise<Credentials | null> {
    return (this.#credentials ??= this.ask());
  }

  #basic({ username, password }: { username: string; password: string }): string {
    const encoded = Buffer.from(`${username}:${password}`).toString('base64');
    this.#hide(password);
    this.#hide(encoded);
    return `Basic ${encoded}`;
  }

  #hide(secret: string): void {
    if (secret !== '') this.#secrets.add(secret);
  }

  async #fetch(realm: string, service: string | undefined, scopes: readonly string[]): Promise<Token> {
    const url = this.#realmUrl(realm);
    const login = await this.#login();
    const reply =
      login !== null && 'identityToken' in login
        ? await this.#exchange(url, service, scopes, login.identityToken)
        : await this.#request(url, service, scopes, login);
    if (isNotNow(reply)) throw new NotNow(reply);
    if (reply.status === 401 || reply.status === 403) throw loginRefused(this.host, login !== null);
    const { token, seconds } = readToken(reply);
    if (token === undefined) {
      throw new FnmeshError(
        'failed',
        `${url.origin}, which gives out the tokens of ${this.host}, gave none`,
        {
          try: `docker login ${this.host}`,
        },
      );
    }
    this.#hide(token);
    return { value: token, until: Date.now() + Math.max(seconds * 1000 - MARGIN_MS, 1000) };
  }

  #request(
    realm: URL,
    service: string | undefined,
    scopes: readonly string[],
    login: { username: string; password: string } | null,
  ): Promise<Reply> {
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set('service', service);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    return this.http.send({ method: 'GET', url, authorization: login ? this.#basic(login) : undefined });
  }

  #exchange(
    url: URL,
    service: string | undefined,
    scopes: readonly string[],
    identityToken: string,
  ): Promise<Reply> {
    this.#hide(identityToken);
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'fnmesh',
      refresh_token: identityToken,
      scope: scopes.join(' '),
      ...(service !== undefined && { service }),
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.http.send({ method: 'POST', url, headers, body: Buffer.from(form.toString()) });
  }

  /** A registry must not be able to have logins sent where others can read them. */
  #realmUrl(realm: string): URL {
    const url = URL.canParse(realm) ? new URL(realm) : null;
    const ownHost = url !== null && this.http.options.insecure && url.hostname === hostnameOf(this.host);
    if (url?.protocol === 'https:' || (url?.protocol === 'http:' && (ownHost || isLoopback(url.hostname)))) {
      return url;
    }
    throw new FnmeshError(
      'failed',
      `${this.host} wants the login sent to ${url?.origin ?? 'no URL'}, not over https`,
      {
        try: 'give the registry’s token server an https address (REGISTRY_AUTH_TOKEN_REALM)',
      },
    );
  }
}

function hostnameOf(host: string): string {
  return new URL(`http://${host}`).hostname;
}

function readToken({ status, body }: Reply): { token: string | undefined; seconds: number } {
  let answer: Record<string, unknown> = {};
  try {
    if (status === 200) answer = { ...(JSON.parse(body.toString()) as object) };
  } catch {
    // No JSON: no token.
  }
  const token = [answer['token'], answer['access_token']].find(
    (one) => typeof one === 'string' && one !== '',
  );
  const seconds = answer['expires_in'];
  return {
    token: token as string | undefined,
    seconds: typeof seconds === 'number' && seconds > 0 ? seconds : DEFAULT_SECONDS,
  };
}
