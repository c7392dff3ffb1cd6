// Deploys to a real Fn server as a strict stand-in plays it: who else writes there, and what does not start or answer.
import { describe, expect, test } from 'vitest';
import type { DeployResult } from '../../src/deploy/result.js';
import type { Fn } from '../../src/fn/model.js';
import { releaseAnnotation } from '../../src/fn/releases.js';
import { remoteStage, type RemoteStage } from '../faults/remote.js';
import type { Seen } from '../helpers/fault-proxy.js';
import { appFolder, requestFor, type VersionSpec } from './stage.js';

const TWO: Record<string, VersionSpec> = {
  'cart/v1': { func: { config: { A: '1' } } },
  'price/v1': { func: { config: { A: '1' } } },
};
const changed = (a: string): Record<string, VersionSpec> => ({
  'cart/v1': { func: { config: { A: a } } },
  'price/v1': { func: { config: { A: a } } },
});

const rows = ({ versions }: DeployResult) => versions.map(({ deploy, error }) => [deploy, error?.code]);
const fn = ({ strict }: RemoteStage, name: string): Fn | undefined =>
  [...strict.objects.fns.values()].find((each) => each.name === name);
const names = ({ strict }: RemoteStage) => [...strict.objects.fns.values()].map(({ name }) => name).sort();

/** Has somebody act the moment a request arrives. */
function upon(stage: RemoteStage, which: (seen: Seen) => boolean, act: () => void): void {
  let done = false;
  stage.proxy.fail({ kind: 'drop-before' }, (seen) => {
    if (!done && which(seen)) {
      done = true;
      act();
    }
    return false;
  });
}

describe('somebody else changes an fn between the plan and the PUT', () => {
  test.each<[string, string, (stage: RemoteStage, cart: Fn) => void, RegExp]>([
    [
      'with Fn’s own tools',
      'GET',
      ({ strict }, { id }) => strict.objects.updateFn(id, { memory: 512, config: { THEIRS: 's3cret' } }),
      /^cart-v1 was changed since this deploy was planned, not by fnmesh: memory \(now 512\), config.THEIRS; it was left as it is$/,
    ],
    [
      'at the last moment',
      'POST',
      ({ strict }, { id }) => strict.objects.updateFn(id, { image: 'theirs:1' }),
      /not by fnmesh: image \(now theirs:1\)/,
    ],
    [
      'as fnmesh',
      'GET',
      ({ strict }, { id }) => {
        strict.objects.updateFn(id, { timeout: 9 });
        const trigger = [...strict.objects.triggers.values()].find(({ fn_id }) => fn_id === id)!;
        const release = { number: 2, deploy: 'theirs', at: '2026-01-01T00:00:00.000Z', by: 'ann@box' };
        strict.objects.updateTrigger(trigger.id, { annotations: releaseAnnotation(release) });
      },
      /by ann@box at 2026-01-01T00:00:00.000Z: timeout \(now 9\)/,
    ],
    [
      'by removing it',
      'GET',
      ({ strict }, { id }) => strict.objects.deleteFn(id),
      /^cart-v1 was removed since this deploy was planned$/,
    ],
  ])('%s: that version is left alone and says what changed, the others are deployed', async (...table) => {
    const [, method, act, message] = table;
    const stage = await remoteStage();
    const project = appFolder(TWO);
    await stage.deploy(requestFor(project));
    const cart = fn(stage, 'cart-v1')!;
    const isMeant = (seen: Seen): boolean =>
      method === 'GET' ? seen.path === `/v2/fns/${cart.id}` : seen.body.includes('cart-v1~1');
    upon(stage, isMeant, () => act(stage, cart));
    const after = appFolder(changed('2'), {}, project.root);
    const result = await stage.deploy(requestFor(after));
    expect(rows(result)).toEqual([
      ['failed', 'conflict'],
      ['updated', undefined],
    ]);
    expect(result.versions[0]?.error?.message).toMatch(message);
    expect(JSON.stringify(result)).not.toContain('s3cret');
    expect(fn(stage, 'cart-v1')?.config['A']).not.toBe('2');
    expect(fn(stage, 'price-v1')?.config).toEqual({ A: '2' });
    // Seen now, it is deployed over, and can be gone back to.
    expect(rows(await stage.deploy(requestFor(after))).every(([, error]) => error === undefined)).toBe(true);
    expect(fn(stage, 'cart-v1')?.config['A']).toBe('2');
    expect(stage.strict.violations).toEqual([]);
  });
});

