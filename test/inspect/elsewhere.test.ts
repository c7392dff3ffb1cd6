// What is said of functions that are on another Fn server.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ControlClient } from '../../src/control/client.js';
import { FnmeshError } from '../../src/errors.js';
import { FnClient } from '../../src/fn/client.js';
import { NOTE_FUNCTION, NOTE_VERSION } from '../../src/fn/model.js';
import { readLogs } from '../../src/inspect/logs.js';
import { orUnrouted } from '../../src/inspect/unrouted.js';
import { apiServer, type ApiServer } from '../helpers/api-server.js';

let api: ApiServer;
let fn: FnClient;
beforeEach(async () => {
  api = await apiServer();
  fn = new FnClient(api.base);
});
afterEach(() => api.close());

async function logs(): Promise<unknown> {
  const control = {} as ControlClient;
  const options = { app: 'shop', of: undefined, tail: 10, follow: false, call: undefined };
  return readLogs({ control, fn, embedded: false }, options, new AbortController().signal)
    .next()
    .catch((error: unknown) => error);
}

test('its logs are where its app has them written', async () => {
  await fn.createApp({ name: 'shop', syslog_url: 'tcp://ann:secret@logs.example.com:514' });
  expect(await logs()).toMatchObject({
    code: 'usage',
    message: `the Fn server ${api.base} gives no logs: functions of shop write to tcp://logs.example.com:514`,
    try: 'the logs of the syslog server at tcp://logs.example.com:514',
  });
});

test('its logs are nowhere when the app does not say', async () => {
  await fn.createApp({ name: 'shop' });
  expect(await logs()).toMatchObject({
    code: 'usage',
    message: `the Fn server ${api.base} gives no logs, and shop has no syslog_url to which its functions write`,
    try: 'syslog_url: tcp://HOST:PORT in app.yaml, then fnmesh deploy --all',
  });
});

test('an app that is not there is said first', async () => {
  expect(await logs()).toMatchObject({ code: 'not_found' });
});

test.each([
  [true, 'this gateway was not told of it', 'fnmesh wire'],
  [false, 'it has no http trigger', 'fnmesh status'],
])('why no route leads to it, where it has a trigger: %s', async (hasTrigger, why, way) => {
  const annotations = { [NOTE_FUNCTION]: 'cart', [NOTE_VERSION]: 'v1' };
  const app = await fn.createApp({ name: 'shop' });
  const { id } = await fn.createFn({ app_id: app.id, name: 'cart-v1', image: 'i', annotations });
  if (hasTrigger) {
    await fn.createTrigger({ app_id: app.id, fn_id: id, name: 'cart-v1', source: '/cart', annotations });
  }
  const find = () => {
    throw new FnmeshError('not_found', 'none');
  };
  // Of a version that nobody deployed nothing is said but that.
  await expect(orUnrouted(fn, 'shop', 'cart/v9=50', find)).rejects.toMatchObject({ message: 'none' });
  await expect(orUnrouted(fn, 'shop', 'cart/v1', find)).rejects.toMatchObject({
    code: 'not_found',
    message: `cart/v1 is deployed, but no route leads to it: ${why}`,
    try: way,
  });
});
