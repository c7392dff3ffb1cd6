import { describe, expect, test } from 'vitest';
import { KINDS } from '../../src/kubernetes/object.js';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { fakeCluster, lost } from '../helpers/fake-cluster.js';
import { clusterContract } from './cluster-contract.js';

clusterContract('in memory', () => {
  const cluster = fakeCluster({ namespaces: ['hello'], without: [] });
  return Promise.resolve({ cluster, namespace: 'hello', other: cluster.as('kubectl') });
});

describe('the cluster in memory, for tests', () => {
  const map: KubeObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', namespace: 'hello' },
    data: {},
  };

  test('an error before a request keeps it from being carried out, one after it does not', async () => {
    const cluster = fakeCluster();
    cluster.before({ verb: 'create' }, () => Promise.reject(lost()));
    await expect(cluster.create(map)).rejects.toMatchObject({ code: 'unreachable' });
    expect(cluster.objects()).toEqual([]);
    cluster.after({ verb: 'create', name: 'a' }, () => Promise.reject(lost()));
    await expect(cluster.create(map)).rejects.toMatchObject({ code: 'unreachable' });
    expect(cluster.objects(KINDS.ConfigMap)).toHaveLength(1);
    expect(cluster.requests.map(({ verb, kind, name, by }) => [verb, kind, name, by])).toEqual([
      ['create', 'ConfigMap', 'a', 'fnmesh'],
      ['create', 'ConfigMap', 'a', 'fnmesh'],
    ]);
  });

  test('somebody can change an object between a read and a write', async () => {
    const cluster = fakeCluster();
    const made = await cluster.create(map);
    cluster.before({ verb: 'replace' }, () => cluster.edit(map, (it) => (it['data'] = { theirs: '1' })));
    await expect(cluster.replace({ ...made, data: { mine: '1' } })).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(cluster.objects()[0]!['data']).toEqual({ theirs: '1' });
  });

  test('a kind that is not served is null, an empty list, and refused', async () => {
    const cluster = fakeCluster({ without: [KINDS.HTTPRoute] });
    const { apiVersion, kind } = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' };
    expect(await cluster.serves(KINDS.HTTPRoute)).toBe(false);
    expect(await cluster.list(KINDS.HTTPRoute, { namespace: null })).toEqual([]);
    const create = cluster.create({ apiVersion, kind, metadata: { name: 'a', namespace: 'hello' } });
    await expect(create).rejects.toMatchObject({ code: 'not_found' });
  });
});
