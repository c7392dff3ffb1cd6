// Functions that call each other through the split, as the templates show it: what is pinned stays pinned.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { which } from '../../src/process/run.js';
import { Workplace } from '../helpers/cli.js';

const hasGo = process.env['CI'] !== undefined || (await which('go')) !== undefined;

describe.skipIf(!hasGo)('a function that calls another one (needs go)', () => {
  const here = new Workplace();
  afterAll(() => here.close());

  async function ask(...args: string[]): Promise<unknown> {
    const { code, stdout, stderr } = await here.run(['call', ...args], { cwd: 'shop' });
    expect(stderr).toBe('');
    expect(code).toBe(0);
    return JSON.parse(stdout);
  }

  it('keeps a pinned request pinned', async () => {
    const functions = ['--function', 'cart', '--function', 'price', '--runtime', 'go'];
    expect((await here.run(['init', 'shop', ...functions])).code).toBe(0);
    for (const version of ['v1', 'v2']) {
      const file = join(here.dir, 'shop/cart', version, 'func.yaml');
      const text = readFileSync(file, 'utf8').replace(/^# (config:| {2}NEXT: .*)$/gm, '$1');
      expect(text).toMatch(/^config:\n {2}NEXT: \$\{route:price\}$/m);
      writeFileSync(file, text);
    }
    const deployed = await here.run(['deploy', '--all'], { cwd: 'shop' });
    expect(deployed, deployed.stderr).toMatchObject({ code: 0 });

    const hello = (fn: string, version: string): string => `Hello World from ${fn} ${version}`;
    const answer = (version: string): unknown => ({
      message: hello('cart', version),
      next: { message: hello('price', version) },
    });
    expect(await ask('cart')).toEqual(answer('v1'));
    expect(await ask('cart/v2')).toEqual(answer('v2'));
    expect(await ask('cart', '-H', 'Fnmesh-Version: v2')).toEqual(answer('v2'));
    // Unpinned, each function's own split decides.
    await here.run(['shift', 'cart/v2=100'], { cwd: 'shop' });
    expect(await ask('cart')).toEqual({
      message: hello('cart', 'v2'),
      next: { message: hello('price', 'v1') },
    });
  });
});
