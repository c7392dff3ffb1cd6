import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changedFields, differences } from '../../src/kubernetes/compare.js';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { quantityOf } from '../../src/kubernetes/quantity.js';

const object = (fields: object, kind = 'Deployment'): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: 'hello', namespace: 'apps' },
  ...fields,
});
const pod = (container: object, rest: object = {}): KubeObject =>
  object({ spec: { template: { spec: { ...rest, containers: [{ name: 'nginx', ...container }] } } } });

test.each<[string, KubeObject, KubeObject, string[]]>([
  ['nothing', object({ spec: { replicas: 2 } }), object({ spec: { replicas: 2 } }), []],
  ['a number', object({ spec: { replicas: 2 } }), object({ spec: { replicas: 3 } }), ['spec.replicas']],
  [
    'what the API server fills in',
    object({ spec: { replicas: 2 } }),
    object({ spec: { replicas: 2, revisionHistoryLimit: 10 }, status: { replicas: 1 } }),
    [],
  ],
  [
    'what only the API server writes',
    object({ metadata: { name: 'hello', namespace: 'apps', resourceVersion: '1', uid: 'a', generation: 1 } }),
    object({ metadata: { name: 'hello', namespace: 'apps', resourceVersion: '2', uid: 'b', generation: 2 } }),
    [],
  ],
  ['the status', object({ status: { ready: 1 } }), object({ status: { ready: 2 } }), []],
  [
    'a label with dots',
    object({ metadata: { name: 'hello', namespace: 'apps', labels: { 'fnmesh/app': 'a' } } }),
    object({ metadata: { name: 'hello', namespace: 'apps', labels: { 'fnmesh/app': 'b' } } }),
    ["metadata.labels['fnmesh/app']"],
  ],
  [
    'a container by its name, whatever its place',
    pod({ image: 'nginx:2' }),
    object({
      spec: {
        template: { spec: { containers: [{ name: 'sidecar' }, { name: 'nginx', image: 'nginx:1' }] } },
      },
    }),
    ['spec.template.spec.containers[nginx].image'],
  ],
  [
    'a container that is not there',
    pod({}),
    object({ spec: { template: { spec: { containers: [] } } } }),
    ['spec.template.spec.containers[nginx]'],
  ],
  [
    'env, ports and mounts by their keys, with defaults',
    pod({
      env: [
        { name: 'A', value: '' },
        { name: 'B', value: '1' },
      ],
      ports: [{ name: 'http', containerPort: 8080 }],
      volumeMounts: [{ name: 'tmp', mountPath: '/tmp', readOnly: false }],
    }),
    pod({
      env: [{ name: 'B', value: '2' }, { name: 'A' }],
      ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
      volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
    }),
    ['spec.template.spec.containers[nginx].env[B].value'],
  ],
  [
    'quantities of the same size',
    pod({ resources: { limits: { cpu: '0.5', memory: '1024Mi' } } }),
    pod({ resources: { limits: { cpu: '500m', memory: '1Gi' } } }),
    [],
  ],
  [
    'quantities of another size',
    pod({ resources: { limits: { cpu: '0.5' } } }),
    pod({ resources: { limits: { cpu: '50m' } } }),
    ['spec.template.spec.containers[nginx].resources.limits.cpu'],
  ],
  [
    'equal numbers elsewhere are texts',
    pod({ env: [{ name: 'A', value: '1k' }] }),
    pod({ env: [{ name: 'A', value: '1000' }] }),
    ['spec.template.spec.containers[nginx].env[A].value'],
  ],
  [
    'false, where absent means true',
    pod({}, { automountServiceAccountToken: false }),
    pod({}),
    ['spec.template.spec.automountServiceAccountToken'],
  ],
  ['false, where absent means false', pod({}, { hostNetwork: false }), pod({}), []],
  ['an empty list', pod({ env: [] }), pod({}), []],
  [
    'a list that is one value: an item more',
    object({ spec: { http: [{ name: 'a' }] } }, 'VirtualService'),
    object({ spec: { http: [{ name: 'a' }, { name: 'b' }] } }, 'VirtualService'),
    ['spec.http'],
  ],
  [
    'a list that is one value: an item another',
    object({ spec: { rules: [{ backendRefs: [{ name: 'v1', weight: 90 }] }] } }, 'HTTPRoute'),
    object(
      { spec: { rules: [{ backendRefs: [{ name: 'v1', weight: 80, kind: 'Service' }] }] } },
      'HTTPRoute',
    ),
    ['spec.rules[0].backendRefs[0].weight'],
  ],
  [
    'ports of a Service by number',
    object({ spec: { ports: [{ name: 'http', port: 80, targetPort: 'http' }] } }, 'Service'),
    object({ spec: { ports: [{ name: 'web', port: 80, protocol: 'TCP', targetPort: 'http' }] } }, 'Service'),
    ['spec.ports[80].name'],
  ],
  [
    'ports of a NetworkPolicy as one value',
    object({ spec: { ingress: [{ ports: [{ port: 8080 }] }] } }, 'NetworkPolicy'),
    object(
      { spec: { ingress: [{ ports: [{ port: 8080, protocol: 'TCP' }, { port: 22 }] }] } },
      'NetworkPolicy',
    ),
    ['spec.ingress[0].ports'],
  ],
  [
    'a key of every object',
    object({ data: { a: '1' } }, 'ConfigMap'),
    object({ data: { constructor: 'x', a: '1' } }, 'ConfigMap'),
    [],
  ],
])('changedFields: %s', (_, desired, live, fields) => {
  expect(changedFields(desired, live)).toEqual(fields);
});

