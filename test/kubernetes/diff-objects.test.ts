import { expect, test } from 'vitest';
import { diffObjects } from '../../src/kubernetes/diff-objects.js';
import type { KubeObject } from '../../src/kubernetes/object.js';

const object = (kind: string, name: string, spec: object = {}, apiVersion = 'apps/v1'): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'shop' },
  spec,
});

test('what is as it shall be is not in it', () => {
  const live = [object('Deployment', 'a', { replicas: 1, paused: false })];
  expect(diffObjects([object('Deployment', 'a', { replicas: 1 })], live)).toEqual([]);
});

test('missing, changed and too many, in the order of an apply', () => {
  const desired = [object('Deployment', 'b', { replicas: 1 }), object('Service', 'a', {}, 'v1')];
  const live = [
    object('Deployment', 'b', { replicas: 2 }),
    object('Deployment', 'a'),
    object('Service', 'b', {}, 'v1'),
  ];
  const at = { namespace: 'shop' };
  expect(diffObjects(desired, live)).toEqual([
    { state: 'missing', kind: 'Service', name: 'a', fields: [], ...at },
    { state: 'orphan', kind: 'Service', name: 'b', fields: [], ...at },
    { state: 'orphan', kind: 'Deployment', name: 'a', fields: [], ...at },
    {
      state: 'changed',
      kind: 'Deployment',
      name: 'b',
      fields: [{ field: 'spec.replicas', from: 2, to: 1 }],
      ...at,
    },
  ]);
});

test('Gateways of Istio and of Gateway API are two things', () => {
  const one = object('Gateway', 'g', {}, 'networking.istio.io/v1');
  const other = object('Gateway', 'g', {}, 'gateway.networking.k8s.io/v1');
  expect(diffObjects([one], [other]).map(({ state }) => state)).toEqual(['missing', 'orphan']);
});
