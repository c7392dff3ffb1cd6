import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { differencesFrom } from '../../src/fn/arrived.js';
import { newId } from '../../src/fn/id.js';
import type { App, Fn, Trigger } from '../../src/fn/model.js';
import { INVOKE_ENDPOINT } from '../../src/fn/model.js';
import {
  appChange,
  appSpec,
  checkedId,
  fnChange,
  fnSpec,
  isId,
  triggerChange,
  triggerSpec,
} from '../../src/fn/sendable.js';

const ID = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const STAMPS = { created_at: '2024-01-01T00:00:00.000Z', updated_at: '2024-01-01T00:00:00.000Z' };

describe('ids', () => {
  test.each([
    '',
    'x',
    'é',
    ID.toLowerCase(),
    `${ID}0`,
    'A'.repeat(256),
    ID.replace('0', 'U'),
    `${ID}\n`,
    '../apps',
  ])('no id: %j', (id) => {
    expect(isId(id)).toBe(false);
    expect(() => checkedId('fn', id)).toThrowError(expect.objectContaining({ code: 'not_found' }) as Error);
  });

  test('what Fn makes is one, and anything else is not', () => {
    for (let n = 0; n < 100; n++) expect(isId(newId())).toBe(true);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => /^[0-9A-Z]{26}$/.test(text) || !isId(text)),
    );
  });
});

describe('bodies', () => {
  const app: App = {
    id: ID,
    name: 'shop',
    config: { A: '1' },
    annotations: { a: null, b: '' },
    shape: 'X',
    ...STAMPS,
  };
  const limits = { memory: 128, timeout: 30, idle_timeout: 30 };
  const annotations = { [INVOKE_ENDPOINT]: 'http://x', mine: { deep: null } };
  const fn: Fn = {
    id: ID,
    name: 'f',
    app_id: ID,
    image: 'i:1',
    ...limits,
    config: {},
    annotations,
    ...STAMPS,
  };
  const trigger: Trigger = {
    id: ID,
    name: 't',
    app_id: ID,
    fn_id: ID,
    type: 'http',
    source: '/t',
    ...STAMPS,
  };

  test('a change carries only what may change; null removes as the empty text does', () => {
    expect(appChange(app)).toEqual({ config: { A: '1' }, annotations: { a: '', b: '' } });
    expect(fnChange(fn)).toEqual({
      image: 'i:1',
      ...limits,
      config: {},
      annotations: { mine: { deep: null } },
    });
    expect(triggerChange(trigger)).toEqual({ fn_id: ID, source: '/t' });
    expect(fnChange({})).toEqual({});
  });

  test('something new has no id, no stamps and nothing to remove', () => {
    expect(appSpec(app)).toEqual({ name: 'shop', config: { A: '1' }, annotations: { b: '' } });
    expect(fnSpec(fn)).toEqual({
      app_id: ID,
      name: 'f',
      image: 'i:1',
      ...limits,
      config: {},
      annotations: { mine: { deep: null } },
    });
    expect(triggerSpec(trigger)).toEqual({ app_id: ID, fn_id: ID, name: 't', type: 'http', source: '/t' });
  });

  test.each([
    () => fnSpec({ ...fn, app_id: 'é' }),
    () => triggerSpec({ ...trigger, app_id: 'x' }),
    () => triggerSpec({ ...trigger, fn_id: 'x' }),
    () => triggerChange({ fn_id: 'x' }),
  ])('ids in bodies are ids (%#)', (make) => {
    expect(make).toThrowError(expect.objectContaining({ code: 'not_found' }) as Error);
  });

  test.each<[string, Parameters<typeof differencesFrom>[0], App | Fn | Trigger, string[]]>([
    ['the same', fnSpec(fn), fn, []],
    [
      'defaults were not sent',
      { name: 'f', app_id: ID, image: 'i:1', memory: 0 } as never,
      { ...fn, annotations: {} },
      [],
    ],
    ['another image', { ...fnSpec(fn), image: 'i:2' } as never, fn, ['image']],
    ['another limit', { ...fnSpec(fn), memory: 64 } as never, fn, ['memory']],
    ['config of others', { name: 'shop' }, app, ['config', 'annotations']],
    ['null config', fnSpec(fn), { ...fn, config: null as never }, []],
    ['another source', { ...triggerSpec(trigger), source: '/u' } as never, trigger, ['source']],
  ])('%s', (_, sent, there, different) => {
    expect(differencesFrom(sent, there)).toEqual(different);
  });
});
