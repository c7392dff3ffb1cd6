import { expect, test } from 'vitest';
import { destroyPlanView, destroyView } from '../../../src/cli/views/destroy.js';
import { frontLines, goneLines } from '../../../src/cli/views/front.js';
import type { FrontRows, RouteRow } from '../../../src/deploy/route-rows.js';
import type { ObjectChange } from '../../../src/kubernetes/front.js';

const object = (action: ObjectChange['action'], kind: string, name: string): ObjectChange => {
  return { action, kind, namespace: 'hello', name, fields: [] };
};
const route = (action: RouteRow['action'], fn: string): RouteRow => {
  const at = { kind: 'HTTPRoute', namespace: 'hello', name: `shop-${fn}` };
  return { action, ...at, function: fn, host: 'shop.example.com', path: `/${fn}` };
};
const front = (more: Partial<FrontRows>): FrontRows => ({ objects: [], routes: [], warnings: [], ...more });
const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `f${at + 1}`);

test('where the gateway is the embedded one, and where nothing changes, there is nothing to say', () => {
  expect([frontLines(null, false), frontLines(front({}), false)]).toEqual([[], []]);
  expect([goneLines(null, true), goneLines(front({}), true)]).toEqual([[], []]);
});

test('each object and route, where it answers, and how many', () => {
  const changes = [{ field: 'spec.replicas', from: 2, to: 3 }];
  const deployment = { ...object('update', 'Deployment', 'b'), changes };
  const some = front({
    objects: [object('create', 'Service', 'a'), deployment],
    routes: [route('write', 'cart')],
    warnings: ['odd'],
  });
  expect(frontLines(some, false)).toEqual([
    'Service hello/a created',
    'Deployment hello/b updated: spec.replicas 2 → 3',
    'HTTPRoute hello/shop-cart written: shop.example.com/cart',
    'on the cluster: 1 object created, 1 object updated, 1 route written',
  ]);
  expect(frontLines(some, true).slice(2)).toEqual([
    'HTTPRoute hello/shop-cart would be written: shop.example.com/cart',
    'on the cluster: 1 object would be created, 1 object would be updated, 1 route would be written',
    'warning: odd',
  ]);
});

test('of many only how many', () => {
  const many = front({
    objects: names(400).map((name) => object('create', 'Service', name)),
    routes: names(200).map((fn) => route('write', fn)),
  });
  expect(frontLines(many, false)).toEqual([
    '400 × Service created',
    '200 × HTTPRoute written',
    'on the cluster: 400 objects created, 200 routes written',
  ]);
});

test('what goes: the routes first, a line a kind, however many there are', () => {
  const gone = front({
    objects: [
      // In the order in which they are removed.
      ...names(300)
        .reverse()
        .map((name) => object('remove', 'Deployment', name)),
      object('remove', 'Secret', 'pin'),
      object('update', 'Service', 'stays'),
    ],
    routes: [route('remove', 'cart'), route('write', 'price')],
    warnings: ['odd'],
  });
  const plan = { app: 'shop', versions: [], routes: [], deletesApp: null, kept: [] };
  const lines = [
    'would remove 1 × HTTPRoute in hello: shop-cart',
    'would remove 300 × Deployment in hello: f1, f2, f3, f4, f5, f6, f7, f8 and 292 more',
    'would remove 1 × Secret in hello: pin',
    'Service hello/stays would be updated',
    'HTTPRoute hello/shop-price would be written: shop.example.com/price',
    'on the cluster: 1 object would be updated, 1 route would be written',
    'warning: odd',
  ];
  expect(destroyPlanView({ ...plan, front: gone }).split('\n')).toEqual(lines);
  const done = { app: 'shop', removed: [], appRemoved: true, kept: [], undrained: [], front: gone };
  expect(destroyView(done).split('\n')).toEqual([
    'removed 1 × HTTPRoute in hello: shop-cart',
    'removed 300 × Deployment in hello: f1, f2, f3, f4, f5, f6, f7, f8 and 292 more',
    'removed 1 × Secret in hello: pin',
    'Service hello/stays updated',
    'HTTPRoute hello/shop-price written: shop.example.com/price',
    'on the cluster: 1 object updated, 1 route written',
    'removed app shop',
  ]);
});
