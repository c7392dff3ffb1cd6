// One shift among 10,000 functions against building the whole table anew: time and memory churn.
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { request } from 'node:http';
import { performance } from 'node:perf_hooks';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { controlSocket } from '../../dist/control/home.js';
import { alone, compared } from './row.mjs';
import { spread } from './stats.mjs';
import { APP, routeOf, writeState } from './synthetic.mjs';
import { Workplace } from './workplace.mjs';

export const rows = ['shift'];

const FUNCTIONS = 10_000;
const CALLS = 30;
/** No collection may happen while allocations are counted: the young generation takes all of them, in MiB. */
const FLAGS = ['--expose-gc', '--max-semi-space-size=512', '--min-semi-space-size=512'];

/** Inside the server: state and gateway in a process of their own. Then a whole server, asked over its control socket. */
export async function run({ scope }) {
  const dir = scope.tempDir();
  await writeState(dir, FUNCTIONS);
  const worker = join(import.meta.dirname, 'shift-worker.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [...FLAGS, worker, dir, String(FUNCTIONS)]);
  const { shift, rebuild, places } = JSON.parse(stdout);
  const side = 'rebuild';
  return [
    compared({
      name: 'shift',
      what: 'time of one shift among 10,000 functions, stored',
      measured: shift.map(({ ms }) => ms),
      against: rebuild.map(({ ms }) => ms),
      side,
      unit: 'ms',
      by: 'inverse',
    }),
    alone({
      name: 'shift',
      what: 'the same alone',
      measured: shift.map(({ ms }) => ms),
      unit: 'ms',
      reach: { atMost: 5 },
    }),
    compared({
      name: 'shift',
      what: 'its memory churn',
      measured: shift.map(({ kib }) => kib),
      against: rebuild.map(({ kib }) => kib),
      side,
      unit: 'KiB',
      by: 'inverse',
      reach: { atLeast: 100 },
      note: `a rebuild makes every route's place in the table and its draw; the places alone: ${spread(places.map(({ kib }) => kib))} KiB`,
    }),
    alone({
      name: 'shift',
      what: 'the same as a request to the server, until its answer begins',
      measured: await overSocket(scope),
      unit: 'ms',
      reach: { atMost: 5 },
    }),
  ];
}

/** Milliseconds from sending each write until the server's answer begins: what the caller makes of it does not count. */
async function overSocket(scope) {
  const place = new Workplace(scope);
  mkdirSync(place.home, { mode: 0o700 });
  await writeState(place.home, FUNCTIONS);
  await place.run(['start', '-d']);
  const taken = [];
  for (let n = 0; n < CALLS; n++) {
    const change = { kind: 'put', route: routeOf(n, 4000), ifRevision: 1 };
    taken.push(await post(place, { changes: [change], reason: { verb: 'shift', by: APP } }));
  }
  return taken;
}

function post(place, body) {
  const options = { socketPath: controlSocket(place.home), method: 'POST', path: '/routes' };
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const outgoing = request(options, (answer) => {
      const ms = performance.now() - started;
      answer.resume();
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(ms);
        else reject(new Error(`POST /routes was answered ${answer.statusCode}`));
      });
    });
    outgoing.on('error', reject);
    outgoing.end(JSON.stringify(body));
  });
}
