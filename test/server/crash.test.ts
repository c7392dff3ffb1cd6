// What was acknowledged is there after kill -9, and nothing is there by half.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { State } from '../../src/server/state.js';
import { put, REASON, routeOf } from '../helpers/routes.js';

const ROUNDS = 12;
// Small enough that kills hit compactions too.
const COMPACT_AT = 16 * 1024;

/** As built: the child is a process of its own, and Node 20 reads no types. */
const STATE = resolve(import.meta.dirname, '../../dist/server/state.js');

/** Shifts two functions together for ever, and prints each revision once it is acknowledged. */
const CHILD = (state: string, routes: [unknown, unknown]) => `
import { State } from ${JSON.stringify(STATE)};
const state = await State.open(${JSON.stringify(state)}, { compactAt: ${COMPACT_AT} });
for (const warning of state.warnings) console.log('warning ' + warning);
const routes = ${JSON.stringify(routes)};
for (;;) {
  const { revision } = state.route('shop', 'cart');
  const v2 = (revision + 1) % 10001;
  const table = await state.writeRoutes(
    routes.map((route) => ({ kind: 'put', route: { ...route, split: { v1: 10000 - v2, v2 } }, ifRevision: revision })),
    { verb: 'shift', by: 'child@box' },
  );
  process.stdout.write(table.routes[0].revision + '\\n');
}
`;

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fnmesh-crash-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

test(`${ROUNDS} kills at random moments lose no acknowledged shift and show no half one`, async () => {
  const split = { v1: 10_000, v2: 0 };
  const first = await State.open(dir);
  await first.writeRoutes([put('cart', split, null), put('price', split, null)], REASON);
  await first.close();
  await writeFile(join(dir, 'child.mjs'), CHILD(dir, [routeOf('cart', split), routeOf('price', split)]));

  let acknowledged = 1;
  for (let round = 0; round < ROUNDS; round++) {
    const child = spawn(process.execPath, [join(dir, 'child.mjs')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    const lines = createInterface({ input: child.stdout });
    const warnings: string[] = [];
    await new Promise<void>((resolve, reject) => {
      child.once('close', () => reject(new Error('the child ended by itself')));
      lines.on('line', (line) => {
        if (line.startsWith('warning')) warnings.push(line);
        else acknowledged = Number(line);
        resolve();
      });
    });
    await pause(Math.random() * 150);
    child.kill('SIGKILL');
    await ended;

    const state = await State.open(dir);
    const [cart, price] = state.routeTable('shop').routes;
    expect([...warnings, ...state.warnings]).toEqual([]);
    // The last write may have reached the disk although nobody was told.
    expect([acknowledged, acknowledged + 1]).toContain(cart!.revision);
    expect(price!.revision).toBe(cart!.revision);
    expect(cart!.route.split['v2']).toBe(cart!.revision % 10_001);
    expect(price!.route.split).toEqual(cart!.route.split);
    expect(state.history('shop').at(-1)?.number).toBe(cart!.revision);
    await state.close();
    acknowledged = cart!.revision;
  }
  expect(acknowledged).toBeGreaterThan(ROUNDS);
});
