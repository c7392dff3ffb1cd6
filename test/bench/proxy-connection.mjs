// What it costs that a cluster's proxies open a connection to the Fn server for every request: the shipped configuration
// against the same with a pool of connections.
import { nginxConf } from '../../dist/kubernetes/render/nginx.js';
import { proxiesOf } from '../../dist/kubernetes/render/proxies.js';
import { clusterRoute, clusterSite } from './cluster-site.mjs';
import { load } from './load.mjs';
import { compared, notMeasured } from './row.mjs';
import { interleaved } from './stats.mjs';
import { missing } from './tools.mjs';
import { helper } from './typescript.mjs';

export const rows = ['proxy-connection'];

const ROUNDS = 5;
const SECONDS = 2;
const CONNECTIONS = [1, 16];

/** The server behind them does nothing but answer, in another nginx. */
export async function run({ scope }) {
  const why = missing('nginx', 'wrk');
  if (why) return [notMeasured('proxy-connection', 'a connection a request', why)];
  const { freePort, startNginx } = await helper('nginx');
  const started = async (text, port) => {
    const nginx = await startNginx(text, port === undefined ? {} : { port });
    scope.defer(() => nginx.stop());
    return { url: `http://127.0.0.1:${nginx.port}/cart` };
  };
  const port = await freePort();
  const site = clusterSite();
  const [proxy] = proxiesOf(site, [clusterRoute('cart', `http://127.0.0.1.invalid:${port}`)]);
  const shipped = nginxConf({ ...proxy, upstream: { ...proxy.upstream, authority: `127.0.0.1:${port}` } });
  await started(answering(shipped), port);
  const targets = { shipped: await started(shipped), pooled: await started(pooled(shipped, port)) };
  const found = [];
  for (const connections of CONNECTIONS) {
    const taken = await interleaved(ROUNDS, {
      shipped: () => load(targets.shipped, connections, SECONDS),
      pooled: () => load(targets.pooled, connections, SECONDS),
    });
    const what = `through a cluster's proxy, a connection a request, ${connections} callers`;
    for (const [measure, unit] of [
      ['p50', 'ms'],
      ['perSecond', 'requests/s'],
    ]) {
      found.push(
        compared({
          name: 'proxy-connection',
          what: `${measure === 'p50' ? 'p50' : 'throughput'} ${what}`,
          measured: taken.shipped.map((each) => each[measure]),
          against: taken.pooled.map((each) => each[measure]),
          side: 'kept connections',
          unit,
          by: 'ratio',
        }),
      );
    }
  }
  return found;
}

/** An nginx that answers everything itself. */
function answering(shipped) {
  return shipped.replace(
    /location \/ \{/,
    'location /t/ { access_log off; return 200 ok; }\n    location / {',
  );
}

function pooled(shipped, port) {
  const pool = `  upstream fn_pool { server 127.0.0.1:${port}; keepalive 64; keepalive_requests 10000000; }\n`;
  return shipped
    .replace('\n  server {', `\n${pool}\n  server {`)
    .replace(/set \$fn \S+;/, 'set $fn fn_pool;')
    .replace('proxy_set_header Connection close;', 'proxy_set_header Connection "";');
}
