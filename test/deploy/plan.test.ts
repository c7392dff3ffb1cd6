import { describe, expect, test } from 'vitest';
import type { DesiredVersion } from '../../src/deploy/desired.js';
import { desiredVersion, storedImage } from '../../src/deploy/desired.js';
import { fnName } from '../../src/project/fn-name.js';
import { putAnnotations, readPut, versionAnnotations } from '../../src/fn/notes.js';
import { observed } from '../../src/fn/observe.js';
import { planApp, planVersion } from '../../src/deploy/plan.js';
import type { Annotations, App, Fn, Trigger } from '../../src/fn/model.js';
import { appFolder } from './stage.js';

const STAMPS = { created_at: '', updated_at: '' };
const HASH = 'a'.repeat(64);

const wanted = (change: Partial<DesiredVersion> = {}): DesiredVersion => ({
  function: 'cart',
  version: 'v1',
  fn: 'cart-v1',
  hash: HASH,
  image: 'x:1',
  limits: {},
  config: {},
  annotations: {},
  triggers: [{ name: 't', source: '/t' }],
  ...change,
});
const fn = (change: Partial<Fn> = {}): Fn => ({
  id: '1',
  name: 'cart-v1',
  app_id: 'a',
  image: 'x:1',
  memory: 128,
  timeout: 30,
  idle_timeout: 30,
  config: {},
  ...STAMPS,
  ...change,
});
const trigger = (annotations: Annotations = {}): Trigger => ({
  id: '9',
  name: 't',
  app_id: 'a',
  fn_id: '1',
  type: 'http',
  source: '/t',
  annotations,
  ...STAMPS,
});
const noted = (put: { config?: string[]; annotations?: string[]; limits?: string[] } = {}): Annotations =>
  versionAnnotations({
    function: 'cart',
    version: 'v1',
    hash: HASH,
    put: { config: [], annotations: [], limits: [], ...put },
  });

describe('a version', () => {
  test.each<[string, Partial<DesiredVersion>, Partial<Fn>, Annotations, string, object]>([
    ['is unchanged', {}, {}, noted(), 'unchanged', {}],
    ['gets its image', { image: 'x:2' }, {}, noted(), 'update', { image: 'x:2' }],
    [
      'gets its limits',
      { limits: { memory: 256, timeout: 5 } },
      {},
      noted(),
      'update',
      { memory: 256, timeout: 5 },
    ],
    ['keeps limits of others', {}, { memory: 512 }, noted(), 'unchanged', {}],
    [
      'gives back limits of fnmesh',
      {},
      { memory: 512 },
      noted({ limits: ['memory'] }),
      'update',
      { memory: 128 },
    ],
    [
      'gets its config',
      { config: { A: '2', B: '1' } },
      { config: { A: '1' } },
      noted({ config: ['A', 'B'] }),
      'update',
      { config: { A: '2', B: '1' } },
    ],
    ['keeps config of others', {}, { config: { A: '1' } }, noted(), 'unchanged', {}],
    [
      'loses config of fnmesh',
      {},
      { config: { A: '1' } },
      noted({ config: ['A'] }),
      'update',
      { config: { A: '' } },
    ],
    ['does not miss what is gone', {}, {}, noted({ config: ['A'] }), 'update', {}],
    [
      'gets its annotations',
      { annotations: { a: { b: [1] } } },
      { annotations: { a: { b: [2] } } },
      noted({ annotations: ['a'] }),
      'update',
      { annotations: { a: { b: [1] } } },
    ],
    [
      'has equal annotations, however ordered',
      { annotations: { a: { b: 1, c: 2 } } },
      { annotations: { a: { c: 2, b: 1 } } },
      noted({ annotations: ['a'] }),
      'unchanged',
      {},
    ],
    [
      'leaves the server’s annotations',
      {},
      { annotations: { 'fnproject.io/fn/invokeEndpoint': 'x' } },
      noted({ annotations: ['fnproject.io/fn/invokeEndpoint'] }),
      'update',
      {},
    ],
    ['is taken over with its notes', {}, {}, {}, 'update', {}],
  ])('%s', (_, desired, there, notes, action, body) => {
    const plan = planVersion(wanted(desired), observed(fn(there), [trigger(notes)]), null);
    expect([plan.action, plan.body]).toEqual([action, body]);
  });

  test('with a config key that every object inherits is compared by its own', () => {
    const there = observed(fn(), [trigger(noted({ config: ['constructor'] }))]);
    expect(planVersion(wanted({ config: { toString: 'x' } }), there, null).changes).toEqual([
      { field: 'config.toString', from: null, to: 'x' },
    ]);
  });

  test('that is not there yet is created with all it asks for', () => {
    const plan = planVersion(wanted({ limits: { memory: 256 }, config: { A: '1' } }), undefined, null);
    expect(plan).toMatchObject({
      action: 'create',
      fnId: null,
      body: { image: 'x:1', memory: 256, config: { A: '1' } },
    });
    expect(plan.triggers).toMatchObject([
      { action: 'create', annotations: { 'fnmesh/function': 'cart', 'fnmesh/limits': ['memory'] } },
    ]);
    expect(plan.changes.map(({ field, from }) => [field, from])).toEqual([
      ['image', null],
      ['memory', null],
      ['config.A', null],
    ]);
  });

  test('whose image is not known yet is compared by its build', () => {
    const there = observed(fn(), [trigger(noted())]);
    expect(planVersion(wanted({ image: null }), there, null).action).toBe('unchanged');
    const plan = planVersion(wanted({ image: null, hash: 'b'.repeat(64) }), there, 500);
    expect(plan).toMatchObject({
      action: 'update',
      share: 500,
      changes: [{ field: 'image', from: 'x:1', to: 'build bbbbbbbbbbbb' }],
    });
  });

  test('without a trigger carries the notes itself, and only with a change', () => {
    const bare = wanted({ triggers: [] });
    const created = planVersion(bare, undefined, null);
    expect(created.body.annotations).toEqual(noted());
    const there = observed(fn({ annotations: created.body.annotations ?? {} }), []);
    expect(planVersion(bare, there, null)).toMatchObject({ action: 'unchanged', body: {} });
    expect(planVersion(bare, observed(fn(), []), null)).toMatchObject({ action: 'unchanged', body: {} });
  });
});

