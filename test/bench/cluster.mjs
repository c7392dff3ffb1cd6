// The real command line against an API server that stands in for a cluster's: a shift, and a deploy that changes nothing.
import { KINDS } from '../../dist/kubernetes/object.js';
import { nodeApp } from './apps.mjs';
import { ClusterStage } from './cluster-stage.mjs';
import { alone, compared } from './row.mjs';
import { interleaved } from './stats.mjs';
import { BIN } from './workplace.mjs';

const GROUP = { 'cluster-shift': shift, 'cluster-deploy': deploy };

export const rows = Object.keys(GROUP);

const SHIFTS = 9;
const FUNCTIONS = 200;
const DEPLOYS = 3;
const TARGET = ['--target', 'prod'];
const NOTE =
  "the API server is in memory and in the process of the bench (no etcd, no TLS), the Fn API an embedded server's";

/** Each row has a cluster of its own. */
export async function run({ scope, wanted }) {
  const found = [];
  for (const name of rows.filter(wanted)) found.push(...(await GROUP[name](scope)));
  return found;
}

/** v2=40 and v2=50 in turn, so that each writes, and raises one version. */
async function shift(scope) {
  const stage = await ClusterStage.open(scope, ['cart']);
  stage.write({ 'shop/app.yaml': 'name: shop\n' }, 'http://127.0.0.1:9');
  const [calls, proxied] = [[], []];
  const takes = {
    nothing: () => stage.timed(['-e', '0']),
    shift: async (round) => {
      const share = round % 2 === 0 ? 40 : 50;
      const { ms, requests } = await stage.timed([
        BIN,
        'shift',
        'cart',
        `v2=${share}`,
        ...TARGET,
        '--wait=none',
      ]);
      const isProxied = (line) => line.includes('/proxy');
      calls.push(requests.filter((line) => !isProxied(line)).length);
      proxied.push(requests.filter(isProxied).length);
      return { ms };
    },
  };
  await interleaved(2, takes);
  const taken = await interleaved(SHIFTS, takes);
  const row = { name: 'cluster-shift', what: 'calls of the API server a shift' };
  return [
    compared({
      ...row,
      what: '`fnmesh shift cart v2=50 --target prod --wait=none`',
      measured: taken.shift.map(({ ms }) => ms),
      against: taken.nothing.map(({ ms }) => ms),
      side: '`node -e 0`',
      unit: 'ms',
      by: 'ratio',
      note: NOTE,
    }),
    alone({ ...row, measured: calls, unit: 'calls', reach: { atMost: 3 } }),
    alone({
      ...row,
      what: 'its calls of the raised version by the Service proxy',
      measured: proxied,
      unit: 'calls',
      reach: { atMost: 1 },
    }),
  ];
}

/** The functions are on an embedded server, which is named as an Fn server of its own. */
async function deploy(scope) {
  const names = Array.from({ length: FUNCTIONS }, (_, n) => `f${n + 1}`);
  const stage = await ClusterStage.open(scope, names);
  stage.place.write(nodeApp('shop', FUNCTIONS, 2));
  await stage.place.run(['start', '-d']);
  stage.write({}, (await stage.place.server()).fnUrl);
  await stage.place.run(['deploy', '--all', ...TARGET], 'shop');
  const [seconds, lists, writes] = [[], [], []];
  let most;
  for (let round = 0; round < DEPLOYS; round++) {
    const { ms, requests } = await stage.timed([BIN, 'deploy', '--all', ...TARGET]);
    seconds.push(ms / 1000);
    [most] = [...listsOf(requests)].sort(([, one], [, other]) => other - one);
    lists.push(most[1]);
    writes.push(requests.filter((line) => !line.startsWith('GET') && !line.includes('accessreviews')).length);
  }
  const row = { name: 'cluster-deploy', what: `its lists of ${most[0]}, the kind that is listed most` };
  return [
    alone({
      ...row,
      what: `\`deploy --all --target prod\` of ${FUNCTIONS} unchanged functions × 2 versions`,
      measured: seconds,
      unit: 's',
      reach: { atMost: 3 },
      note: NOTE,
    }),
    alone({ ...row, measured: lists, unit: 'lists', reach: { atMost: 2 } }),
    alone({
      ...row,
      what: 'what it writes to the cluster',
      measured: writes,
      unit: 'calls',
      reach: { atMost: 0 },
    }),
  ];
}

/** How often each kind was listed; further pages of a list count too. */
function listsOf(requests) {
  const plurals = new Set(Object.values(KINDS).map(({ plural }) => plural));
  const lists = new Map();
  for (const line of requests) {
    const [, plural] = /^GET \S*\/([a-z]+)(?:\?|$)/.exec(line) ?? [];
    if (plurals.has(plural)) lists.set(plural, (lists.get(plural) ?? 0) + 1);
  }
  return lists;
}
