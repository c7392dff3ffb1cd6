// How far versions are from their exact shares, at every moment of 100,000 requests over real HTTP.
import { connect } from 'node:net';
import { createDataPlane } from '../../dist/server/data-plane.js';
import { createFunctions } from '../../dist/server/functions/functions.js';
import { closeHttpServer, createHttpServer } from '../../dist/server/http.js';
import { limitsFrom } from '../../dist/server/limits.js';
import { createLogs } from '../../dist/server/logs.js';
import { State } from '../../dist/server/state.js';
import { nodeApp } from './apps.mjs';
import { alone } from './row.mjs';
import { sum, Workplace } from './workplace.mjs';

export const rows = ['accuracy'];

const APP = 'fair';
const REQUESTS = 100_000;
const CONNECTIONS = 64;
/** In basis points. */
const SPLIT = { v1: 50, v2: 1000, v3: 8950 };

/**
 * Deployed and shifted by the command line; then its state is served in this process, so that the order in which the
 * gateway decides can be listened to: after each decision every version's count is compared with its share.
 */
export async function run({ scope }) {
  const place = new Workplace(scope);
  place.write(nodeApp(APP, 1, 3));
  await place.run(['deploy', '--all'], APP);
  await place.run(['shift', 'v1=0.5%', 'v2=10', 'v3=89.5'], APP);
  await place.run(['stop']);

  const state = await State.open(place.home);
  const limits = limitsFrom({});
  const real = createFunctions({
    catalog: state,
    logs: createLogs(),
    stateDir: place.home,
    limits: limits.response,
  });
  const decided = new Counts();
  const functions = {
    ...real,
    call(app, fn, call) {
      decided.add(fn.name.replace(/^.*-/, ''));
      real.call(app, fn, call);
    },
  };
  const plane = createDataPlane({ catalog: state, functions, maxRequestSize: limits.maxRequestSize });
  const server = createHttpServer((request, response) => plane.gateway.handle(request, response));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(async () => {
    await closeHttpServer(server, 1000);
    await real.close();
    await state.close();
  });

  const answered = new Counts();
  let left = REQUESTS;
  const more = () => left-- > 0;
  const { port } = server.address();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, () => ask(port, more, (version) => answered.add(version))),
  );
  if (decided.total !== REQUESTS || answered.total !== REQUESTS)
    throw new Error(`${REQUESTS} sent, ${decided.total} decided on, ${answered.total} answered`);
  const shares = Object.keys(SPLIT).map((version) => `${version} ${answered.of(version)}`);
  return [
    alone({
      name: 'accuracy',
      what: `100,000 requests at 0.5/10/89.5, ${CONNECTIONS} connections: worst distance from a share`,
      measured: [decided.worst],
      unit: 'requests',
      reach: { atMost: 2 },
      note: `answered by ${shares.join(', ')}; the distance at the end is ${answered.distance()}`,
    }),
  ];
}

/** Counts per version and how far they ever were from their shares. */
class Counts {
  total = 0;
  worst = 0;
  #counts = Object.fromEntries(Object.keys(SPLIT).map((version) => [version, 0]));

  add(version) {
    this.total++;
    this.#counts[version]++;
    this.worst = Math.max(this.worst, this.distance());
  }

  of(version) {
    return this.#counts[version];
  }

  /** Of the version that is farthest from its share, in requests; reckoned in whole numbers until the end. */
  distance() {
    const whole = sum(Object.values(SPLIT));
    const parts = Object.entries(SPLIT).map(([version, weight]) =>
      Math.abs(this.#counts[version] * whole - this.total * weight),
    );
    return Math.max(...parts) / whole;
  }
}

/** One connection: asks as long as `more` says so, one request after the other; tells the version of each answer. */
function ask(port, more, tell) {
  const request = `GET /f1 HTTP/1.1\r\nHost: ${APP}.localhost\r\n\r\n`;
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', next).setNoDelay().setEncoding('latin1');
    let text = '';
    socket.on('error', reject);
    socket.on('close', resolve);
    socket.on('data', (chunk) => {
      text += chunk;
      // The function's whole answer is `ok`.
      if (!text.endsWith('\r\n\r\nok')) return;
      const [, version] = /^Fnmesh-Version: (\S+)\r$/m.exec(text) ?? [];
      if (!text.startsWith('HTTP/1.1 200') || version === undefined) socket.destroy(new Error(text));
      tell(version);
      text = '';
      next();
    });
    function next() {
      if (more()) socket.write(request);
      else socket.end();
    }
  });
}
