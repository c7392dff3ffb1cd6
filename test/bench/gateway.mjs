// The gateway under load with hot Go functions, against nginx over as many copies of the same processes.
import { startFunction } from './function-process.mjs';
import { get, load } from './load.mjs';
import { startNginx } from './nginx.mjs';
import { compared, notMeasured } from './row.mjs';
import { end } from './scope.mjs';
import { interleaved } from './stats.mjs';
import { missing } from './tools.mjs';
import { sum, Workplace } from './workplace.mjs';

export const rows = ['gateway-1', 'gateway-8', 'gateway-64', 'trigger'];

const ROUNDS = 7;
const SECONDS = 1;
const WARM_SECONDS = 1;

/** The apps: how many versions share the traffic. Fn's own path leads to one version, so it is held against `one`. */
const APPS = [
  { app: 'two', versions: 'v1,v2', split: 'v1=50', title: '2 versions' },
  { app: 'one', versions: 'v1', title: '1 version' },
];

/** The `go` template, deployed for real; 1, 8 and 64 connections; gateway, nginx and Fn's own path within each round. */
export async function run({ scope, wanted }) {
  const why = missing('wrk', 'nginx', 'go');
  if (why) return rows.filter(wanted).map((name) => notMeasured(name, 'requests through the gateway', why));
  const place = new Workplace(scope);
  const found = [];
  for (const setup of APPS) {
    await place.run(['init', setup.app, '--runtime', 'go', '--versions', setup.versions, '--no-git']);
    await place.run(['deploy', '--all'], setup.app);
    if (setup.split) await place.run(['shift', setup.split], setup.app);
    // In this order, since the server has the more processes the more connections there have been.
    for (const connections of [1, 8, 64]) {
      const withTrigger = setup.app === 'one' && connections > 1 && wanted('trigger');
      if (wanted(`gateway-${connections}`) || withTrigger)
        found.push(...(await measure(scope, place, setup, connections, withTrigger)));
    }
  }
  return found.filter(({ name }) => wanted(name));
}

async function measure(scope, place, { app, title }, connections, withTrigger) {
  const { fnUrl, gatewayUrl } = await place.server();
  const host = `${app}.localhost`;
  const gateway = { url: `${gatewayUrl}/`, host };
  const trigger = { url: `${fnUrl}/t/${app}/v1` };
  await load(gateway, connections, WARM_SECONDS);
  const copies = await startCopies(scope, place, app);
  const sockets = copies.map(({ socket }) => socket);
  const nginx = await startNginx(scope, sockets, host);
  for (const target of [gateway, nginx.target, trigger]) {
    const answer = await get(target);
    if (!answer.includes(`Hello World from ${app} v`)) throw new Error(`${target.url} answers ${answer}`);
  }
  await load(nginx.target, connections, WARM_SECONDS);
  const taken = await interleaved(ROUNDS, {
    nginx: () => load(nginx.target, connections, SECONDS),
    gateway: () => load(gateway, connections, SECONDS),
    ...(withTrigger && { trigger: () => load(trigger, connections, SECONDS) }),
  });
  await end(nginx.child);
  for (const { child } of copies) await end(child);
  const what = `${title}, ${connections === 1 ? '1 connection' : `${connections} connections`}`;
  const found = rowsOf(`gateway-${connections}`, what, connections, taken, copies.length);
  if (withTrigger) found.push(triggerRow(what, taken));
  return found;
}

/** As many copies of each version's process as the server has of it now. */
async function startCopies(scope, place, app) {
  const builds = new Map((await place.control.call('GET /builds')).map((build) => [build.image, build]));
  const copies = [];
  for (const { image, processes } of await place.functions(app)) {
    for (let n = sum(Object.values(processes)); n > 0; n--)
      copies.push(await startFunction(scope, builds.get(image)));
  }
  return copies;
}

function rowsOf(name, what, connections, { gateway, nginx }, copies) {
  const side = `nginx over ${copies}`;
  const series = (key) => ({
    measured: gateway.map((one) => one[key]),
    against: nginx.map((one) => one[key]),
    side,
  });
  if (connections === 1) {
    const reach = { atMost: 0.4 };
    return [compared({ name, what: `p50, ${what}`, ...series('p50'), unit: 'ms', by: 'difference', reach })];
  }
  const reach = { atLeast: 0.5 };
  return [
    compared({ name, what: `requests, ${what}`, ...series('perSecond'), unit: '/s', by: 'ratio', reach }),
    // Of latencies too, nginx's part: 0.5 means that ours is twice as long.
    compared({ name, what: `p99, ${what}`, ...series('p99'), unit: 'ms', by: 'inverse', reach }),
  ];
}

function triggerRow(what, { trigger, gateway }) {
  return compared({
    name: 'trigger',
    what: `/t/app/source, ${what}`,
    measured: trigger.map(({ perSecond }) => perSecond),
    against: gateway.map(({ perSecond }) => perSecond),
    unit: '/s',
    by: 'ratio',
    side: 'gateway',
    reach: { atLeast: 0.9 },
  });
}
