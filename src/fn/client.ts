// Fn API v2 over HTTP (fnproject/fn 0.3.753, docs/swagger_v2.yml), as the FnServer port.
import { FnmeshError } from '../errors.js';
import { FnApi } from './api.js';
import { differencesFrom } from './arrived.js';
import type { AppChange, FnServer, FnServerInfo, FnSpec, TriggerChange, TriggerSpec } from './fn-server.js';
import type { Answer } from './http.js';
import type { App, Fn, FnChange, Trigger } from './model.js';
import {
  appChange,
  appSpec,
  checkedId,
  fnChange,
  fnSpec,
  isId,
  triggerChange,
  triggerSpec,
} from './sendable.js';

/** The most that the server gives in one page. */
const PAGE = 100;
const TIMEOUT_MS = 30_000;
const BACKOFF_MS = 500;

type Query = Record<string, string | undefined>;

/** How an Fn server is spoken to; times in milliseconds. */
export type FnClientOptions = {
  /** Sent as a bearer token; in no text. */
  token?: string;
  /** How long one request may take; 30 s. */
  timeoutMs?: number;
  /** The first wait before a request is made again, then twice as long each time; 500. */
  backoffMs?: number;
  /** Told before a request is made again: `the Fn server answers 503; again in 2 s`. */
  onRetry?: (text: string) => void;
};

/**
 * An Fn server at a URL. Requests that fail in passing (connection errors, broken JSON, 429, 500, 502 to 504) are made
 * up to four times; a create that may have arrived is looked up first, and taken as done when what is there equals it.
 */
export class FnClient implements FnServer {
  readonly url: string;
  readonly #api: FnApi;

  /**
   * @param url Base URL; without a scheme it is http.
   * @throws FnmeshError `usage` when it is none, or has a user name or password in it.
   */
  constructor(url: string, options: FnClientOptions = {}) {
    this.url = checkedUrl(url);
    this.#api = new FnApi({ timeoutMs: TIMEOUT_MS, backoffMs: BACKOFF_MS, ...options, url: this.url });
  }

  async info(): Promise<FnServerInfo> {
    const answer = await this.#api.any('/version');
    const body = answer.body as { version?: unknown } | null;
    return {
      version: typeof body?.version === 'string' ? body.version : null,
      embedded: embeddedIn(answer),
    };
  }

