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
import { releaseAnnotation } from '../../src/fn/releases.js';
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
  embedded: true,
  gatewayUrl: 'http://127.0.0.1:8082',
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

test('a version tells which release of it is deployed, where that is noted', () => {
  const note = { number: 3, deploy: 'c0ffee00', at: '2026-01-01T00:00:00.000Z', by: 'ann@box' };
  const of = (annotations: Record<string, never>) =>
    appStatus({ ...inputs, fns: [observed(fn, [trigger('a', annotations)])] }).functions[0]!.versions[0]!;
  expect(of({ ...NOTES, ...releaseAnnotation(note) } as never).release).toBe(3);
  expect(of(NOTES as never).release).toBeNull();
  const gone = appStatus(inputs).functions[0]!.versions[0]!;
  expect([gone.state, gone.release]).toEqual(['missing', null]);
});

test('a function may have a name that every object inherits', () => {
  const routes = [{ route: routeOf('constructor', { v1: 10_000 }), revision: 1 }];
  const status = appStatus({ ...inputs, table: { app: 'shop', routes } });
  expect(status.functions.map((each) => [each.function, each.versions[0]?.requests])).toEqual([
    ['constructor', null],
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
    const gatewayUrl = () => Promise.resolve('http://127.0.0.1:8082');
    const target = { control, fn: server, router, gatewayUrl, embedded: true };
    const apps = await readStatus(target, undefined);
    expect(apps.map(({ app }) => app)).toEqual(['empty', 'shop']);
    expect(apps[1]?.functions[0]?.versions).toMatchObject([
      { version: 'v1', weight: 10_000, state: 'missing' },
    ]);
  } finally {
    await api.close();
  }
});

const ENDPOINT = 'http://fn.example.com:8080/t/shop/cart/v1';

/** The one version of a route to the embedded server, or to another by its trigger's URL. */
function versionOf(embedded: boolean, endpoint: string | undefined, triggers: Trigger[] | null) {
  const destination = { fn: 'cart-v1', source: '/cart/v1', ...(endpoint !== undefined && { endpoint }) };
  const route = routeOf('cart', { v1: 10_000 }, { destinations: { v1: destination } });
  const table = { app: 'shop', routes: [{ route, revision: 1 }] };
  const fns = triggers === null ? [] : [observed(fn, triggers)];
  const state = { fnId: '1', fn: 'cart-v1', image: 'i', processes: { starting: 0, idle: 1, busy: 0 } };
  return appStatus({ ...inputs, table, fns, embedded, states: embedded ? [state] : [] }).functions[0]!
    .versions[0]!;
}

test.each([
  ['there', [trigger('a', NOTES)], 'deployed', undefined],
  ['without its trigger', [], 'missing', /trigger is gone/],
  ['gone', null, 'missing', /fn is gone/],
])('another Fn server does not tell what runs: a fn that is %s', (_, triggers, state, why) => {
  const version = versionOf(false, ENDPOINT, triggers);
  expect([version.state, version.processes, version.address]).toEqual([state, null, ENDPOINT]);
  if (why) expect(version.why).toMatch(why);
  else expect(version.why).toBeUndefined();
});

test.each([
  [true, ENDPOINT, null, 'its route leads to the Fn server at fn.example.com:8080, which was not asked'],
  [false, undefined, null, 'its route leads to the embedded server, which was not asked'],
  [
    true,
    ENDPOINT,
    [trigger('a', NOTES)],
    'its route leads to the Fn server at fn.example.com:8080, which was not asked; `fnmesh wire` makes it lead to this one',
  ],
])(
  'a route that leads elsewhere than where was asked (embedded: %s, %s)',
  (embedded, endpoint, triggers, why) => {
    expect(versionOf(embedded, endpoint, triggers)).toMatchObject({
      state: 'deployed',
      why,
      processes: null,
    });
  },
);

test('what fnmesh deployed to another Fn server without a trigger is not routed', () => {
  const bare = { ...fn, annotations: NOTES };
  const table = { app: 'shop', routes: [] };
  const status = appStatus({ ...inputs, fns: [observed(bare, [])], table, embedded: false });
  expect(status.functions[0]!.versions).toMatchObject([
    { state: 'deployed', why: 'it has no http trigger, so nothing is routed to it', processes: null },
  ]);
});

test('of another Fn server the embedded one is not asked what runs', async () => {
  const api = await apiServer();
  try {
    const router = memoryRouter();
    await router.write([put('cart', { v1: 10_000 }, null)], REASON);
    const control = { call: () => Promise.reject(new Error('asked')) } as unknown as ControlClient;
    const gatewayUrl = () => Promise.resolve('http://127.0.0.1:8082');
    const target = { control, fn: new FnClient(api.base), router, gatewayUrl, embedded: false };
    expect((await readStatus(target, 'shop'))[0]?.functions[0]?.address).toBe(
      'http://shop.localhost:8082/cart',
    );
  } finally {
    await api.close();
  }
});
