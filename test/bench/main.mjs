// `npm run bench [-- NAME… --json --nodes]`: every number that issues 4 (Speed and scale), 5 (Real Fn servers) and 6
// (Kubernetes) ask for, in one table. Nothing is asserted: the exit code is 0 unless the bench itself broke. NAME is a
// row or a group; --nodes adds Node 22 and 24.
import { execFileSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { table } from '../../dist/cli/table.js';
import * as accuracy from './accuracy.mjs';
import * as cluster from './cluster.mjs';
import * as cold from './cold.mjs';
import * as deploy from './deploy.mjs';
import * as gateway from './gateway.mjs';
import * as proxyConnection from './proxy-connection.mjs';
import * as real from './real.mjs';
import * as render from './render.mjs';
import { notMeasured } from './row.mjs';
import * as routing from './routing.mjs';
import * as scale from './scale.mjs';
import { Scope } from './scope.mjs';
import * as shift from './shift.mjs';
import * as startup from './startup.mjs';

/** In the order of the issues. Each has `rows` (names) and `run({ scope, wanted, nodes })`, which gives rows. */
const GROUPS = {
  startup,
  gateway,
  cold,
  routing,
  shift,
  deploy,
  real,
  scale,
  accuracy,
  render,
  proxyConnection,
  cluster,
};

const HEADERS = ['row', 'what', 'measured', 'against', 'result', 'to reach', 'reached'];

const { values: flags, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, nodes: { type: 'boolean', default: false } },
});
const known = Object.entries(GROUPS).flatMap(([group, { rows }]) => [group, ...rows]);
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`no row ${unknown.join(', ')}; there are: ${[...new Set(known)].join(' ')}\n`);
  process.exit(2);
}

let scope = new Scope();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => void scope.close().then(() => process.exit(130)));
}

const machine = `${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, commit ${commit()}`;
const busy = loadavg()[0];
const started = Date.now();
const rows = [];
for (const [group, { rows: own, run }] of Object.entries(GROUPS)) {
  const wanted = (name) => names.length === 0 || names.includes(name) || names.includes(group);
  if (!own.some(wanted)) continue;
  process.stderr.write(`${group} … `);
  const at = Date.now();
  scope = new Scope();
  try {
    rows.push(...(await run({ scope, wanted, nodes: flags.nodes })));
    process.stderr.write(`${seconds(at)} s\n`);
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`broke: ${error.stack}\n`);
    rows.push(notMeasured(group, '', `the bench broke: ${error.message.split('\n')[0]}`));
  } finally {
    await scope.close();
  }
}
if (flags.json) process.stdout.write(`${JSON.stringify({ machine, load: busy, rows }, null, 2)}\n`);
else print();
process.exit();

function print() {
  const cells = rows.map(({ name, what, measured, against, result, reach, reached }) => {
    return [name, what, measured, against, result, reach, reached === null ? '–' : reached ? 'yes' : 'NO'];
  });
  const notes = rows.filter(({ note }) => note).map(({ name, note }) => `${name}: ${note}\n`);
  const noisy =
    busy > 0.5 ? `The machine was busy before (load ${busy.toFixed(1)}): numbers are noisy.\n` : '';
  process.stdout.write(`${table(HEADERS, cells)}\n\n${[...new Set(notes)].join('')}`);
  process.stdout.write(
    `${machine}; ${seconds(started)} s. Medians (lowest–highest); ratios are taken round by round.\n${noisy}`,
  );
}

function commit() {
  try {
    const options = { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], options).trim();
  } catch {
    return 'unknown';
  }
}

function seconds(since) {
  return Math.round((Date.now() - since) / 1000);
}
