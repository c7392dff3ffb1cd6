// The first call of a function without a process, against the bare process's own time until it listens.
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { nodeVersion } from './apps.mjs';
import { startFunction } from './function-process.mjs';
import { compared, notMeasured } from './row.mjs';
import { end } from './scope.mjs';
import { interleaved } from './stats.mjs';
import { missing } from './tools.mjs';
import { Workplace } from './workplace.mjs';

export const rows = ['cold-go', 'cold-node'];

const ROUNDS = 11;
/** What an ended process leaves to do is done by then, in milliseconds. */
const SETTLE_MS = 100;
const LANGUAGES = { go: 'Go', node: 'Node' };

/** Functions with an idle_timeout of a second: before each round all of their processes have ended. */
export async function run({ scope, wanted }) {
  const absent = missing('go');
  const languages = Object.keys(LANGUAGES).filter((name) => wanted(`cold-${name}`));
  const able = languages.filter((name) => name !== 'go' || !absent);
  const place = new Workplace(scope);
  await makeApp(place, able);
  await place.run(['deploy', '--all'], 'cold');
  const { gatewayUrl } = await place.server();
  const builds = await place.control.call('GET /builds');
  const agent = new Agent({ keepAlive: true });
  scope.defer(() => agent.destroy());

  const first = (name) => timedCall(agent, `${gatewayUrl}/${name}`);
  // The first call of all takes over the process that the deploy started; from then on idle_timeout counts.
  for (const name of able) await first(name);
  const takes = able.flatMap((name) => {
    const build = builds.find(({ image }) => image.includes(`/${name}-v1:`));
    return [
      [`${name} call`, () => place.idle('cold').then(() => pause(SETTLE_MS).then(() => first(name)))],
      [`${name} bare`, () => place.idle('cold').then(() => pause(SETTLE_MS).then(() => bare(scope, build)))],
    ];
  });
  const taken = await interleaved(ROUNDS, Object.fromEntries(takes));
  return languages.map((name) => {
    const what = `first call of a cold ${LANGUAGES[name]} function`;
    if (!able.includes(name)) return notMeasured(`cold-${name}`, what, absent);
    return compared({
      name: `cold-${name}`,
      what,
      measured: taken[`${name} call`],
      against: taken[`${name} bare`],
      side: 'bare process listens',
      unit: 'ms',
      by: 'difference',
      reach: { atMost: 15 },
    });
  });
}

async function makeApp(place, languages) {
  if (languages.includes('go')) {
    await place.run(['init', 'cold', '--function', 'go', '--runtime', 'go', '--versions', 'v1', '--no-git']);
    const path = join(place.dir, 'cold/go/v1/func.yaml');
    writeFileSync(path, `${readFileSync(path, 'utf8')}idle_timeout: 1\n`);
  } else place.write({ 'cold/app.yaml': 'name: cold\n' });
  if (languages.includes('node')) place.write(nodeVersion('cold/node/v1', 'node', 'v1'));
}

async function bare(scope, build) {
  const { child, ms } = await startFunction(scope, build);
  await end(child);
  return ms;
}

/** Milliseconds from sending a GET until its whole answer is there. */
function timedCall(agent, url) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const outgoing = request(url, { agent }, (answer) => {
      answer.resume();
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(performance.now() - started);
        else reject(new Error(`${url} answered ${answer.statusCode}`));
      });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
