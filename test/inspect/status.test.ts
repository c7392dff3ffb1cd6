import { expect, test } from 'vitest';
import type { ControlClient } from '../../src/control/client.js';
import { FnClient } from '../../src/fn/client.js';
import {
  HTTP_ENDPOINT,
  NOTE_BUILD,
  NOTE_FUNCTION,
  NOTE_VERSION,
  type Fn,
  type Trigger,
} from '../../src/fn/model.js';
import { observed } from '../../src/fn/observe.js';
import { readStatus } from '../../src/inspect/read-status.js';
import { appStatus, type StatusInputs } from '../../src/inspect/status.js';
import { apiServer } from '../helpers/api-server.js';
import { memoryRouter, put } from '../helpers/memory-router.js';
import { REASON, routeOf } from '../helpers/routes.js';

const STAMPS = { created_at: '', updated_at: '' };
const NOTES = { [NOTE_FUNCTION]: 'cart', [NOTE_VERSION]: 'v1' };
const fn = { id: '1', name: 'cart-v1', app_id: 'a', config: {}, ...STAMPS } as Fn;
const trigger = (name: string, more: Record<string, string>): Trigger => ({
  id: name,
  name,
  app_id: 'a',
  fn_id: '1',
  type: 'http',
  source: `/${name}`,
  annotations: { [HTTP_ENDPOINT]: `http://here/${name}`, ...more },
  ...STAMPS,
});
const inputs: StatusInputs = {
  app: 'shop',
  fns: [],
  table: { app: 'shop', routes: [{ route: routeOf('cart', { v1: 10_000 }), revision: 1 }] },
  history: [],
  traffic: {},
  states: [],
  gatewayPort: 8082,
};

test.each([
  [
    'the one that the route leads to',
    [trigger('a', NOTES), trigger('b', { ...NOTES, [NOTE_BUILD]: 'x' })],
    'b',
  ],
  ['not one of somebody else', [trigger('a', {}), trigger('b', NOTES)], 'b'],
  ['but that when there is no other', [trigger('a', {})], 'a'],
])('a version has the address of its first trigger: %s', (_, triggers, name) => {
  const [version] = appStatus({ ...inputs, fns: [observed(fn, triggers)] }).functions[0]!.versions;
  expect([version?.state, version?.address]).toEqual(['idle', `http://here/${name}`]);
  const others = triggers.map((each) => each.name).filter((each) => each !== name);
  expect(version?.further).toEqual(others.map((each) => `http://here/${each}`));
});

test('what fnmesh deployed without a trigger is no stranger, and not routed', () => {
  const bare = { ...fn, annotations: NOTES };
  const status = appStatus({ ...inputs, fns: [observed(bare, [])], table: { app: 'shop', routes: [] } });
  expect(status.foreign).toEqual([]);
  expect(status.functions[0]!.versions).toMatchObject([
    { version: 'v1', weight: null, state: 'idle', why: 'it has no http trigger, so nothing is routed to it' },
  ]);
});

test('a function may have a name that every object inherits', () => {
  const routes = [{ route: routeOf('constructor', { v1: 10_000 }), revision: 1 }];
  const status = appStatus({ ...inputs, table: { app: 'shop', routes } });
  expect(status.functions.map((each) => [each.function, each.versions[0]?.requests])).toEqual([
    ['constructor', 0],
  ]);
});

test('all apps are those of the Fn server and those that have routes; what is gone is missing', async () => {
  const api = await apiServer();
  try {
    const server = new FnClient(api.base);
    await server.createApp({ name: 'empty' });
    const router = memoryRouter();
    await router.write([put('cart', { v1: 10_000 }, null)], REASON);
    const control = { call: () => Promise.resolve([]) } as unknown as ControlClient;
    const target = { control, fn: server, router, server: { gatewayUrl: 'http://127.0.0.1:8082' } };
    const apps = await readStatus(target, undefined);
    expect(apps.map(({ app }) => app)).toEqual(['empty', 'shop']);
    expect(apps[1]?.functions[0]?.versions).toMatchObject([
      { version: 'v1', weight: 10_000, state: 'missing' },
    ]);
  } finally {
    await api.close();
  }
});
