// The calls that the plain Fn CLI makes (fnproject/cli 0.6.63, objects/ and client/): names are resolved by `?name=`
// lists, creates carry the zero time in both stamps, and an update PUTs the whole object as it was read.

type Stored = {
  id: string;
  name: string;
  annotations?: Record<string, string>;
  config?: Record<string, string>;
} & Record<string, unknown>;
type Page = { items: Stored[]; next_cursor?: string };

const ZERO = { created_at: '0001-01-01T00:00:00.000Z', updated_at: '0001-01-01T00:00:00.000Z' };

export class FnCli {
  constructor(private readonly api: string) {}

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await fetch(this.api + path, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${reply.status} ${(JSON.parse(text) as { message: string }).message}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  async #named(path: string, name: string): Promise<Stored> {
    const { items } = await this.#call<Page>('GET', `${path}${path.includes('?') ? '&' : '?'}name=${name}`);
    if (!items[0]) throw new Error(`${name} not found`);
    return items[0];
  }

  /** `fn list apps` */
  async listApps(): Promise<string[]> {
    return (await this.#call<Page>('GET', '/v2/apps')).items.map(({ name }) => name);
  }

  /** `fn inspect app A` */
  app(name: string): Promise<Stored> {
    return this.#named('/v2/apps', name);
  }

  /** `fn create app A` */
  createApp(name: string): Promise<Stored> {
    return this.#call('POST', '/v2/apps', { ...ZERO, name });
  }

  /** `fn inspect function A F` */
  async fn(app: string, name: string): Promise<Stored> {
    return this.#named(`/v2/fns?app_id=${(await this.app(app)).id}`, name);
  }

  /** `fn list functions A` */
  async listFns(app: string): Promise<string[]> {
    return (await this.#call<Page>('GET', `/v2/fns?app_id=${(await this.app(app)).id}`)).items.map(
      ({ name }) => name,
    );
  }

  /** `fn create function A F IMAGE` */
  async createFn(app: string, name: string, image: string): Promise<Stored> {
    return this.#call('POST', '/v2/fns', {
      ...ZERO,
      app_id: (await this.app(app)).id,
      name,
      image,
      memory: 128,
      timeout: 30,
      idle_timeout: 30,
    });
  }

  /** `fn config function A F KEY VALUE` */
  async configFn(app: string, name: string, key: string, value: string): Promise<Stored> {
    const fn = await this.fn(app, name);
    return this.#call('PUT', `/v2/fns/${fn.id}`, { ...fn, config: { ...fn.config, [key]: value } });
  }

  /** `fn create trigger A F T --type http --source S` */
  async createTrigger(app: string, fn: string, name: string, source: string): Promise<Stored> {
    const { id: appId } = await this.app(app);
    const { id: fnId } = await this.fn(app, fn);
    return this.#call('POST', '/v2/triggers', {
      ...ZERO,
      app_id: appId,
      fn_id: fnId,
      name,
      type: 'http',
      source,
    });
  }

  /** `fn list triggers A`: the name of each one's fn takes a call of its own. */
  async listTriggers(app: string): Promise<{ fn: string; name: string; endpoint: string }[]> {
    const { items } = await this.#call<Page>('GET', `/v2/triggers?app_id=${(await this.app(app)).id}`);
    return Promise.all(
      items.map(async ({ name, fn_id, annotations }) => ({
        fn: (await this.#call<Stored>('GET', `/v2/fns/${String(fn_id)}`)).name,
        name,
        endpoint: annotations!['fnproject.io/trigger/httpEndpoint']!,
      })),
    );
  }

  /** `fn update trigger A F T --source S` */
  async updateTrigger(app: string, fn: string, name: string, source: string): Promise<Stored> {
    const { id: appId } = await this.app(app);
    const { id: fnId } = await this.fn(app, fn);
    const trigger = await this.#named(`/v2/triggers?app_id=${appId}&fn_id=${fnId}`, name);
    return this.#call('PUT', `/v2/triggers/${trigger.id}`, { ...trigger, source });
  }

  /** `fn invoke A F` */
  async invoke(
    app: string,
    name: string,
    body: string,
  ): Promise<{ status: number; callId: string | null; text: string }> {
    const fn = await this.fn(app, name);
    const endpoint = fn.annotations!['fnproject.io/fn/invokeEndpoint']!;
    const reply = await fetch(endpoint, { method: 'POST', body, headers: { 'Content-Type': 'text/plain' } });
    return { status: reply.status, callId: reply.headers.get('fn-call-id'), text: await reply.text() };
  }

  /** `fn delete function A F` */
  async deleteFn(app: string, name: string): Promise<void> {
    return this.#call('DELETE', `/v2/fns/${(await this.fn(app, name)).id}`);
  }

  /** `fn delete app A` */
  async deleteApp(name: string): Promise<void> {
    return this.#call('DELETE', `/v2/apps/${(await this.app(name)).id}`);
  }
}
