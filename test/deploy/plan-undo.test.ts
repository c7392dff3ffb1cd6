import { describe, expect, test } from 'vitest';
import { newestDeploy, planUndoDeploy } from '../../src/deploy/plan-undo.js';
import type { FnmeshError } from '../../src/errors.js';
import type { RouteTable } from '../../src/router/router.js';
import { routeOf } from '../helpers/routes.js';
import { Past } from './past.js';

const NO_ROUTES: RouteTable = { app: 'shop', routes: [] };
const plan = (made: Past, deploy: string, table = NO_ROUTES) =>
  planUndoDeploy('shop', made.observed(), table, deploy);

function failure(make: () => unknown): Pick<FnmeshError, 'code' | 'message' | 'try'> {
  try {
    make();
  } catch (error) {
    const { code, message, try: way } = error as FnmeshError;
    return { code, message, try: way };
  }
  throw new Error('nothing was thrown');
}

describe('the newest deploy', () => {
  test('is that of any function, or of the one that is named', async () => {
    const made = new Past();
    expect(newestDeploy(made.observed())).toBeNull();
    await made.deploy('one', { 'cart/v1': {}, 'price/v1': {} });
    expect(newestDeploy(made.observed())).toBeNull();
    await made.deploy('two', { 'cart/v1': { memory: 2 } });
    await made.deploy('three', { 'price/v1': { memory: 3 } });
    const three = { deploy: 'three', at: '2026-01-01T00:03:00.000Z' };
    const two = { deploy: 'two', at: '2026-01-01T00:02:00.000Z' };
    expect(newestDeploy(made.observed())).toEqual(three);
    expect(newestDeploy(made.observed(), 'price')).toEqual(three);
    expect(newestDeploy(made.observed(), 'cart')).toEqual(two);
    expect(newestDeploy(made.observed(), 'none')).toBeNull();
    await made.undo('three');
    expect(newestDeploy(made.observed())).toEqual(two);
    await made.undo('two');
    expect(newestDeploy(made.observed())).toBeNull();
  });

  test('is said to be spent, rather than an older change undone in its place', async () => {
    const made = new Past();
    for (const step of [1, 2, 3, 4, 5]) await made.deploy(`${step}`, { 'cart/v1': { memory: step } });
    await made.undo('5');
    await made.undo('4');
    const newest = newestDeploy(made.observed())!;
    expect(newest.at).toBe('2026-01-01T00:03:00.000Z');
    expect(failure(() => plan(made, newest.deploy))).toEqual({
      code: 'conflict',
      message: 'what cart/v1 was before release 3 is not kept any more',
      try: 'git checkout the files you want, then fnmesh deploy cart/v1',
    });
  });

  test('of a version all whose copies somebody removed is said to be spent', async () => {
    const made = new Past();
    await made.deploy('1', { 'cart/v1': {}, 'cart/v2': {} });
    await made.deploy('2', { 'cart/v1': { memory: 2 }, 'cart/v2': { memory: 2 } });
    made.meddle('cart-v2~1', null);
    expect(newestDeploy(made.observed())?.deploy).toBe('2');
    // Not by half: v1 could be brought back, and belongs to the same deploy.
    expect(failure(() => plan(made, '2')).message).toBe(
      'what cart/v2 was before release 2 is not kept any more',
    );
  });
});

