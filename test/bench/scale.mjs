// A thousand versions: what an unchanged deploy and a status take, and what their server weighs.
import { performance } from 'node:perf_hooks';
import { nodeApp } from './apps.mjs';
import { alone, compared } from './row.mjs';
import { Workplace } from './workplace.mjs';

export const rows = ['deploy-1000', 'status-1000', 'memory-1000'];

const APP = 'many';
const FUNCTIONS = 500;
const ROUNDS = 5;

/** 500 functions with two versions each, deployed for real (which starts each of them once). */
export async function run({ scope, wanted }) {
  const many = await deployed(scope, FUNCTIONS, 2);
  const few = await deployed(scope, 1, 1);
  const taken = { deploy: await timed(many, ['deploy', '--all']), status: await timed(many, ['status']) };
  // The same has happened to the server that the other one's memory is held against.
  await timed(few, ['deploy', '--all']);
  await timed(few, ['status']);
  const found = [
    alone({
      name: 'deploy-1000',
      what: '`deploy --all` of 1,000 unchanged versions',
      measured: taken.deploy,
      unit: 's',
      reach: { atMost: 2 },
    }),
    alone({
      name: 'status-1000',
      what: '`status` of 1,000 versions',
      measured: taken.status,
      unit: 's',
      reach: { atMost: 1 },
    }),
    compared({
      name: 'memory-1000',
      what: 'resident memory of the server, 1,000 idle functions',
      measured: [await many.residentMemory()],
      against: [await few.residentMemory()],
      side: '1 function',
      unit: 'MiB',
      by: 'difference',
      reach: { atMost: 60 },
    }),
  ];
  return found.filter(({ name }) => wanted(name));
}

async function deployed(scope, functions, versions) {
  const place = new Workplace(scope);
  place.write(nodeApp(APP, functions, versions));
  await place.run(['deploy', '--all'], APP);
  return place;
}

/** Seconds of a whole process, round by round. */
async function timed(place, args) {
  const taken = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    await place.run(args, APP);
    taken.push((performance.now() - started) / 1000);
  }
  return taken;
}
