// A server's state with any number of functions, written as the store writes it, without deploying them.
import { hostOf } from '../../dist/routing/match.js';
import { writeSnapshot } from '../../dist/server/store/snapshot.js';

export const APP = 'shop';
const STAMP = '2026-01-01T00:00:00.000Z';

/** The route of the n-th function: two versions at 50/50 under `/fN`. */
export function routeOf(n, v2 = 5000) {
  const name = `f${n}`;
  return {
    app: APP,
    function: name,
    host: hostOf(APP),
    path: `/${name}`,
    rules: [],
    split: { v1: 10_000 - v2, v2 },
    destinations: {
      v1: { fn: `${name}-v1`, source: `/${name}/v1` },
      v2: { fn: `${name}-v2`, source: `/${name}/v2` },
    },
  };
}

/** Writes a state folder with one app and routes of its functions f0, f1, … at revision 1. */
export async function writeState(dir, functions) {
  const app = { id: '01'.padEnd(26, '0'), name: APP, created_at: STAMP, updated_at: STAMP };
  const entries = [['apps', app.id, app]];
  for (let n = 0; n < functions; n++) {
    const route = routeOf(n);
    entries.push(['routes', `${APP}/${route.function}`, { route, revision: 1 }]);
  }
  await writeSnapshot(dir, 1, entries);
}