describe('what fnmesh set once and no longer wants', () => {
  const live = object({
    metadata: {
      name: 'hello',
      namespace: 'apps',
      labels: { app: 'hello', team: 'a' },
      annotations: { mine: '1', theirs: '2' },
      managedFields: [
        {
          manager: 'fnmesh',
          operation: 'Apply',
          fieldsV1: {
            'f:metadata': { 'f:labels': { 'f:app': {} }, 'f:annotations': { 'f:mine': {} } },
            'f:spec': {
              'f:template': {
                'f:spec': {
                  'f:containers': {
                    'k:{"name":"nginx"}': {
                      '.': {},
                      'f:name': {},
                      'f:ports': {
                        'k:{"containerPort":8080,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} },
                      },
                      'f:env': { 'k:{"name":"OLD"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
                    },
                  },
                },
              },
            },
          },
        },
        {
          manager: 'kubectl',
          operation: 'Update',
          fieldsV1: { 'f:metadata': { 'f:labels': { 'f:team': {} } } },
        },
      ],
    },
    spec: {
      template: {
        spec: {
          containers: [
            {
              name: 'nginx',
              ports: [{ containerPort: 8080, protocol: 'TCP' }],
              env: [{ name: 'OLD', value: '1' }],
            },
          ],
        },
      },
    },
  });

  test('goes, and what others set stays', () => {
    const desired = object({
      metadata: { name: 'hello', namespace: 'apps', labels: { app: 'hello' } },
      spec: { template: { spec: { containers: [{ name: 'nginx', ports: [{ containerPort: 8080 }] }] } } },
    });
    expect(differences(desired, live)).toEqual([
      { field: 'metadata.annotations.mine', from: '1', to: null },
      { field: 'spec.template.spec.containers[nginx].env[OLD].name', from: 'OLD', to: null },
      { field: 'spec.template.spec.containers[nginx].env[OLD].value', from: '1', to: null },
    ]);
  });
});

test('values of a Secret are compared, and never shown', () => {
  const desired = object({ stringData: { url: 'mysql://new', same: 'x' } }, 'Secret');
  const live = object({ data: { url: btoa('mysql://old'), same: btoa('x') } }, 'Secret');
  expect(differences(desired, live)).toEqual([{ field: 'data.url', from: '(secret)', to: '(secret)' }]);
  const none = object({}, 'Secret');
  expect(differences(desired, none)).toEqual([{ field: 'data', from: null, to: '(secret)' }]);
});

test('an object is as it shall be, with whatever else an API server puts beside', () => {
  const value = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.string({ maxLength: 5 }), tie('tree'), { maxKeys: 4 }),
    ),
  })).tree;
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), (spec) => {
      const live = structuredClone(object({ spec: { ...spec, 'set by the server': 1 } }));
      expect(changedFields(object({ spec }), live)).toEqual([]);
    }),
  );
});

test.each<[string | number, number | null]>([
  ['500m', 0.5],
  ['0.5', 0.5],
  [2, 2],
  ['1Ki', 1024],
  ['1.5Gi', 1.5 * 1024 ** 3],
  ['1e3', 1000],
  ['1E', 1e18],
  ['12E2', 1200],
  ['100u', 0.0001],
  ['.5', 0.5],
  ['', null],
  ['1 Gi', null],
  ['Gi', null],
  ['1GiB', null],
])('quantityOf(%j) is %d', (text, size) => {
  expect(quantityOf(text)).toBe(size);
});
