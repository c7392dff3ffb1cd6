// The real server's management API (fnproject/fn 0.3.753), quirks included.
import { readAppBody, readFnBody, readTriggerBody } from '../../../src/fn/body.js';
import { ApiError } from '../../../src/fn/api-error.js';
import type { App, Fn, Trigger } from '../../../src/fn/model.js';
import { HTTP_ENDPOINT, INVOKE_ENDPOINT } from '../../../src/fn/model.js';
import { NameOrder, page, type Named, type Page } from '../../../src/server/state/names.js';
import type { StrictObjects } from './objects.js';

/** An answer: its body is JSON unless `raw`, and absent for 204 and 410. */
export type Reply = { status: number; json?: unknown; raw?: string; type?: string | null; location?: string };

/** A request to the API. `path` is decoded; `base` is what endpoint annotations start with. */
export type Ask = { method: string; path: string; query: URLSearchParams; body: string; base: string };

type Run = (id: string) => Reply;
type Methods = Record<string, Run>;

/** Answers a request of the API. */
export function strictApi(objects: StrictObjects, ask: Ask): Reply {
  try {
    return answer(objects, ask);
  } catch (error) {
    return refusal(error);
  }
}

function answer(objects: StrictObjects, ask: Ask): Reply {
  const { method, path } = ask;
  const [methods, id] = methodsOf(objects, ask, path) ?? [];
  if (!methods) {
    if (path.endsWith('/') && methodsOf(objects, ask, path.slice(0, -1))?.[0][method]) {
      const location = path.slice(0, -1) + (ask.query.size > 0 ? `?${ask.query.toString()}` : '');
      if (method !== 'GET') return { status: 307, raw: '', type: null, location };
      const raw = `<a href="${location}">Moved Permanently</a>.\n\n`;
      return { status: 301, raw, type: 'text/html; charset=utf-8', location };
    }
    throw new ApiError(404, `Path not found: ${method} ${path}`);
  }
  const run = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (!run) throw new ApiError(405, `Method not allowed: ${method} ${path}`);
  return run(id ?? '');
}

function refusal(error: unknown): Reply {
  const { status, message } = error instanceof ApiError ? error : new ApiError(500, 'internal server error');
  // An error of the JSON reader is JSON, but not labelled so.
  const type = message === 'Invalid JSON' ? 'text/plain; charset=utf-8' : undefined;
  return { status, raw: `${JSON.stringify({ message })}\n`, ...(type && { type }) };
}

function methodsOf(objects: StrictObjects, ask: Ask, path: string): [Methods, string] | undefined {
  const known = routes(objects, ask);
  for (const [pattern, methods] of known) {
    const match = pattern.exec(path);
    if (match) return [methods, match[1] ?? ''];
  }
  return undefined;
}