  /**
   * Makes sure, with one request, that an Fn server with API v2 is there and lets us in. `version` is null: `info` asks.
   * @throws FnmeshError `unreachable`, or `failed` for a token: each cause its own text and way out.
   */
  async checkServer(): Promise<FnServerInfo> {
    return { version: null, embedded: embeddedIn(await this.#api.list(path('/v2/apps', { per_page: '1' }))) };
  }

  apps(): Promise<App[]> {
    return this.#list<App>('/v2/apps', {});
  }

  async app(name: string): Promise<App | undefined> {
    return (await this.#list<App>('/v2/apps', { name }))[0];
  }

  createApp(spec: { name: string } & AppChange): Promise<App> {
    const body = appSpec(spec);
    return this.#create('/v2/apps', body, `app ${spec.name}`, () => this.app(spec.name));
  }

  updateApp(id: string, change: AppChange): Promise<App> {
    return this.#api.put(`/v2/apps/${checkedId('app', id)}`, appChange(change));
  }

  async deleteApp(id: string): Promise<void> {
    await this.#api.delete(`/v2/apps/${checkedId('app', id)}`);
  }

  async fns(appId: string): Promise<Fn[]> {
    return (await this.#list<Fn>('/v2/fns', { app_id: checkedId('app', appId) })).map(withConfig);
  }

  async fn(appId: string, name: string): Promise<Fn | undefined> {
    const query = { app_id: checkedId('app', appId), name };
    return (await this.#list<Fn>('/v2/fns', query)).map(withConfig)[0];
  }

  async fnById(id: string): Promise<Fn | undefined> {
    const fn = isId(id) ? await this.#api.get<Fn>(`/v2/fns/${id}`) : undefined;
    return fn && withConfig(fn);
  }

  async createFn(spec: FnSpec): Promise<Fn> {
    const body = fnSpec(spec);
    const look = (): Promise<Fn | undefined> => this.fn(spec.app_id, spec.name);
    return withConfig(await this.#create('/v2/fns', body, `fn ${spec.name}`, look));
  }

  async updateFn(id: string, change: FnChange): Promise<Fn> {
    return withConfig(await this.#api.put<Fn>(`/v2/fns/${checkedId('fn', id)}`, fnChange(change)));
  }

  async deleteFn(id: string): Promise<void> {
    await this.#api.delete(`/v2/fns/${checkedId('fn', id)}`);
  }

  async triggers(appId: string, fnId?: string): Promise<Trigger[]> {
    const query = {
      app_id: checkedId('app', appId),
      fn_id: fnId === undefined ? undefined : checkedId('fn', fnId),
    };
    const found = new Map<string, Trigger>();
    for await (const page of this.#pages<Trigger>('/v2/triggers', query)) {
      for (const trigger of page) found.set(trigger.id, trigger);
      const last = page.at(-1);
      // The cursor holds only the name, so further triggers of that name, of other fns, are skipped after it.
      if (page.length < PAGE || last === undefined) continue;
      const same = await this.#api.page<Trigger>(path('/v2/triggers', { ...query, name: last.name }));
      for (const trigger of same.items ?? []) found.set(trigger.id, trigger);
    }
    return [...found.values()];
  }

  createTrigger(spec: TriggerSpec): Promise<Trigger> {
    const { app_id, fn_id, name } = spec;
    const look = async (): Promise<Trigger | undefined> =>
      (await this.#list<Trigger>('/v2/triggers', { app_id, fn_id, name }))[0];
    return this.#create('/v2/triggers', triggerSpec(spec), `trigger ${name}`, look);
  }

  updateTrigger(id: string, change: TriggerChange): Promise<Trigger> {
    return this.#api.put(`/v2/triggers/${checkedId('trigger', id)}`, triggerChange(change));
  }

  async deleteTrigger(id: string): Promise<void> {
    await this.#api.delete(`/v2/triggers/${checkedId('trigger', id)}`);
  }

  #create<T extends App | Fn | Trigger>(
    to: string,
    body: { name: string },
    what: string,
    look: () => Promise<T | undefined>,
  ): Promise<T> {
    return this.#api.create<T>(to, body, async () => {
      const there = await look();
      const other = there === undefined ? [] : differencesFrom(body, there);
      if (other.length === 0) return there;
      throw new FnmeshError(
        'conflict',
        `somebody else has made the ${what} on ${this.url} just now, with another ${other.join(', ')}`,
        { try: 'run the command again: it shows what is different' },
      );
    });
  }

  async #list<T>(base: string, query: Query): Promise<T[]> {
    const items: T[] = [];
    for await (const page of this.#pages<T>(base, query)) items.push(...page);
    return items;
  }

  /** All pages; the server gives a cursor after every full page, so that the last may be empty. */
  async *#pages<T>(base: string, query: Query): AsyncGenerator<T[]> {
    let cursor: string | undefined;
    do {
      const page = await this.#api.page<T>(path(base, { ...query, per_page: String(PAGE), cursor }));
      yield page.items ?? [];
      // A server that repeats a cursor would be asked for ever.
      cursor = page.next_cursor === cursor ? undefined : page.next_cursor;
    } while (cursor !== undefined && cursor !== '');
  }
}

function checkedUrl(given: string): string {
  const url = (/^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `http://${given}`).replace(/\/+$/, '');
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw new FnmeshError('usage', `${JSON.stringify(given)} is no URL of an Fn server`, {
      try: 'export FN_API_URL=http://HOST:8080',
    });
  }
  if (parsed.username === '' && parsed.password === '') return url;
  const way = { try: `export FN_API_URL=${parsed.protocol}//${parsed.host} FN_TOKEN=…` };
  throw new FnmeshError('usage', `the URL of the Fn server ${parsed.host} has a user name in it`, way);
}

function embeddedIn({ headers }: Answer): FnServerInfo['embedded'] {
  const header = headers['fnmesh-server'];
  if (header === undefined) return null;
  const [, version = '', protocol = ''] = /^([^;]*);\s*protocol=(\d+)/.exec(String(header)) ?? [];
  return { version, protocol: Number(protocol) };
}

/** A fn without config comes back with null. */
function withConfig(fn: Fn): Fn {
  return { ...fn, config: fn.config ?? {} };
}

function path(base: string, query: Query): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? base : `${base}?${new URLSearchParams(given).toString()}`;
}
