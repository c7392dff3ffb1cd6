// One routing decision among many functions: look-up by host and path, rules and pin, draw. In this process, without
// sockets, with the code that the gateway uses.
import { Buffer } from 'node:buffer';
import { performance } from 'node:perf_hooks';
import { decide } from '../../dist/routing/decide.js';
import { createDraw } from '../../dist/routing/draw.js';
import { appOfPlace, placeOf } from '../../dist/server/host.js';
import { State } from '../../dist/server/state.js';
import { compared } from './row.mjs';
import { interleaved } from './stats.mjs';
import { APP, writeState } from './synthetic.mjs';

export const rows = ['decision'];

const ROUNDS = 15;
const DECISIONS = 200_000;
const NOTE =
  'asked for alike, each decision reads what no other has just read: main memory instead of the caches';
const HOST = `${APP}.localhost:8082`;
const HEAD = { header: () => undefined };

/**
 * Each round the same number of decisions: among 10 functions; among 10,000 of which 10 are asked for, which is what
 * the size of the table costs; and with all 10,000 asked for alike, which adds that none is in the CPU's caches.
 */
export async function run({ scope }) {
  const takes = {
    few: await decider(scope, 10, 10),
    many: await decider(scope, 10_000, 10),
    all: await decider(scope, 10_000, 10_000),
  };
  await interleaved(3, takes);
  const { few, many, all } = await interleaved(ROUNDS, takes);
  const row = { name: 'decision', against: few, side: '10', unit: 'µs', by: 'ratio', reach: { atMost: 1.5 } };
  return [
    compared({ ...row, what: 'one routing decision among 10,000 functions', measured: many }),
    compared({ ...row, what: 'the same, all of them asked for alike', measured: all, note: NOTE }),
  ];
}

/** Gives a function that decides among so many functions, of which `asked` are asked for, and says how many µs one took. */
async function decider(scope, functions, asked) {
  const dir = scope.tempDir();
  await writeState(dir, functions);
  const state = await State.open(dir);
  scope.defer(() => state.close());
  const draws = new Map();
  // As bytes, since every request's path is a string that has not been looked up before.
  const paths = Array.from({ length: DECISIONS }, () => {
    return Buffer.from(`/f${Math.floor(Math.random() * asked) * (functions / asked)}`);
  });
  return () => {
    let second = 0;
    const started = performance.now();
    for (const bytes of paths) {
      const path = bytes.latin1Slice();
      const { route } = state.routeByPath(appOfPlace(state, placeOf(HOST, path)), path);
      let draw = draws.get(route.function);
      if (!draw) draws.set(route.function, (draw = createDraw(route.split)));
      if (decide(route, HEAD, draw).version === 'v2') second++;
    }
    const us = ((performance.now() - started) * 1000) / DECISIONS;
    if (Math.abs(second - DECISIONS / 2) > 2 * asked) throw new Error(`${second} of ${DECISIONS} went to v2`);
    return us;
  };
}