function routes(objects: StrictObjects, { query, body, base }: Ask): [RegExp, Methods][] {
  const ok = (json: unknown): Reply => ({ status: 200, json });
  const gone = (_: void): Reply => ({ status: 204, type: 'text/plain; charset=utf-8' });
  const fnShown = (fn: Fn): object => withInvoke(asStored(fn), base);
  const triggerShown = (trigger: Trigger): object => withHttp(trigger, objects, base);
  return [
    [/^\/$/, { GET: () => ok({ goto: 'https://github.com/fnproject/fn', hello: 'world!' }) }],
    [/^\/version$/, { GET: () => ok({ version: '0.3.753' }) }],
    [
      /^\/v2\/apps$/,
      {
        GET: () => ok(listed(objects.apps.values(), query)),
        POST: () => ok(objects.createApp(readAppBody(body))),
      },
    ],
    [
      /^\/v2\/apps\/([^/]+)$/,
      {
        GET: (id) => ok(one(objects.apps.get(id), 'App')),
        PUT: (id) => ok(objects.updateApp(id, readAppBody(body))),
        DELETE: (id) => gone(objects.deleteApp(id)),
      },
    ],
    [
      /^\/v2\/fns$/,
      {
        GET: () => {
          const appId = query.get('app_id');
          if (!appId) throw new ApiError(400, 'Missing AppID on Fn');
          return ok(listed(of(objects.fns.values(), { app_id: appId }), query, fnShown));
        },
        // Only what was just made has an empty config.
        POST: () => ok(withInvoke(objects.createFn(readFnBody(body)), base)),
      },
    ],
    [
      /^\/v2\/fns\/([^/]+)$/,
      {
        GET: (id) => ok(fnShown(one(objects.fns.get(id), 'Fn'))),
        PUT: (id) => {
          const sent = readFnBody(body);
          const other = sent.id && sent.id !== id ? sent.id : undefined;
          const change = (): Reply => {
            const fn = objects.updateFn(other ?? id, sent);
            return ok(sent.config === undefined ? asStored(fn) : fn);
          };
          return other ? doubled('Fn ID in path does not match that in body', change) : change();
        },
        DELETE: (id) => gone(objects.deleteFn(id)),
      },
    ],
    [/^\/v2\/fns\/([^/]+)\/calls(?:\/[^/]+(?:\/log)?)?$/, { GET: () => ({ status: 410, type: null }) }],
    [
      /^\/v2\/triggers$/,
      {
        GET: () => {
          const appId = query.get('app_id');
          const missing = new ApiError(400, 'Missing App ID on Trigger');
          if (!appId) return doubled(missing.message, () => refusal(missing));
          const fnId = query.get('fn_id');
          const wanted = { app_id: appId, ...(fnId && { fn_id: fnId }) };
          return ok(listed(of(objects.triggers.values(), wanted), query, triggerShown));
        },
        POST: () => ok(triggerShown(objects.createTrigger(readTriggerBody(body)))),
      },
    ],
    [
      /^\/v2\/triggers\/([^/]+)$/,
      {
        GET: (id) => ok(triggerShown(one(objects.triggers.get(id), 'Trigger'))),
        PUT: (id) => {
          const sent = readTriggerBody(body);
          const other = sent.id && sent.id !== id ? sent.id : undefined;
          const change = (): Reply => ok(inOrder(objects.updateTrigger(other ?? id, sent)));
          return other ? doubled('ID in path does not match ID in body', change) : change();
        },
        DELETE: (id) => gone(objects.deleteTrigger(id)),
      },
    ],
    [
      /^\/v2\/runner\/apps\/([^/]+\/triggerBySource\/[^/]+\/.+)$/s,
      {
        GET: (id) => {
          const [, appId = '', type, source = ''] =
            /^([^/]+)\/triggerBySource\/([^/]+)\/(.+)$/s.exec(id) ?? [];
          const trigger = type === 'http' ? objects.triggerBySource(appId, source) : undefined;
          return ok(one(trigger, 'Trigger'));
        },
      },
    ],
  ];
}

/** The real server goes on after this error, so that two answers are in one body. */
function doubled(message: string, goOn: () => Reply): Reply {
  let second: Reply;
  try {
    second = goOn();
  } catch (error) {
    second = refusal(error);
  }
  return { status: 400, raw: `${JSON.stringify({ message })}\n${second.raw ?? JSON.stringify(second.json)}` };
}

function listed<T extends Named>(
  all: Iterable<T>,
  query: URLSearchParams,
  shown: (item: T) => object = (item) => item,
): Page<Named> {
  const order = new NameOrder<T>();
  for (const each of all) order.put(each);
  const asked = { name: query.get('name'), cursor: query.get('cursor'), per_page: query.get('per_page') };
  try {
    const found = page(order.sorted(), asked);
    return { ...found, items: found.items.map((item) => shown(item) as Named) };
  } catch {
    throw new ApiError(500, 'internal server error'); // A cursor that cannot be decoded.
  }
}

function of<T extends object>(all: Iterable<T>, wanted: Partial<Record<string, string>>): T[] {
  return [...all].filter((each) =>
    Object.entries(wanted).every(([key, value]) => (each as Record<string, unknown>)[key] === value),
  );
}

function one<T>(thing: T | undefined, kind: 'App' | 'Fn' | 'Trigger'): T {
  if (thing === undefined) throw new ApiError(404, `${kind} not found`);
  return thing;
}

/** An empty config is read back as null. */
function asStored(fn: Fn): Omit<Fn, 'config'> & { config: Fn['config'] | null } {
  return { ...fn, config: Object.keys(fn.config).length === 0 ? null : fn.config };
}

function withInvoke(fn: { id: string; annotations?: Fn['annotations'] }, base: string): object {
  return { ...fn, annotations: { ...fn.annotations, [INVOKE_ENDPOINT]: `${base}/invoke/${fn.id}` } };
}

function withHttp(trigger: Trigger, { apps }: { apps: ReadonlyMap<string, App> }, base: string): object {
  const app = apps.get(trigger.app_id)?.name ?? '';
  const endpoint = `${base}/t/${app}${trigger.source}`;
  return { ...inOrder(trigger), annotations: { ...trigger.annotations, [HTTP_ENDPOINT]: endpoint } };
}

/** The real server's order of keys, which shows where one answer follows another as text. */
function inOrder({ type, source, annotations, ...rest }: Trigger): object {
  return { ...rest, type, source, ...(annotations && { annotations }) };
}
