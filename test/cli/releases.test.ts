// Releases on the embedded server: a bad deploy is undone like a bad shift.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { UndoDeployResult } from '../../src/deploy/undo.js';
import type { HistoryRow } from '../../src/traffic/history.js';
import { nodeApp, Workplace } from '../helpers/cli.js';

const place = new Workplace();
const at = { cwd: 'shop' };
let gateway = '';
const text = async (): Promise<unknown> =>
  ((await (await fetch(`${gateway}/cart`)).json()) as { text: string }).text;
const run = (...args: string[]) => place.run(args, at);

/** Gives cart/v1 other code and limits. */
function edit(answer: string, memory: number): void {
  const files = nodeApp('shop', { cart: ['v1', 'v2'] });
  const [yaml, code] = ['shop/cart/v1/func.yaml', 'shop/cart/v1/func.js'] as const;
  place.write({
    [yaml]: `${files[yaml]}memory: ${memory}\n`,
    [code]: files[code]!.replaceAll('"v1"', JSON.stringify(answer)),
  });
}

beforeAll(async () => {
  place.write(nodeApp('shop', { cart: ['v1', 'v2'], price: ['v1'] }));
  edit('one', 128);
  expect((await run('deploy', '--all')).code).toBe(0);
  gateway = (await place.server()).gatewayUrl;
});
afterAll(() => place.close());

test('a deploy in place says which release it is, and undo brings the one before back at once', async () => {
  edit('two', 256);
  const deployed = await run('deploy', '--all', '-m', 'two');
  expect([deployed.code, deployed.stdout]).toEqual([0, expect.stringMatching(/^cart\/v1 is release 2$/m)]);
  expect(await text()).toBe('two');
  const undone = await run('undo');
  expect([undone.code, undone.stderr]).toEqual([0, '']);
  expect(undone.stdout).toMatch(
    /^cart\/v1@2 \(100 % of the traffic\) is release 3 now, with what release 1 was$/m,
  );
  expect(undone.stdout).toMatch(/^ {2}memory: 256 → 128$/m);
  expect(undone.stdout).not.toContain('5 s');
  expect(await text()).toBe('one');
});

test('undo takes back what is newest, be it a shift or a deploy, and then what was before that', async () => {
  edit('three', 256);
  expect((await run('deploy', 'cart/v1')).code).toBe(0);
  expect((await run('shift', 'cart/v2=20')).code).toBe(0);
  edit('four', 256);
  expect((await run('deploy', 'cart/v1')).code).toBe(0);
  const dry = await run('undo', '--dry-run');
  expect(dry.stdout).toContain('would become what release 4 was');
  expect(await place.json<UndoDeployResult>(['undo', '--if-revision', '2'], at)).toMatchObject({
    code: 1,
    error: { code: 'conflict', message: expect.stringContaining('--if-revision') as string },
  });
  expect((await run('undo', 'cart', '-m', 'back')).stdout).toContain('with what release 4 was');
  expect((await run('undo', 'cart')).stdout).toContain('undo change 2');
  expect(await text()).toBe('three');
  expect((await run('undo')).stdout).toContain('with what release 1 was');
  expect(await text()).toBe('one');
  expect((await run('undo')).stderr).toMatch(/^error: nothing to undo/);
});

test('the history has what is kept of it, and none of another function', async () => {
  const { result } = await place.json<{ changes: HistoryRow[] }>(['history', 'cart'], at);
  expect(
    result.changes.map(
      ({ number, verb, undone }) => `${number ?? 'deploy'} ${verb}${undone ? ' undone' : ''}`,
    ),
  ).toEqual([
    'deploy undo',
    '3 undo',
    'deploy undo',
    '2 shift undone',
    'deploy deploy undone',
    'deploy undo',
    '1 deploy',
  ]);
  const price = await place.json<{ changes: HistoryRow[] }>(['history', 'price'], at);
  expect(price.result.changes.map(({ number }) => number)).toEqual([1]);
});

test('a deploy that does not start is none: it has no release, and nothing to undo', async () => {
  place.write({ 'shop/cart/v1/func.js': 'throw new Error("broken")\n' });
  const broken = await run('deploy', 'cart/v1');
  expect([broken.code, broken.stdout]).toEqual([
    1,
    expect.stringMatching(/^cart\/v1 failed: .*does not start/m),
  ]);
  expect(await text()).toBe('one');
  expect((await run('undo')).stderr).toMatch(/^error: nothing to undo/);
  expect((await run('destroy', '--all', '--yes')).code).toBe(0);
});
