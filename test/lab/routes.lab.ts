// What is rendered of routes, before the real API server: strict validation, the CRDs' own rules (CEL), and what it stores.
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { apiVersionOf, kindOf, type KubeObject } from '../../src/kubernetes/object.js';
import { mergeRoute, rulesOf, withoutRoute } from '../../src/kubernetes/render/merge-route.js';
import { readRoute } from '../../src/kubernetes/render/read-route.js';
import { renderRoutes } from '../../src/kubernetes/render/routes.js';
import { changeTo, clusterRoute, clusterRoutes, siteOf, sites } from '../kubernetes/routes-sites.js';
import { openLab } from './lab.js';

const lab = openLab();
let namespace: string;

beforeAll(async () => {
  namespace = await lab.namespace('routes');
});

/** Where objects of this one's kind are. */
function pathOf(object: KubeObject): string {
  const kind = kindOf(object)!;
  return `/apis/${apiVersionOf(kind)}/namespaces/${namespace}/${kind.plural}`;
}

const create = (object: KubeObject) =>
  lab.api.must('POST', `${pathOf(object)}?fieldValidation=Strict`, object);
const replace = (object: KubeObject) =>
  lab.api.must('PUT', `${pathOf(object)}/${object.metadata.name}?fieldValidation=Strict`, object);
const remove = (object: KubeObject) => lab.api.must('DELETE', `${pathOf(object)}/${object.metadata.name}`);

test('any route is accepted for both APIs, stored as it was rendered, and read back', async () => {
  for (const [site, route] of fc.sample(fc.tuple(sites(), clusterRoutes()), { numRuns: 60, seed: 6 })) {
    const history = [changeTo(route.split)];
    const objects = renderRoutes({ ...site, namespace }, { route, revision: 1, history });
    for (const object of objects) {
      const stored = await create(object);
      expect(stored.spec).toEqual(object.spec);
      expect(stored.metadata.labels).toEqual(object.metadata.labels);
      if (object === objects[0]) {
        expect(readRoute(stored)).toEqual({ route, revision: 1, history, drift: null, foreignRules: [] });
      } else {
        expect(readRoute(stored)).toBeNull();
      }
    }
    for (const object of objects) await remove(object);
  }
});

test.each(['istio', 'gateway-api'] as const)(
  '%s: a shift beside a foreign rule, and the route taken out',
  async (api) => {
    const site = siteOf({ api, namespace });
    const before = clusterRoute('cart', { v1: 10_000, v2: 0 });
    const after = clusterRoute('cart', { v1: 9950, v2: 50 });
    const rendered = (route: typeof before, revision: number) =>
      renderRoutes(site, { route, revision, history: [changeTo(route.split, revision)] })[0]!;
    const created = await create(rendered(before, 1));
    const [first, ...rest] = rulesOf(created);
    const foreign = { ...first, name: 'theirs' };
    const field = api === 'istio' ? 'http' : 'rules';
    const live = await replace({
      ...created,
      spec: { ...(created.spec as object), [field]: [foreign, first, ...rest] },
    });

    const shifted = await replace(mergeRoute(live, rendered(after, 2)));
    expect(readRoute(shifted)).toMatchObject({
      route: after,
      revision: 2,
      drift: null,
      foreignRules: ['theirs'],
    });
    expect(rulesOf(shifted)[0]).toEqual(foreign);
    // Whoever read before that is told so.
    const late = mergeRoute(live, rendered(before, 2));
    const refused = await lab.api.ask('PUT', `${pathOf(late)}/${late.metadata.name}`, late);
    expect(refused.status).toBe(409);

    const left = await replace(withoutRoute(shifted)!);
    expect(rulesOf(left)).toEqual([foreign]);
    expect(left.metadata).not.toHaveProperty('labels');
    expect(readRoute(left)).toBeNull();
    await remove(left);
  },
);

test('the largest that is rendered is accepted', async () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`v${index}`, index === 0 ? 10_000 : 0]));
  const cases = [
    { site: siteOf({ api: 'gateway-api', namespace }), route: clusterRoute('cart', many(15)) },
    {
      site: siteOf({ api: 'gateway-api', namespace, pin: { kind: 'off' } }),
      route: clusterRoute('cart', many(16)),
    },
    { site: siteOf({ api: 'istio', namespace, proxy: 'shared' }), route: clusterRoute('cart', many(700)) },
  ];
  for (const { site, route } of cases) {
    const entry = { ...changeTo(route.split), message: 'm'.repeat(1000) };
    const history = Array.from({ length: 20 }, (_, index) => ({ ...entry, number: index }));
    const [object] = renderRoutes(site, { route, revision: 1, history });
    await create(object!);
    await remove(object!);
  }
});