describe('an undo', () => {
  test('levels image, limits and config, and removes what was added since', async () => {
    const made = new Past();
    await made.deploy('one', { 'cart/v1': { image: 'x:1', memory: 128, config: { A: '1', B: '1' } } });
    await made.deploy('two', { 'cart/v1': { image: 'x:2', memory: 256, config: { A: '2', C: '1' } } });
    const table = { app: 'shop', routes: [{ route: routeOf('cart', { v1: 9000, v2: 1000 }), revision: 1 }] };
    const { versions, ...head } = plan(made, 'two', table);
    expect(head).toEqual({ app: 'shop', undoes: 'two', at: '2026-01-01T00:02:00.000Z', by: 'two@ci' });
    expect(versions).toMatchObject([
      {
        function: 'cart',
        version: 'v1',
        fn: 'cart-v1',
        from: 2,
        to: 1,
        share: 9000,
        body: { image: 'x:1', memory: 128, config: { A: '1', C: '' } },
        changes: [
          { field: 'image', from: 'x:2', to: 'x:1' },
          { field: 'memory', from: 256, to: 128 },
          { field: 'config.A', from: '2', to: '1' },
          { field: 'config.C', from: '1', to: null },
        ],
        notes: { function: 'cart', version: 'v1', release: { number: 1, deploy: 'one' } },
      },
    ]);
    expect(plan(made, 'two').versions[0]?.share).toBeNull();
    expect(JSON.parse(JSON.stringify(plan(made, 'two')))).toEqual(plan(made, 'two'));
  });

  test('shows no value that came from the environment, neither then nor now', async () => {
    const made = new Past();
    await made.deploy('one', { 'cart/v1': { config: { OLD: 's3cret-old', OPEN: '1' } } });
    await made.deploy('two', { 'cart/v1': { config: { OLD: 's3cret-2' }, secrets: ['OLD'] } });
    const config = { OLD: 's3cret-3', NEW: 's3cret-new', OPEN: '2' };
    await made.deploy('three', { 'cart/v1': { config, secrets: ['NEW'] } });
    const undo = plan(made, 'three');
    expect(JSON.stringify(undo.versions[0]?.changes)).not.toContain('s3cret');
    expect(undo.versions[0]?.changes).toEqual([
      { field: 'config.OLD', from: '(secret)', to: '(secret)' },
      { field: 'config.OPEN', from: '2', to: '1' },
      { field: 'config.NEW', from: '(secret)', to: null },
    ]);
    expect(undo.versions[0]?.body.config).toEqual({ OLD: 's3cret-2', OPEN: '1', NEW: '' });
  });

  test('of a deploy of several versions takes all of them, and of none that it only created', async () => {
    const made = new Past();
    await made.deploy('one', { 'cart/v1': {}, 'price/v1': {} });
    await made.deploy('two', { 'cart/v1': { memory: 2 }, 'price/v1': { memory: 2 }, 'cart/v2': {} });
    const labels = plan(made, 'two').versions.map(({ function: fn, version }) => `${fn}/${version}`);
    expect(labels).toEqual(['cart/v1', 'price/v1']);
  });

  test('is refused whole when one of the versions has moved on, and says which and how', async () => {
    const made = new Past();
    await made.deploy('one', { 'cart/v1': {}, 'price/v1': {} });
    await made.deploy('two', { 'cart/v1': { memory: 2 }, 'price/v1': { memory: 2 } });
    await made.deploy('three', { 'price/v1': { memory: 3 } });
    expect(failure(() => plan(made, 'two'))).toEqual({
      code: 'conflict',
      message: 'deploy two also changed price/v1, which three@ci deployed again since',
      try: 'fnmesh undo price',
    });
    await made.undo('three');
    expect(plan(made, 'two').versions.map(({ from, to }) => [from, to])).toEqual([
      [2, 1],
      [4, 1],
    ]);
  });

  test('of what is undone, unknown, or a first release is refused', async () => {
    const made = new Past();
    await made.deploy('one', { 'cart/v1': {} });
    await made.deploy('two', { 'cart/v1': { memory: 2 } });
    await made.undo('two');
    for (const deploy of ['one', 'two', 'never', 'undo of two']) {
      expect(failure(() => plan(made, deploy))).toEqual({
        code: 'conflict',
        message: `there is nothing left of deploy ${deploy} to undo`,
        try: 'fnmesh history',
      });
    }
  });

  test('of one that took over somebody else’s fn gives it back', async () => {
    const made = new Past();
    made.make('cart/v1', { image: 'theirs:1', config: { THEIRS: '1' } });
    await made.deploy('one', { 'cart/v1': { image: 'x:1' } });
    expect(plan(made, 'one').versions).toMatchObject([
      { from: 2, to: 1, body: { image: 'theirs:1' }, notes: { function: 'cart', version: 'v1', hash: '' } },
    ]);
    await made.undo('one');
    expect(made.content('cart/v1')).toMatchObject({ image: 'theirs:1', config: { THEIRS: '1' } });
  });

  test('of what a broken-off deploy left is one of its own, and touches no other version', async () => {
    const made = new Past();
    await made.deploy('one', { 'cart/v1': {}, 'price/v1': {} });
    await made.deploy('two', { 'cart/v1': { memory: 2 }, 'price/v1': { memory: 2 } });
    // Between the change and its note.
    await made.breakOff('cart/v1', { memory: 3 });
    await made.deploy('four', { 'cart/v1': { memory: 4 } });
    await made.undo('four');
    expect(made.content('cart/v1').memory).toBe(3);
    const unnoted = newestDeploy(made.observed(), 'cart')!;
    expect(['one', 'two', 'four', '']).not.toContain(unnoted.deploy);
    expect(plan(made, unnoted.deploy).versions.map(({ fn }) => fn)).toEqual(['cart-v1']);
    await made.undo(unnoted.deploy);
    expect([made.content('cart/v1').memory, made.content('price/v1').memory]).toEqual([2, 2]);
  });

  test('when nothing differs any more changes nothing', async () => {
    const made = new Past();
    await made.deploy('one', { 'cart/v1': { memory: 1 } });
    await made.deploy('two', { 'cart/v1': { memory: 2 } });
    made.meddle('cart-v1', { memory: 1 });
    expect(plan(made, 'two').versions).toMatchObject([{ changes: [], body: {}, to: 1 }]);
  });
});
