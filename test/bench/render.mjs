// What a cluster gets for 10,000 functions with two versions each: the time of rendering it, and the memory at its peak.
import { execFile } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { promisify } from 'node:util';
import { renderFiles } from '../../dist/kubernetes/render/files.js';
import { renderRoutes } from '../../dist/kubernetes/render/routes.js';
import { renderWorkloads } from '../../dist/kubernetes/render/workloads.js';
import { clusterRoute, clusterSite } from './cluster-site.mjs';
import { alone } from './row.mjs';

export const rows = ['render'];

const FUNCTIONS = 10_000;
const ROUNDS = 2;

/** Each round in a process of its own, so that the peak is its own too. */
export async function run() {
  const found = [];
  for (const proxy of ['dedicated', 'shared']) {
    const taken = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { stdout } = await promisify(execFile)(process.execPath, [import.meta.filename, proxy]);
      taken.push(JSON.parse(stdout));
    }
    const what = `objects and files of 10,000 functions × 2 versions, ${proxy} proxies`;
    const note = `${proxy}: ${taken[0].objects} objects, ${taken[0].mebibytes} MiB of YAML`;
    found.push(
      alone({ name: 'render', what, measured: taken.map(({ seconds }) => seconds), unit: 's', note }),
      alone({
        name: 'render',
        what: 'its peak memory',
        measured: taken.map(({ peak }) => peak),
        unit: 'MiB',
      }),
    );
  }
  return found;
}

function render(proxy) {
  const site = clusterSite({ proxy });
  const routes = Array.from({ length: FUNCTIONS }, (_, n) => clusterRoute(`f${n}`));
  const started = performance.now();
  const workloads = renderWorkloads(site, routes);
  const bound = routes.flatMap((route) => renderRoutes(site, { route, revision: 1, history: [] }));
  const { files } = renderFiles({ app: site.app, target: 'bench', workloads, routes: bound });
  const seconds = (performance.now() - started) / 1000;
  const bytes = files.reduce((sum, { text }) => sum + text.length, 0);
  return {
    seconds,
    objects: workloads.length + bound.length,
    mebibytes: Math.round(bytes / 2 ** 20),
    peak: process.resourceUsage().maxRSS / 1024,
  };
}

if (process.argv[1] === import.meta.filename) process.stdout.write(JSON.stringify(render(process.argv[2])));
