// Run by shift.mjs in a process with flags of its own: node … shift-worker.mjs STATE-FOLDER FUNCTIONS
import { performance, PerformanceObserver } from 'node:perf_hooks';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { createDraw } from '../../dist/routing/draw.js';
import { createGateway } from '../../dist/server/gateway.js';
import { State } from '../../dist/server/state.js';
import { Routes } from '../../dist/server/state/routes.js';
import { interleaved } from './stats.mjs';
import { APP, routeOf } from './synthetic.mjs';

const ROUNDS = 15;
const SHIFTS = 10;
const SETTLE_MS = 10;

const [dir, functions] = process.argv.slice(2);
const state = await State.open(dir);
const gateway = createGateway({ catalog: state, functions: undefined, maxRequestSize: 0 });
const routed = state.routeTable(APP).routes;

let collections = 0;
new PerformanceObserver((list) => (collections += list.getEntries().length)).observe({ entryTypes: ['gc'] });

/** Some shifts, one after the other, each of another function: stored on disk and in effect in the gateway. */
async function shift(round) {
  for (let n = 0; n < SHIFTS; n++) {
    const of = (round * 997 + n * 131) % Number(functions);
    const { revision } = state.route(APP, `f${of}`);
    const change = { kind: 'put', route: routeOf(of, 1000 + round), ifRevision: revision };
    await state.writeRoutes([change], { verb: 'shift', by: APP });
    if (gateway.served(APP, `f${of}`).split.v2 !== 1000 + round)
      throw new Error('the shift is not in effect');
  }
}

/** Every route's place in a new table. */
function places() {
  const table = new Routes();
  for (const one of routed) table.load(one);
  return table;
}

/** What a gateway that starts over at each write would make: the table, and the draw of every route. */
function rebuild() {
  return [places(), routed.map(({ route }) => createDraw(route.split))];
}

/** Milliseconds and allocated KiB of one of the `times` things that `work` does; again when a collection came between. */
async function cost(work, times) {
  for (;;) {
    globalThis.gc();
    // What was collected outside the heap is given back on another thread, and we are told of the collection.
    await pause(SETTLE_MS);
    const seen = collections;
    const before = used();
    const started = performance.now();
    await work();
    const ms = performance.now() - started;
    const bytes = used() - before;
    await pause(SETTLE_MS);
    if (collections === seen) return { ms: ms / times, kib: bytes / 1024 / times };
  }
}

function used() {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const takes = {
  shift: (round) => cost(() => shift(round), SHIFTS),
  rebuild: () => cost(rebuild, 1),
  places: () => cost(places, 1),
};
await interleaved(3, takes);
const taken = await interleaved(ROUNDS, takes);
await state.close();
process.stdout.write(JSON.stringify(taken));
