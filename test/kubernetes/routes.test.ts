import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { readRoute } from '../../src/kubernetes/render/read-route.js';
import { renderRoutes } from '../../src/kubernetes/render/routes.js';
import { changeTo, clusterRoutes, sites } from './routes-sites.js';

test('any route, once rendered, reads back the same', () => {
  fc.assert(
    fc.property(sites(), clusterRoutes(), fc.nat(), (site, route, revision) => {
      const history = [changeTo(route.split)];
      const object = renderRoutes(site, { route, revision, history })[0]!;
      const stored = JSON.parse(JSON.stringify(object)) as KubeObject;
      expect(readRoute(stored)).toEqual({
        route,
        revision,
        history,
        drift: null,
        foreignRules: [],
      });
    }),
  );
});
