import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FrontStep } from '../../../src/kubernetes/front.js';
import { idOf } from '../../../src/kubernetes/front/live.js';
import { BrokenOff, Simulation, type Wanted } from './simulation.js';
import { route, site } from './sites.js';

const cart = route('cart', ['v1', 'v2']);
const start: Wanted = { site: site(), routes: [cart, route('shop', ['v1'])] };
const shared: Wanted = { ...start, site: site({ proxy: 'shared' }) };

/** From one state to another: what is done before and after the routes are written. */
const TRANSITIONS: {
  name: string;
  from: Wanted | null;
  to: Wanted;
  before: string[];
  after: string[];
  rewrite?: string[];
}[] = [
  {
    name: 'nothing changed',
    from: start,
    to: start,
    before: [],
    after: [],
  },
  {
    name: 'first deploy',
    from: null,
    to: { site: site(), routes: [route('cart', ['v1'])] },
    before: [
      'apply ConfigMap/shop-cart-v1 Service/shop-cart-v1 PodDisruptionBudget/shop-cart-v1',
      'apply Deployment/shop-cart-v1',
      'await-rollout shop-cart-v1',
      'await-endpoints shop-cart-v1',
      'drain 3000',
    ],
    after: ['await-routes cart'],
  },
  {
    name: 'a version more, without weight',
    from: start,
    to: { ...start, routes: [route('cart', ['v1', 'v2', 'v3']), route('shop', ['v1'])] },
    before: [
      'apply ConfigMap/shop-cart-v3 Service/shop-cart-v3 PodDisruptionBudget/shop-cart-v3',
      'apply Deployment/shop-cart-v3',
      'await-rollout shop-cart-v3',
      'await-endpoints shop-cart-v3',
    ],
    after: ['await-routes cart'],
  },
  {
    name: 'a version less',
    from: start,
    to: { ...start, routes: [route('cart', ['v1']), route('shop', ['v1'])] },
    before: [],
    after: [
      'await-routes cart',
      'drain 30000',
      'remove PodDisruptionBudget/shop-cart-v2 Deployment/shop-cart-v2 Service/shop-cart-v2 ConfigMap/shop-cart-v2',
    ],
  },
  {
    name: 'a function less',
    from: start,
    to: { ...start, routes: [cart] },
    before: [],
    after: [
      'await-routes shop',
      'drain 30000',
      'remove PodDisruptionBudget/shop-v1 Deployment/shop-v1 Service/shop-v1 ConfigMap/shop-v1',
    ],
  },
  {
    name: 'everything goes',
    from: shared,
    to: { ...shared, routes: [] },
    before: [],
    after: [
      'await-routes cart,shop',
      'drain 30000',
      'remove PodDisruptionBudget/shop-proxy Deployment/shop-proxy Service/shop-v1 Service/shop-cart-v2 Service/shop-cart-v1 ConfigMap/shop-proxy',
    ],
  },
  {
    name: 'a function with another name',
    from: { site: site(), routes: [route('cart', ['v1'])] },
    to: { site: site(), routes: [route('basket', ['v1'])] },
    before: [
      'apply ConfigMap/shop-basket-v1 Service/shop-basket-v1 PodDisruptionBudget/shop-basket-v1',
      'apply Deployment/shop-basket-v1',
      'await-rollout shop-basket-v1',
      'await-endpoints shop-basket-v1',
      'drain 3000',
    ],
    after: [
      'await-routes basket,cart',
      'drain 30000',
      'remove PodDisruptionBudget/shop-cart-v1 Deployment/shop-cart-v1 Service/shop-cart-v1 ConfigMap/shop-cart-v1',
    ],
  },
  {
    name: 'a version with another name, and all the weight',
    from: { site: site(), routes: [route('cart', ['v1'])] },
    to: { site: site(), routes: [route('cart', ['v9'])] },
    before: [
      'apply ConfigMap/shop-cart-v9 Service/shop-cart-v9 PodDisruptionBudget/shop-cart-v9',
      'apply Deployment/shop-cart-v9',
      'await-rollout shop-cart-v9',
      'await-endpoints shop-cart-v9',
      'drain 3000',
    ],
    after: [
      'await-routes cart',
      'drain 30000',
      'remove PodDisruptionBudget/shop-cart-v1 Deployment/shop-cart-v1 Service/shop-cart-v1 ConfigMap/shop-cart-v1',
    ],
  },
  {
    name: 'dedicated to shared: the routes first, then the Services',
    from: start,
    to: shared,
    before: [
      'apply ConfigMap/shop-proxy PodDisruptionBudget/shop-proxy',
      'apply Deployment/shop-proxy',
      'await-rollout shop-proxy',
    ],
    rewrite: ['cart', 'shop'],
    after: [
      'await-routes cart,shop',
      'apply Service/shop-cart-v1 Service/shop-cart-v2 Service/shop-v1',
      'await-endpoints shop-cart-v1,shop-cart-v2,shop-v1',
      'drain 30000',
      `remove ${['PodDisruptionBudget', 'Deployment', 'ConfigMap'].flatMap((kind) => ['shop-v1', 'shop-cart-v2', 'shop-cart-v1'].map((name) => `${kind}/${name}`)).join(' ')}`,
    ],
  },
  {
    name: 'shared to dedicated: the Services first, then the routes',
    from: shared,
    to: start,
    before: [
      `apply ${['ConfigMap', 'PodDisruptionBudget'].flatMap((kind) => ['shop-cart-v1', 'shop-cart-v2', 'shop-v1'].map((name) => `${kind}/${name}`)).join(' ')}`,
      'apply Deployment/shop-cart-v1 Deployment/shop-cart-v2 Deployment/shop-v1',
      'await-rollout shop-cart-v1,shop-cart-v2,shop-v1',
      'apply Service/shop-cart-v1 Service/shop-cart-v2 Service/shop-v1',
      'await-endpoints shop-cart-v1,shop-cart-v2,shop-v1',
      'drain 3000',
    ],
    rewrite: ['cart', 'shop'],
    after: [
      'await-routes cart,shop',
      'await-endpoints shop-cart-v1,shop-cart-v2,shop-v1',
      'drain 30000',
      'remove PodDisruptionBudget/shop-proxy Deployment/shop-proxy ConfigMap/shop-proxy',
    ],
  },
  {
    name: 'mesh on',
    from: start,
    to: { ...start, site: site({ mesh: true }) },
    before: ['apply Service/shop Service/shop-cart', 'await-endpoints shop,shop-cart'],
    rewrite: ['cart', 'shop'],
    after: ['await-routes cart,shop'],
  },
  {
    name: 'mesh off',
    from: { ...start, site: site({ mesh: true }) },
    to: start,
    before: [],
    rewrite: ['cart', 'shop'],
    after: ['await-routes cart,shop', 'drain 30000', 'remove Service/shop-cart Service/shop'],
  },
  {
    name: 'another host',
    from: start,
    to: {
      site: site({ host: 'new.example.com' }),
      routes: start.routes.map((each) => ({ ...each, host: 'new.example.com' })),
    },
    before: [],
    after: ['await-routes cart,shop'],
  },
  {
    name: 'another gateway',
    from: start,
    to: { ...start, site: site({ gateway: { namespace: 'istio-ingress', name: 'other' } }) },
    before: [],
    rewrite: ['cart', 'shop'],
    after: ['await-routes cart,shop'],
  },
  {
    name: 'other pins',
    from: start,
    to: { ...start, site: site({ pin: { kind: 'off' } }) },
    before: [],
    rewrite: ['cart', 'shop'],
    after: ['await-routes cart,shop'],
  },
  {
    name: 'another API: the old routes leave their host, and go when the new ones are there',
    from: start,
    to: { ...start, site: site({ api: 'istio' }) },
    before: ['park HTTPRoute/shop-cart HTTPRoute/shop'],
    rewrite: ['cart', 'shop'],
    after: ['await-routes cart,shop', 'remove HTTPRoute/shop-cart HTTPRoute/shop'],
  },
  {
    name: 'another image and number of Pods',
    from: { site: site(), routes: [route('cart', ['v1'])] },
    to: { site: site({}, { image: 'example.com/nginx:2', replicas: 1 }), routes: [route('cart', ['v1'])] },
    before: ['apply Deployment/shop-cart-v1', 'await-rollout shop-cart-v1'],
    after: ['remove PodDisruptionBudget/shop-cart-v1'],
  },
];