describe('an app', () => {
  const app = (change: Partial<App> = {}): App => ({ id: 'a', name: 'shop', ...STAMPS, ...change });
  const put = (config: string[], annotations: string[] = []) =>
    putAnnotations({ config, annotations, limits: [] });
  test.each<[string, object, App | null, string, object]>([
    ['is created', { config: { A: '1' } }, null, 'create', { config: { A: '1' }, annotations: put(['A']) }],
    ['is created bare', {}, null, 'create', {}],
    ['is unchanged, without notes', { config: { A: '1' } }, app({ config: { A: '1' } }), 'unchanged', {}],
    ['keeps what others put', {}, app({ config: { A: '1' }, syslog_url: 'tcp://x:1' }), 'unchanged', {}],
    [
      'loses what fnmesh put',
      {},
      app({ config: { A: '1' }, annotations: put(['A']) }),
      'update',
      { config: { A: '' }, annotations: { 'fnmesh/config': '' } },
    ],
    ['gets its syslog', { syslog_url: 'tcp://x:2' }, app(), 'update', { syslog_url: 'tcp://x:2' }],
    [
      'gets its annotations',
      { annotations: { a: 1 } },
      app(),
      'update',
      { annotations: { a: 1, ...put([], ['a']) } },
    ],
  ])('%s', (_, desired, there, action, body) => {
    const plan = planApp({ name: 'shop', config: {}, annotations: {}, ...desired }, there);
    expect([plan.action, plan.body]).toEqual([action, body]);
  });

  test('shows its syslog without the login that is sent', () => {
    const desired = { name: 'shop', config: {}, annotations: {}, syslog_url: 'tcp://me:s3cret@logs:514' };
    const plan = planApp(desired, app({ syslog_url: 'tcp://me:0ld@logs:514' }));
    expect(plan.body.syslog_url).toBe('tcp://me:s3cret@logs:514');
    expect(plan.changes).toEqual([{ field: 'syslog_url', from: 'tcp://logs:514', to: 'tcp://logs:514' }]);
  });
});

describe('notes', () => {
  test('of any number of keys fit into Fn’s 512 bytes a value', () => {
    const config = Array.from({ length: 300 }, (_, n) => `A_RATHER_LONG_CONFIG_KEY_${n}`);
    const notes = putAnnotations({ config, annotations: ['ü'.repeat(100)], limits: ['memory'] });
    for (const value of Object.values(notes))
      expect(Buffer.byteLength(JSON.stringify(value))).toBeLessThan(512);
    expect(readPut(notes)).toEqual({
      config: [...config].sort(),
      annotations: ['ü'.repeat(100)],
      limits: ['memory'],
    });
  });

  test('a key too long to be noted is left out', () => {
    expect(putAnnotations({ config: ['x'.repeat(600)], annotations: [], limits: [] })).toEqual({});
  });
});

test('names and images as Fn’s tools make them; other trigger types and empty values are left out', () => {
  const triggers = [
    { name: 'q', type: 'queue', source: '/q' },
    { name: 'h', type: 'http', source: '/h' },
  ];
  const func = {
    name: 'me/hello',
    version: '0.0.3',
    triggers,
    config: { A: '', B: '1' },
    annotations: { x: '', 'fnmesh/y': 1, z: 2 },
  };
  const folder = appFolder({ 'cart/v1': { func } }).functions[0]!.versions[0]!;
  expect([fnName(folder.func), storedImage(folder.func)]).toEqual(['hello', 'me/hello:0.0.3']);
  const desired = desiredVersion(folder, { hash: HASH, image: null, cannotRun: undefined });
  expect(desired).toEqual({
    function: 'cart',
    version: 'v1',
    fn: 'hello',
    hash: HASH,
    image: null,
    limits: {},
    config: { B: '1' },
    annotations: { z: 2 },
    triggers: [{ name: 'h', source: '/h' }],
  });
});
