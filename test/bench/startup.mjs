// Whole processes of the command line against a Node.js that does nothing: what a user waits for at the prompt.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { nodeApp } from './apps.mjs';
import { compared, notMeasured } from './row.mjs';
import { interleaved } from './stats.mjs';
import { BIN, Workplace } from './workplace.mjs';

export const rows = ['version', 'shift-command'];

const ROUNDS = 21;
/** The other Nodes' packages, installed when asked for. */
const OTHERS = [22, 24];

/** `--version` and a `shift` that writes (v2=50 and v2=40 in turn) in a deployed app, on this Node and on others. */
export async function run({ scope, wanted, nodes }) {
  const place = new Workplace(scope);
  place.write(nodeApp('start', 1, 2));
  await place.run(['deploy', '--all'], 'start');
  const found = await measure(place, process.execPath, wanted);
  if (!nodes) return found;
  for (const major of OTHERS) {
    const node = await install(place, major).catch((error) => error);
    if (typeof node === 'string') found.push(...(await measure(place, node, wanted)));
    else found.push(notMeasured('version', `on Node ${major}`, node.message.split('\n')[0]));
  }
  return found;
}

async function measure(place, node, wanted) {
  const version = spawnSync(node, ['-p', 'process.version'], { encoding: 'utf8' }).stdout.trim();
  const time = (...args) => wholeProcess(place, node, args);
  const takes = {
    nothing: () => time('-e', '0'),
    version: () => time(BIN, '--version'),
    shift: (round) => time(BIN, 'shift', `v2=${round % 2 === 0 ? 40 : 50}`),
  };
  // Once each for caches of every kind, so that the first round is like the others.
  await interleaved(2, takes);
  const { nothing, version: versions, shift } = await interleaved(ROUNDS, takes);
  // Node 22 and later start faster themselves, so there the issue asks for the added milliseconds only.
  const isTwenty = version.startsWith('v20.');
  const asked = { against: nothing, unit: 'ms', by: isTwenty ? 'ratio' : 'difference', side: '`node -e 0`' };
  return [
    {
      name: 'version',
      what: `\`fnmesh --version\`, Node ${version}`,
      measured: versions,
      ...(isTwenty && { reach: { atMost: 1.3 } }),
    },
    {
      name: 'shift-command',
      what: `\`fnmesh shift v2=50\`, Node ${version}`,
      measured: shift,
      ...(isTwenty && { reach: { atMost: 4 } }),
    },
  ]
    .filter(({ name }) => wanted(name))
    .map((row) => compared({ ...row, ...asked }));
}

/** Milliseconds from the start of a process until it has ended. */
function wholeProcess(place, node, args) {
  const options = { cwd: join(place.dir, 'start'), env: place.env, stdio: ['ignore', 'ignore', 'pipe'] };
  const started = performance.now();
  const { status, stderr } = spawnSync(node, args, options);
  const ms = performance.now() - started;
  if (status !== 0) throw new Error(`${node} ${args.join(' ')}: exit ${status}: ${stderr}`);
  return ms;
}

/** Installs a Node of this major version from npm; gives the path of its program. */
async function install(place, major) {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = `node${major}`;
  place.write({ [`${folder}/package.json`]: '{ "private": true }' });
  await place.exec('npm', ['install', '--no-audit', '--no-fund', `${name}@${major}`], folder);
  return join(place.dir, folder, 'node_modules', name, 'bin', 'node');
}
