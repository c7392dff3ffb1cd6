import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { mergeRoute, rulesOf, withoutRoute } from '../../src/kubernetes/render/merge-route.js';
import type { AnyRule } from '../../src/kubernetes/render/merge-route.js';
import { readRoute } from '../../src/kubernetes/render/read-route.js';
import { renderRoutes } from '../../src/kubernetes/render/routes.js';
import type { Site } from '../../src/kubernetes/site.js';
import type { Split } from '../../src/routing/route.js';
import { changeTo, clusterRoute, clusterRoutes, siteOf, sites } from './routes-sites.js';

const APIS = ['istio', 'gateway-api'] as const;
const FIELD = { istio: 'http', 'gateway-api': 'rules' } as const;

function rendered(api: Site['api'], split: Split, more: Partial<Site> = {}): KubeObject {
  const route = clusterRoute('cart', split);
  return renderRoutes(siteOf({ api, ...more }), { route, revision: 1, history: [changeTo(split)] })[0]!;
}

/** The object with these rules, by name; names of its own rules stand for these. */
function withRules(object: KubeObject, api: Site['api'], names: string[]): KubeObject {
  const own = new Map(rulesOf(object).map((rule) => [rule.name, rule]));
  const rules = names.map(
    (name): AnyRule => own.get(name) ?? (name === '' ? { theirs: 1 } : { name, theirs: name }),
  );
  return { ...object, spec: { ...(object.spec as object), [FIELD[api]]: rules } };
}

const names = (object: KubeObject) => rulesOf(object).map(({ name = '' }) => name);

describe.each(APIS)('%s', (api) => {
  const PLACES = [
    { live: ['fnmesh-pin-v1', 'fnmesh-split'], merged: ['fnmesh-pin-v1', 'fnmesh-pin-v2', 'fnmesh-split'] },
    {
      live: ['a', 'fnmesh-pin-v1', 'fnmesh-split'],
      merged: ['a', 'fnmesh-pin-v1', 'fnmesh-pin-v2', 'fnmesh-split'],
    },
    {
      live: ['fnmesh-pin-v1', 'a', 'fnmesh-split', 'b'],
      merged: ['fnmesh-pin-v1', 'fnmesh-pin-v2', 'a', 'fnmesh-split', 'b'],
    },
    { live: ['fnmesh-split', 'a', ''], merged: ['fnmesh-pin-v1', 'fnmesh-pin-v2', 'fnmesh-split', 'a', ''] },
    {
      live: ['a', 'fnmesh-pin-v7', 'b', 'fnmesh-split'],
      merged: ['fnmesh-pin-v1', 'fnmesh-pin-v2', 'a', 'b', 'fnmesh-split'],
    },
    { live: ['a', 'b'], merged: ['fnmesh-pin-v1', 'fnmesh-pin-v2', 'fnmesh-split', 'a', 'b'] },
    { live: [], merged: ['fnmesh-pin-v1', 'fnmesh-pin-v2', 'fnmesh-split'] },
  ];

  test.each(PLACES)('foreign rules keep their place: $live', ({ live, merged }) => {
    const desired = rendered(api, { v1: 0, v2: 10_000 });
    const result = mergeRoute(withRules(rendered(api, { v1: 10_000 }), api, live), desired);
    expect(names(result)).toEqual(merged);
    expect(rulesOf(result).filter(({ name }) => name?.startsWith('fnmesh-'))).toEqual(rulesOf(desired));
  });

  test('what is not of fnmesh stays as it is', () => {
    const desired = rendered(api, { v1: 2000, v2: 8000 });
    const before = rendered(api, { v1: 10_000 });
    const live: KubeObject = {
      ...before,
      metadata: {
        ...before.metadata,
        uid: 'u',
        resourceVersion: '7',
        generation: 3,
        labels: { ...before.metadata.labels, team: 'blue' },
        annotations: { ...before.metadata.annotations, note: 'keep', 'fnmesh/live-edits': 'allowed' },
        managedFields: [{ manager: 'fnmesh', operation: 'Update' }],
      },
      spec: {
        ...(before.spec as object),
        exportTo: ['*'],
        [api === 'istio' ? 'hosts' : 'hostnames']: ['old.example.com'],
      },
      status: { theirs: true },
    };
    const merged = mergeRoute(live, desired);
    expect(merged).toEqual({
      ...live,
      metadata: {
        ...live.metadata,
        labels: { ...desired.metadata.labels, team: 'blue' },
        annotations: { ...desired.metadata.annotations, note: 'keep', 'fnmesh/live-edits': 'allowed' },
      },
      spec: { exportTo: ['*'], ...(desired.spec as object) },
    });
  });

  test('a binding that is no longer wanted goes', () => {
    const [, mesh] = renderRoutes(siteOf({ api, mesh: true }), {
      route: clusterRoute('cart', { v1: 10_000 }),
      revision: 1,
      history: [],
    });
    const live = { ...mesh!, spec: { ...(mesh!.spec as object), gateways: ['other'], hostnames: ['other'] } };
    const merged = mergeRoute(live, mesh!).spec as Record<string, unknown>;
    expect(merged).not.toHaveProperty(api === 'istio' ? 'gateways' : 'hostnames');
  });

  test('merged twice is merged once, and the foreign rules stay in their order', () => {
    const live = fc.array(
      fc.constantFrom('a', 'b', 'c', '', 'fnmesh-pin-v1', 'fnmesh-split', 'fnmesh-rule-1'),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(live, clusterRoutes(), sites(), (list, route, site) => {
        const [desired] = renderRoutes(
          { ...site, api, pin: { kind: 'off' } },
          { route, revision: 2, history: [] },
        );
        const before = withRules(rendered(api, { v1: 10_000 }), api, list);
        const merged = mergeRoute(before, desired!);
        expect(mergeRoute(merged, desired!)).toEqual(merged);
        const foreign = list.filter((name) => !name.startsWith('fnmesh-'));
        expect(names(merged).filter((name) => !name.startsWith('fnmesh-'))).toEqual(foreign);
        expect(readRoute(merged)?.route).toEqual(route);
      }),
    );
  });

  test('taken out: only what is of fnmesh', () => {
    const object = rendered(api, { v1: 10_000 });
    expect(withoutRoute(object)).toBeNull();
    const live: KubeObject = {
      ...withRules(object, api, ['a', 'fnmesh-split', '']),
      metadata: {
        ...object.metadata,
        resourceVersion: '7',
        labels: { ...object.metadata.labels, team: 'blue' },
        annotations: { ...object.metadata.annotations, note: 'keep' },
      },
    };
    const left = withoutRoute(live)!;
    expect(names(left)).toEqual(['a', '']);
    expect(left.metadata).toEqual({
      name: 'shop-cart',
      namespace: 'hello',
      resourceVersion: '7',
      labels: { team: 'blue' },
      annotations: { note: 'keep' },
    });
    expect(readRoute(left)).toBeNull();
  });
});

test('an HTTPRoute has no room for more than 16 rules, foreign ones included', () => {
  const desired = rendered('gateway-api', { v1: 0, v2: 10_000 });
  const others = (count: number) => Array.from({ length: count }, (_, index) => `theirs-${index}`);
  const live = (count: number) => withRules(desired, 'gateway-api', others(count));
  expect(names(mergeRoute(live(13), desired))).toHaveLength(16);
  expect(() => mergeRoute(live(14), desired)).toThrow(
    expect.objectContaining({
      code: 'config',
      message: expect.stringContaining('3 rules besides 14 that fnmesh did not make') as string,
    }) as Error,
  );
});
