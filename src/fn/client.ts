// Fn API v2 over HTTP (fnproject/fn 0.3.753, docs/swagger_v2.yml), as the FnServer port.
import { FnmeshError } from '../errors.js';
import type { AppChange, FnServer, FnServerInfo, FnSpec, TriggerChange, TriggerSpec } from './fn-server.js';
import type { Answer, Connection } from './http.js';
import { HttpClient } from './http.js';
import type { Annotations, App, Fn, FnChange, Trigger } from './model.js';

/** The most that the server gives in one page. */
const PAGE = 100;
const TIMEOUT_MS = 30_000;

type Page<T> = { items?: T[] | null; next_cursor?: string };
type Query = Record<string, string | undefined>;

/** An Fn server at a URL. */
export class FnClient implements FnServer {
  readonly url: string;
  readonly #http: HttpClient;

  /** @param url Base URL; without a scheme it is http. */
  constructor(url: string, options: Partial<Omit<Connection, 'url'>> = {}) {
    this.url = (/^https?:\/\//.test(url) ? url : `http://${url}`).replace(/\/+$/, '');
    this.#http = new HttpClient({ timeoutMs: TIMEOUT_MS, ...options, url: this.url });
  }

  async info(): Promise<FnServerInfo> {
    const answer = await this.#http.send('GET', '/version');
    const header = answer.headers['fnmesh-server'];
    const [, version = '', protocol = ''] = /^([^;]*);\s*protocol=(\d+)/.exec(String(header)) ?? [];
    const body = answer.body as { version?: unknown } | null;
    return {
      version: typeof body?.version === 'string' ? body.version : null,
      embedded: header === undefined ? null : { version, protocol: Number(protocol) },
    };
  }

  apps(): Promise<App[]> {
    return this.#list<App>('/v2/apps', {});
  }

  async app(name: string): Promise<App | undefined> {
    return (await this.#list<App>('/v2/apps', { name }))[0];
  }

  createApp(spec: { name: string } & AppChange): Promise<App> {
    return this.#call('POST', '/v2/apps', spec);
  }

  updateApp(id: string, change: AppChange): Promise<App> {
    return this.#call('PUT', `/v2/apps/${id}`, sendable(change));
  }

  async deleteApp(id: string): Promise<void> {
    await this.#call('DELETE', `/v2/apps/${id}`);
  }

  async fns(appId: string): Promise<Fn[]> {
    return (await this.#list<Fn>('/v2/fns', { app_id: appId })).map(withConfig);
  }

  async fn(appId: string, name: string): Promise<Fn | undefined> {
    return (await this.#list<Fn>('/v2/fns', { app_id: appId, name })).map(withConfig)[0];
  }

  async createFn(spec: FnSpec): Promise<Fn> {
    return withConfig(await this.#call<Fn>('POST', '/v2/fns', spec));
  }

  async updateFn(id: string, change: FnChange): Promise<Fn> {
    return withConfig(await this.#call<Fn>('PUT', `/v2/fns/${id}`, sendable(change)));
  }

  async deleteFn(id: string): Promise<void> {
    await this.#call('DELETE', `/v2/fns/${id}`);
  }

  async triggers(appId: string, fnId?: string): Promise<Trigger[]> {
    const query = { app_id: appId, fn_id: fnId };
    const found = new Map<string, Trigger>();
    for await (const page of this.#pages<Trigger>('/v2/triggers', query)) {
      for (const trigger of page) found.set(trigger.id, trigger);
      const last = page.at(-1);
      // The cursor holds only the name, so further triggers of that name, of other fns, are skipped after it.
      if (page.length < PAGE || last === undefined) continue;
      const same = await this.#call<Page<Trigger>>(
        'GET',
        path('/v2/triggers', { ...query, name: last.name }),
      );
      for (const trigger of same.items ?? []) found.set(trigger.id, trigger);
    }
    return [...found.values()];
  }

  createTrigger(spec: TriggerSpec): Promise<Trigger> {
    return this.#call('POST', '/v2/triggers', { type: 'http', ...spec });
  }

  updateTrigger(id: string, change: TriggerChange): Promise<Trigger> {
    return this.#call('PUT', `/v2/triggers/${id}`, sendable(change));
  }

  async deleteTrigger(id: string): Promise<void> {
    await this.#call('DELETE', `/v2/triggers/${id}`);
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
      const page = await this.#call<Page<T>>('GET', path(base, { ...query, per_page: String(PAGE), cursor }));
      yield page.items ?? [];
      // A server that repeats a cursor would be asked for ever.
      cursor = page.next_cursor === cursor ? undefined : page.next_cursor;
    } while (cursor !== undefined && cursor !== '');
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.#http.send(method, path, body);
    if (answer.status === 204) return undefined as T;
    if (answer.status >= 400 || typeof answer.body !== 'object' || answer.body === null) {
      throw refusal(this.url, method, path, answer);
    }
    return answer.body as T;
  }
}

/** Endpoint annotations are the server's own, but it stores them when they are sent back: they never are. */
function sendable<T extends { annotations?: Annotations }>(change: T): T {
  if (change.annotations === undefined) return change;
  const own = Object.entries(change.annotations).filter(([key]) => !key.startsWith('fnproject.io/'));
  return { ...change, annotations: Object.fromEntries(own) };
}

/** A fn without config comes back with null. */
function withConfig(fn: Fn): Fn {
  return { ...fn, config: fn.config ?? {} };
}

function path(base: string, query: Query): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? base : `${base}?${new URLSearchParams(given).toString()}`;
}

const CODES: Record<number, 'config' | 'not_found' | 'conflict'> = {
  400: 'config',
  404: 'not_found',
  409: 'conflict',
};

function refusal(url: string, method: string, path: string, answer: Answer): FnmeshError {
  const body = answer.body as { message?: unknown } | string | null;
  const message = typeof body === 'string' ? firstLine(body) : body?.message;
  const said = typeof message === 'string' && message !== '' ? message : `status ${answer.status}`;
  const unknownPath =
    answer.status === 404 && (typeof body === 'string' || said.startsWith('Path not found'));
  if (unknownPath || answer.status < 400) {
    const what = `${url} does not speak Fn API v2 (Fn 0.3.563, 2018, or later): ${method} ${path}: ${said}`;
    return new FnmeshError('unreachable', what, { try: `curl ${url}/version` });
  }
  if (answer.status === 401 || answer.status === 403) {
    return new FnmeshError('failed', `${url} refuses: ${said}`, { try: 'export FN_TOKEN=…' });
  }
  return new FnmeshError(CODES[answer.status] ?? 'failed', `${said} (${method} ${path.replace(/\?.*/, '')})`);
}

/** Some errors come twice in one body, some as plain text. */
function firstLine(text: string): string {
  const line = text.split('\n')[0]?.slice(0, 200) ?? '';
  try {
    return String((JSON.parse(line) as { message?: unknown }).message);
  } catch {
    return line;
  }
}
