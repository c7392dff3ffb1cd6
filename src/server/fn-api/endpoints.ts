// What each path and method of the Fn API does.
import { readAppBody, readFnBody, readTriggerBody } from '../../fn/body.js';
import { ApiError } from '../../fn/api-error.js';
import { HTTP_ENDPOINT, INVOKE_ENDPOINT, type Fn, type Trigger } from '../../fn/model.js';
import type { FnObjects } from '../state/fn-objects.js';
import type { Page } from '../state/names.js';

/** The API that is spoken, by the release it was measured on. */
const API_VERSION = '0.3.753';

/** What an endpoint is given. */
type Call = {
  objects: FnObjects;
  /** The path's variable part, decoded; `''` when there is none. */
  id: string;
  query: URLSearchParams;
  /** Reads the body as text. @throws ApiError 413. */
  body: () => Promise<string>;
  /** `http://` and the request's Host, for the addresses that Fn puts into its answers. */
  base: string;
};

/** What is answered with 200 as JSON, or a status without a body. */
export type Answer = { json: unknown } | { status: 204 | 410 };

/** Answers a call. @throws ApiError. */
type Endpoint = (call: Call) => Answer | Promise<Answer>;

type Methods = Readonly<Record<string, Endpoint>>;

/** The methods of a decoded path with the path's variable part; undefined for an unknown path. */
export function methodsOf(path: string): { methods: Methods; id: string } | undefined {
  const fixed = FIXED.get(path);
  if (fixed) return { methods: fixed, id: '' };
  for (const [pattern, methods] of PATTERNS) {
    const match = pattern.exec(path);
    if (match) return { methods, id: match[1] ?? '' };
  }
  return undefined;
}

const FIXED = new Map<string, Methods>([
  ['/', { GET: () => ({ json: { goto: 'https://github.com/fnproject/fn', hello: 'world!' } }) }],
  ['/version', { GET: () => ({ json: { version: API_VERSION } }) }],
  [
    '/v2/apps',
    {
      GET: ({ objects, query }) => ({ json: objects.listApps(pageQuery(query)) }),
      POST: async ({ objects, body }) => ({ json: await objects.createApp(readAppBody(await body())) }),
    },
  ],
  [
    '/v2/fns',
    {
      GET: ({ objects, query, base }) => {
        const appId = query.get('app_id');
        if (!appId) throw new ApiError(400, 'Missing AppID on Fn');
        return { json: mapped(objects.listFns(appId, pageQuery(query)), (fn) => withInvoke(fn, base)) };
      },
      POST: async ({ objects, body, base }) => {
        return { json: withInvoke(await objects.createFn(readFnBody(await body())), base) };
      },
    },
  ],
  [
    '/v2/triggers',
    {
      GET: ({ objects, query, base }) => {
        const appId = query.get('app_id');
        if (!appId) throw new ApiError(400, 'Missing App ID on Trigger');
        const page = objects.listTriggers(appId, query.get('fn_id'), pageQuery(query));
        return { json: mapped(page, (trigger) => withHttp(trigger, objects, base)) };
      },
      POST: async ({ objects, body, base }) => {
        return { json: withHttp(await objects.createTrigger(readTriggerBody(await body())), objects, base) };
      },
    },
  ],
]);

const PATTERNS: readonly (readonly [RegExp, Methods])[] = [
  [
    /^\/v2\/apps\/([^/]+)$/,
    {
      GET: ({ objects, id }) => ({ json: found(objects.app(id), 'App') }),
      PUT: async ({ objects, id, body }) => ({
        json: await objects.updateApp(id, readAppBody(await body())),
      }),
      DELETE: async ({ objects, id }) => gone(await objects.deleteApp(id)),
    },
  ],
  [
    /^\/v2\/fns\/([^/]+)$/,
    {
      GET: ({ objects, id, base }) => ({ json: withInvoke(found(objects.fn(id), 'Fn'), base) }),
      PUT: async ({ objects, id, body }) => ({ json: await objects.updateFn(id, readFnBody(await body())) }),
      DELETE: async ({ objects, id }) => gone(await objects.deleteFn(id)),
    },
  ],
  // The API of calls and their logs ended with release 0.3.689.
  [/^\/v2\/fns\/([^/]+)\/calls(?:\/[^/]+(?:\/log)?)?$/, { GET: () => ({ status: 410 }) }],
  [
    /^\/v2\/triggers\/([^/]+)$/,
    {
      GET: ({ objects, id, base }) => ({
        json: withHttp(found(objects.trigger(id), 'Trigger'), objects, base),
      }),
      PUT: async ({ objects, id, body }) => {
        return { json: await objects.updateTrigger(id, readTriggerBody(await body())) };
      },
      DELETE: async ({ objects, id }) => gone(await objects.deleteTrigger(id)),
    },
  ],
  // What a load balancer node asks: `{app id}/triggerBySource/{type}/{source}`.
  [
    /^\/v2\/runner\/apps\/([^/]+\/triggerBySource\/[^/]+\/.+)$/s,
    {
      GET: ({ objects, id }) => {
        const [, appId = '', type, source = ''] = /^([^/]+)\/triggerBySource\/([^/]+)\/(.+)$/s.exec(id) ?? [];
        return {
          json: found(type === 'http' ? objects.triggerBySource(appId, source) : undefined, 'Trigger'),
        };
      },
    },
  ],
];

// Fn adds these addresses to what it reads and creates, never to what a PUT answers, and does not store them.

function withInvoke(fn: Fn, base: string): Fn {
  return { ...fn, annotations: { ...fn.annotations, [INVOKE_ENDPOINT]: `${base}/invoke/${fn.id}` } };
}

function withHttp(trigger: Trigger, objects: FnObjects, base: string): Trigger {
  const app = objects.app(trigger.app_id)?.name ?? '';
  return {
    ...trigger,
    annotations: { ...trigger.annotations, [HTTP_ENDPOINT]: `${base}/t/${app}${trigger.source}` },
  };
}

function mapped<T>(page: Page<T>, change: (item: T) => T): Page<T> {
  return { ...page, items: page.items.map(change) };
}

function pageQuery(query: URLSearchParams) {
  return { name: query.get('name'), cursor: query.get('cursor'), per_page: query.get('per_page') };
}

function found<T>(thing: T | undefined, kind: 'App' | 'Fn' | 'Trigger'): T {
  if (thing === undefined) throw new ApiError(404, `${kind} not found`);
  return thing;
}

function gone(_deleted: void): Answer {
  return { status: 204 };
}
