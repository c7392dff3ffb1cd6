// The calls that Fn's own CLI makes (fnproject/cli 0.6.63): it is not to be had as a package, so they are made by hand.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { apiServer, type ApiServer } from '../helpers/api-server.js';

const ZERO = '0001-01-01T00:00:00.000Z';

type Thing = {
  id: string;
  name: string;
  annotations?: Record<string, string>;
  config?: Record<string, string>;
};

let server: ApiServer;

beforeEach(async () => {
  server = await apiServer();
});
afterEach(() => server.close());

async function call<T = Thing>(method: string, path: string, body?: object): Promise<T> {
  const init = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const answer = await fetch(server.base + path, { method, ...init });
  const text = await answer.text();
  expect([method, path, answer.status, text]).toEqual([method, path, method === 'DELETE' ? 204 : 200, text]);
  return (text ? JSON.parse(text) : {}) as T;
}

/** It knows names, and asks a list for the id. */
async function byName(path: string, name: string): Promise<Thing> {
  const { items } = await call<{ items: Thing[] }>('GET', `${path}name=${name}`);
  expect(items.map((item) => item.name)).toEqual([name]);
  return items[0]!;
}

test('create, configure, list, inspect, update, delete', async () => {
  await call('POST', '/v2/apps', { name: 'shop', created_at: ZERO, updated_at: ZERO });
  const app = await byName('/v2/apps?', 'shop');
  await call('PUT', `/v2/apps/${app.id}`, { ...app, config: { LEVEL: 'debug' } });

  const parent = `app_id=${app.id}&`;
  const fnBody = { app_id: app.id, name: 'cart', image: 'me/cart:0.0.1', created_at: ZERO, updated_at: ZERO };
  await call('POST', '/v2/fns', fnBody);
  let fn = await byName(`/v2/fns?${parent}`, 'cart');
  const endpoint = { 'fnproject.io/fn/invokeEndpoint': `${server.base}/invoke/${fn.id}` };
  expect(fn.annotations).toEqual(endpoint);

  // An update is a PUT of all that was read, endpoint and stamps included.
  await call('PUT', `/v2/fns/${fn.id}`, { ...fn, image: 'me/cart:0.0.2', config: { KEY: 'value' } });
  await call('PUT', `/v2/fns/${fn.id}`, { ...(await byName(`/v2/fns?${parent}`, 'cart')), memory: 256 });
  fn = await byName(`/v2/fns?${parent}`, 'cart');
  expect(fn).toMatchObject({ image: 'me/cart:0.0.2', memory: 256, config: { KEY: 'value' } });
  expect(fn.annotations).toEqual(endpoint);
  expect(server.state.fn(fn.id)?.annotations).toBeUndefined();

  const triggerBody = { app_id: app.id, fn_id: fn.id, name: 'web', type: 'http', source: '/cart' };
  await call('POST', '/v2/triggers', { ...triggerBody, created_at: ZERO, updated_at: ZERO });
  const trigger = await byName(`/v2/triggers?${parent}fn_id=${fn.id}&`, 'web');
  await call('PUT', `/v2/triggers/${trigger.id}`, { ...trigger, source: '/cart2' });
  const { items } = await call<{ items: (Thing & { fn_id: string })[] }>('GET', `/v2/triggers?${parent}`);
  expect(await Promise.all(items.map(({ fn_id }) => call('GET', `/v2/fns/${fn_id}`)))).toEqual([fn]);
  expect(items[0]!.annotations).toEqual({
    'fnproject.io/trigger/httpEndpoint': `${server.base}/t/shop/cart2`,
  });

  await call('PUT', `/v2/fns/${fn.id}`, { ...fn, config: { KEY: '' } });
  expect((await call('GET', `/v2/fns/${fn.id}`)).config).toEqual({});
  await call('DELETE', `/v2/triggers/${trigger.id}`);
  await call('DELETE', `/v2/fns/${fn.id}`);
  await call('DELETE', `/v2/apps/${app.id}`);
  expect(await call('GET', '/v2/apps')).toEqual({ items: [] });
});