const words = (steps: readonly FrontStep[]): string[] =>
  steps.map((step) => {
    if (step.do === 'apply')
      return `apply ${step.objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`).join(' ')}`;
    if (step.do === 'remove' || step.do === 'park')
      return `${step.do} ${step.objects.map(({ kind, name }) => `${kind}/${name}`).join(' ')}`;
    if (step.do === 'drain') return `drain ${step.ms}`;
    return `${step.do} ${Object.values(step).find(Array.isArray)?.join(',')}`;
  });

describe('what is done before and after the routes are written', () => {
  test.each(TRANSITIONS)('$name', ({ from, to, before, after, rewrite = [] }) => {
    const cluster = new Simulation();
    if (from) cluster.run(from);
    const plan = cluster.run(to);
    expect({ before: words(plan.before), rewrite: plan.rewrite, after: words(plan.after) }).toEqual({
      before,
      rewrite,
      after,
    });
    expect(cluster.wrong).toEqual([]);
    expect(cluster.plan(to)).toEqual({
      objects: [],
      before: [],
      after: [],
      rewrite: [],
      warnings: [],
      notes: [],
    });
  });
});

/** What there is, without what only tells when it was made. */
function stateOf(cluster: Simulation): unknown {
  return [...cluster.objects.values()]
    .map(({ metadata: { uid: _uid, generation: _generation, ...metadata }, status: _status, ...object }) => ({
      ...object,
      metadata,
    }))
    .sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
}

/** Runs until `writes` were made; gives whether it came to its end. */
function runUpTo(cluster: Simulation, wanted: Wanted, writes: number): boolean {
  let left = writes;
  cluster.tick = () => {
    if (left-- <= 0) throw new BrokenOff();
  };
  try {
    cluster.run(wanted);
    return true;
  } catch (error) {
    if (!(error instanceof BrokenOff)) throw error;
    return false;
  } finally {
    cluster.tick = () => undefined;
  }
}

describe('broken off after any write', () => {
  test.each(TRANSITIONS)('$name', ({ from, to }) => {
    const whole = new Simulation();
    if (from) whole.run(from);
    whole.run(to);
    for (let writes = 0, isWhole = false; !isWhole; writes++) {
      const cluster = new Simulation();
      if (from) cluster.run(from);
      isWhole = runUpTo(cluster, to, writes);
      cluster.run(to);
      expect(cluster.wrong).toEqual([]);
      expect(stateOf(cluster)).toEqual(stateOf(whole));
      expect(cluster.plan(to).objects).toEqual([]);
    }
  });
});

const versions = fc.subarray(['v1', 'v2', 'v3'], { minLength: 1 });
const anyRoute = (fn: string) =>
  fc.tuple(versions, fc.nat()).map(([names, at]) => {
    const first = names[at % names.length]!;
    const split = Object.fromEntries(names.map((name) => [name, name === first ? 10_000 : 0]));
    return route(fn, names, split);
  });
const wanted: fc.Arbitrary<Wanted> = fc
  .record({
    changes: fc.record({
      proxy: fc.constantFrom('dedicated' as const, 'shared' as const),
      mesh: fc.boolean(),
      api: fc.constantFrom('istio' as const, 'gateway-api' as const),
      host: fc.constantFrom('shop.example.com', 'new.example.com'),
      pin: fc.constantFrom({ kind: 'off' as const }, { kind: 'on' as const }),
    }),
    settings: fc.record({
      image: fc.constantFrom('example.com/a', 'example.com/b'),
      replicas: fc.constantFrom(1, 2),
    }),
    routes: fc
      .tuple(anyRoute('cart'), anyRoute('price'), anyRoute('shop'), fc.subarray(['cart', 'price', 'shop']))
      .map(([cart, price, shop, names]) =>
        [cart, price, shop].filter((each) => names.includes(each.function)),
      ),
  })
  .map(({ changes, settings, routes }) => ({
    site: site(changes, settings),
    routes: routes.map((each) => ({ ...each, host: changes.host })),
  }));

test('whatever is wanted, and wherever it is broken off: no weight ever leads to nothing, and the end is the same', () => {
  const runs = fc.array(fc.tuple(wanted, fc.option(fc.nat({ max: 60 }), { nil: null })), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(runs, wanted, (steps, last) => {
      const cluster = new Simulation();
      // A switch of API carries the shares over, whatever else changes with it.
      const keepingShares = ({ site: at, routes }: Wanted): Wanted => {
        const there = new Map(cluster.read(at).map((each) => [each.function, each]));
        return { site: at, routes: routes.map((each) => sameOr(each, there.get(each.function))) };
      };
      for (const [next, writes] of steps) runUpTo(cluster, keepingShares(next), writes ?? Infinity);
      const end = keepingShares(last);
      cluster.run(end);
      expect(cluster.wrong).toEqual([]);
      const fresh = new Simulation();
      fresh.run(end);
      expect(stateOf(cluster)).toEqual(stateOf(fresh));
      expect(cluster.plan(end).objects).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

function sameOr(next: Wanted['routes'][number], there: Wanted['routes'][number] | undefined): typeof next {
  return there === undefined ? next : { ...there, host: next.host };
}