describe('what does not start', () => {
  const init = { ready: false, kind: 'init', why: '"Container failed to initialize" (…)' } as const;

  test('when it is new goes again; its function has no route', async () => {
    const stage = await remoteStage();
    stage.answer = (endpoint) => (endpoint.includes('cart') ? init : { ready: true, status: 200, ms: 1 });
    const result = await stage.deploy(requestFor(appFolder(TWO)));
    expect(rows(result)).toEqual([
      ['failed', 'failed'],
      ['created', undefined],
    ]);
    expect(result.versions[0]).toMatchObject({
      release: null,
      error: {
        message: expect.stringMatching(/^cart\/v1 does not start and was removed again: "Cont/) as string,
      },
    });
    expect(names(stage)).toEqual(['price-v1']);
    const { routes } = await stage.router.read('shop');
    expect(routes.map(({ route }) => route.function)).toEqual(['price']);
  });

  test('when it was changed is what it was: content, notes, triggers, releases and route', async () => {
    const stage = await remoteStage();
    const http = (name: string, source: string) => ({ name, type: 'http', source });
    const before = appFolder({
      'cart/v1': {
        func: {
          config: { A: '1' },
          triggers: [http('a', '/a'), http('b', '/b'), http('c', '/c'), http('e', '/e')],
        },
      },
    });
    await stage.deploy(requestFor(before));
    const state = await stage.state();
    stage.answer = () => init;
    // The first moves to another's place, a new one takes the place of a third, and one goes.
    const triggers = [http('a', '/b'), http('d', '/c')];
    const after = appFolder({ 'cart/v1': { func: { memory: 64, triggers } } }, {}, before.root);
    const result = await stage.deploy(requestFor(after));
    expect(result.versions[0]).toMatchObject({
      deploy: 'failed',
      release: 1,
      error: {
        message: expect.stringMatching(/^cart\/v1 does not start and is again what it was: /) as string,
      },
    });
    expect(await stage.state()).toEqual(state);
    stage.answer = () => ({ ready: true, status: 200, ms: 1 });
    expect((await stage.deploy(requestFor(after))).versions[0]).toMatchObject({
      deploy: 'updated',
      release: 2,
    });
    expect(stage.strict.violations).toEqual([]);
  });

  test('after a deploy that was broken off before it asked: found by the next one, and taken back', async () => {
    const stage = await remoteStage();
    const project = appFolder({ 'cart/v1': { func: { config: { A: '1' } } } });
    await stage.deploy(requestFor(project));
    const state = await stage.state();
    const bad = appFolder({ 'cart/v1': { func: { config: { A: '2' } } }, 'cart/v2': {} }, {}, project.root);
    stage.answer = () => {
      throw new Error('killed');
    };
    await stage.deploy(requestFor(bad));
    stage.answer = () => init;
    const result = await stage.deploy(requestFor(bad));
    expect(result.versions.map(({ error }) => error?.message.replace(/:.*/, ''))).toEqual([
      'cart/v1 does not start and is again what it was',
      'cart/v2 does not start and was removed again',
    ]);
    const { routes, ...stored } = await stage.state();
    expect({ ...stored, routes: [] }).toEqual({ ...state, routes: [] });
    expect(routes[0]?.split).toMatchObject({ v1: 10_000 });
  });

  test('though somebody else made it stays theirs', async () => {
    const stage = await remoteStage();
    const project = appFolder({ 'cart/v1': {} });
    await stage.deploy(requestFor(project));
    const cart = fn(stage, 'cart-v1')!;
    for (const { id } of stage.strict.objects.triggers.values()) stage.strict.objects.deleteTrigger(id);
    const theirs = { app_id: cart.app_id, fn_id: cart.id, name: 'theirs', type: 'http', source: '/theirs' };
    stage.strict.objects.createTrigger(theirs);
    stage.answer = () => init;
    const result = await stage.deploy(requestFor(project));
    expect(result.versions[0]?.error?.message).toContain('and what it was before is not known');
    expect(names(stage)).toEqual(['cart-v1']);
  });
});

describe('what does not answer in time', () => {
  const late = { ready: false, kind: 'timeout', why: 'no answer from fn.test within 60 s' } as const;

  test('stays, gets no traffic, and is asked by the next deploy', async () => {
    const stage = await remoteStage();
    const request = requestFor(appFolder(TWO));
    stage.answer = () => late;
    const result = await stage.deploy(request);
    expect(rows(result)).toEqual([
      ['failed', 'not_ready'],
      ['failed', 'not_ready'],
    ]);
    expect((await stage.router.read('shop')).routes).toEqual([]);
    stage.called.length = 0;
    stage.answer = () => ({ ready: true, status: 200, ms: 1 });
    expect(rows(await stage.deploy(request))).toEqual([
      ['updated', undefined],
      ['updated', undefined],
    ]);
    expect(stage.called.sort()).toEqual(['http://fn.test/t/shop/cart/v1', 'http://fn.test/t/shop/price/v1']);
    expect((await stage.router.read('shop')).routes.map(({ route }) => route.split)).toEqual([
      { v1: 10_000 },
      { v1: 10_000 },
    ]);
    stage.called.length = 0;
    await stage.deploy(request);
    expect(stage.called).toEqual([]);
  });

  test('nor does a deploy that was broken off before it could ask pass for ready', async () => {
    const stage = await remoteStage();
    const request = requestFor(appFolder(TWO));
    stage.proxy.fail(
      { kind: 'drop-before' },
      ({ method, path }) => method === 'PUT' && path.includes('triggers'),
      8,
    );
    await stage.deploy(request);
    stage.called.length = 0;
    stage.answer = () => late;
    expect(rows(await stage.deploy(request))).toEqual([
      ['failed', 'not_ready'],
      ['failed', 'not_ready'],
    ]);
    expect(stage.called).toHaveLength(2);
  });
});

test('an undo that fails can be done again, however old what it brings back is', async () => {
  const stage = await remoteStage();
  const { root } = appFolder({});
  const at = (memory: number) => requestFor(appFolder({ 'cart/v1': { func: { memory } } }, {}, root));
  for (const memory of [10, 20, 30, 40]) await stage.deploy(at(memory));
  await stage.undo();
  // Kept are 2, 3 and 4; a fourth lets the oldest go, which is what the next undo brings back.
  stage.proxy.fail(
    { kind: 'status', status: 503 },
    ({ method, path }) => method === 'PUT' && path.includes('fns'),
    4,
  );
  expect((await stage.undo())?.failed).toBe(1);
  expect(fn(stage, 'cart-v1')?.memory).toBe(30);
  expect((await stage.undo())?.failed).toBe(0);
  expect(fn(stage, 'cart-v1')?.memory).toBe(20);
  expect(names(stage)).toHaveLength(4);
});

test('what one deploy lets go of is gone before the next one looks', async () => {
  const stage = await remoteStage();
  const http = (name: string, source: string) => ({ name, type: 'http', source });
  const wanting = (who: string, ...triggers: ReturnType<typeof http>[]) =>
    requestFor(appFolder({ 'cart/v1': { func: { config: { WHO: who }, triggers } } }));
  const one = wanting('one', http('a', '/a'));
  const both = wanting('both', http('a', '/a'), http('b', '/b'));
  await stage.deploy(both);
  // A slow way to the removal: the next deploy would come before it.
  stage.proxy.fail({ kind: 'slow', ms: 300 }, { method: 'DELETE', path: /triggers/ }, Infinity);
  for (let round = 0; round < 3; round++) {
    const results = await Promise.all([stage.deploy(one), stage.deploy(both)]);
    expect(results.map(({ failed }) => failed)).toEqual([0, 0]);
    const sources = [...stage.strict.objects.triggers.values()].map(({ source }) => source).sort();
    const last = fn(stage, 'cart-v1')?.config['WHO'];
    expect([last, sources]).toEqual([last, last === 'one' ? ['/a'] : ['/a', '/b']]);
  }
});
