import { expect, test } from 'vitest';
import { rewriteNote } from '../../src/deploy/rewrite-note.js';
import type { ObjectChange } from '../../src/kubernetes/front.js';
import type { Route } from '../../src/routing/route.js';

const BEFORE: Route = {
  ...{
    app: 'shop',
    function: 'cart',
    host: 'a.example.com',
    path: '/cart',
    rules: [],
    split: { v1: 10_000 },
  },
  destinations: { v1: { fn: 'cart-v1', source: '/cart/v1' } },
};
const deployment = (action: ObjectChange['action']): ObjectChange => {
  return { action, kind: 'Deployment', namespace: 'hello', name: 'x', fields: [] };
};
const two = { ...BEFORE.destinations, v2: { fn: 'cart-v2', source: '/cart/v2' } };

test.each<[string, Partial<Route>, ObjectChange[], string | undefined]>([
  ['nothing that has a word', {}, [deployment('update')], undefined],
  ['a new version', { destinations: two, split: { v1: 10_000, v2: 0 } }, [deployment('create')], undefined],
  ['the host', { host: 'b.example.com' }, [], 'host a.example.com → b.example.com'],
  ['the path', { path: '/' }, [], 'path /cart → /'],
  ['its trigger', { destinations: { v1: { fn: 'cart-v1', source: '/x' } } }, [], 'other triggers'],
  ['the proxies', {}, [deployment('create'), deployment('remove')], 'other proxies'],
])('%s', (_, change, objects, expected) => {
  const table = { app: 'shop', routes: [{ route: BEFORE, revision: 1 }] };
  const price = { ...BEFORE, function: 'price' };
  const changes = [
    { kind: 'put' as const, route: { ...BEFORE, ...change }, ifRevision: 1 },
    { kind: 'put' as const, route: price, ifRevision: null },
    { kind: 'remove' as const, app: 'shop', function: 'gone', ifRevision: 1 },
  ];
  expect(rewriteNote(changes, table, objects)).toBe(expected);
});
