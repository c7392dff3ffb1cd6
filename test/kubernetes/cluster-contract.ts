// What every Cluster must do: the one in memory, and the adapter before a real API server.
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../../src/kubernetes/cluster.js';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { KINDS } from '../../src/kubernetes/object.js';

/** A cluster, a namespace of it where nothing else happens, and the same cluster asked by another field manager. */
export type ClusterUnderTest = { cluster: Cluster; namespace: string; other: Pick<Cluster, 'apply'> };

const { ConfigMap, Deployment, VirtualService } = KINDS;

/** Runs the contract against the cluster that `make` gives. */
export function clusterContract(name: string, make: () => Promise<ClusterUnderTest>): void {
  describe(`Cluster contract: ${name}`, () => {
    let [cluster, other, namespace] = [null!, null!, ''] as [Cluster, Pick<Cluster, 'apply'>, string];
    let count = 0;
    beforeAll(async () => {
      ({ cluster, other, namespace } = await make());
    });

    const fresh = (word: string): string => `${word}-${++count}`;
    const configMap = (name: string, data: Record<string, string>, labels = {}): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace, labels: { 'fnmesh/app': 'contract', ...labels } },
      data,
    });
    const deployment = (name: string, image: string): KubeObject => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        replicas: 0,
        selector: { matchLabels: { it: name } },
        template: {
          metadata: { labels: { it: name } },
          spec: { containers: [{ name: 'proxy', image, ports: [{ containerPort: 8080, protocol: 'TCP' }] }] },
        },
      },
    });
    const virtualService = (name: string, weight: number): KubeObject => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name, namespace },
      spec: {
        hosts: ['hello.example.com'],
        http: [
          {
            route: [
              { destination: { host: 'a' }, weight },
              { destination: { host: 'b' }, weight: 100 - weight },
            ],
          },
        ],
      },
    });
    const read = (name: string): Promise<KubeObject | null> => cluster.get(ConfigMap, namespace, name);

    test('says its version', async () => {
      expect(await cluster.version()).toMatch(/^v1\.\d+\.\d+/);
    });

    test('what is not there is null', async () => {
      expect(await read('nothing')).toBeNull();
    });

    test('a new object has a uid, a resourceVersion and a generation where it has a spec', async () => {
      const made = await cluster.create(virtualService(fresh('route'), 10));
      expect(made.metadata).toMatchObject({
        uid: expect.any(String) as string,
        resourceVersion: expect.any(String) as string,
        generation: 1,
      });
      expect(await cluster.get(VirtualService, namespace, made.metadata.name)).toEqual(made);
    });

    test('there is one object of a name', async () => {
      const object = configMap(fresh('one'), { a: '1' });
      await cluster.create(object);
      await expect(cluster.create(object)).rejects.toMatchObject({ code: 'conflict' });
    });

    test('a replace takes the place of the whole, and gives a new resourceVersion', async () => {
      const made = await cluster.create(configMap(fresh('whole'), { a: '1', b: '2' }));
      const next = await cluster.replace({ ...made, data: { a: '3' } });
      expect(next).toMatchObject({ metadata: { uid: made.metadata.uid }, data: { a: '3' } });
      expect(next.metadata.resourceVersion).not.toBe(made.metadata.resourceVersion);
      expect((await read(made.metadata.name))?.['data']).toEqual({ a: '3' });
    });

    test('a replace with an old resourceVersion is a conflict, and changes nothing', async () => {
      const made = await cluster.create(configMap(fresh('stale'), { a: '1' }));
      await cluster.replace({ ...made, data: { a: '2' } });
      await expect(cluster.replace({ ...made, data: { a: '3' } })).rejects.toMatchObject({
        code: 'conflict',
      });
      expect((await read(made.metadata.name))?.['data']).toEqual({ a: '2' });
    });

    test('a replace of what is gone is a conflict', async () => {
      const made = await cluster.create(configMap(fresh('gone'), {}));
      await cluster.remove(ConfigMap, namespace, made.metadata.name);
      await expect(cluster.replace(made)).rejects.toMatchObject({ code: 'conflict' });
      expect(await read(made.metadata.name)).toBeNull();
    });

    test('only a change of the spec raises the generation', async () => {
      const made = await cluster.create(virtualService(fresh('generation'), 10));
      const labelled = await cluster.replace({ ...made, metadata: { ...made.metadata, labels: { a: 'b' } } });
      expect(labelled.metadata.generation).toBe(1);
      const { spec } = virtualService('x', 20);
      expect((await cluster.replace({ ...labelled, spec })).metadata.generation).toBe(2);
    });

    test('a write that changes nothing leaves the resourceVersion', async () => {
      const made = await cluster.create(configMap(fresh('same'), { a: '1' }));
      expect((await cluster.replace(made)).metadata.resourceVersion).toBe(made.metadata.resourceVersion);
      const object = configMap(fresh('same'), { a: '1' });
      const { object: first } = await cluster.apply(object);
      expect((await cluster.apply(object)).object.metadata.resourceVersion).toBe(
        first.metadata.resourceVersion,
      );
    });

    test('apply makes an object, changes what it owns, and takes out what it no longer names', async () => {
      const name = fresh('applied');
      await cluster.apply(configMap(name, { a: '1', b: '2' }));
      await other.apply({ ...configMap(name, { c: '3' }), metadata: { name, namespace } });
      const { object } = await cluster.apply(configMap(name, { a: '4' }));
      expect(object['data']).toEqual({ a: '4', c: '3' });
      expect(
        object.metadata.managedFields?.map(({ manager, operation }) => `${manager} ${operation}`),
      ).toContain('fnmesh Apply');
    });

    test("another manager's field is a conflict that names it, unless forced", async () => {
      const name = fresh('owned');
      await other.apply(configMap(name, { a: '1' }));
      await expect(cluster.apply(configMap(name, { a: '2' }))).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining('.data.a') as string,
      });
      expect((await read(name))?.['data']).toEqual({ a: '1' });
      const { object } = await cluster.apply(configMap(name, { a: '2' }), { force: true });
      expect(object['data']).toEqual({ a: '2' });
      // What both want alike is nobody's conflict.
      await other.apply({ ...configMap(name, { a: '2' }), metadata: { name, namespace } });
    });

    test('lists of a built-in kind are merged by key', async () => {
      const name = fresh('merged');
      await cluster.apply(deployment(name, 'nginx:1'));
      const more = { name: 'other', image: 'busybox:1' };
      const theirs = deployment(name, 'x');
      const spec = { template: { spec: { containers: [more] } } };
      await other.apply({ ...theirs, spec });
      const { object } = await cluster.apply(deployment(name, 'nginx:2'));
      const { template } = object['spec'] as {
        template: { spec: { containers: { name: string; image: string }[] } };
      };
      expect(template.spec.containers.map(({ name, image }) => [name, image])).toEqual([
        ['proxy', 'nginx:2'],
        ['other', 'busybox:1'],
      ]);
    });

    test('lists of a custom kind are one value', async () => {
      const name = fresh('atomic');
      await cluster.apply(virtualService(name, 10));
      await expect(other.apply(virtualService(name, 20))).rejects.toMatchObject({ code: 'conflict' });
      const { object } = await cluster.apply(virtualService(name, 30));
      expect(object['spec']).toEqual(virtualService(name, 30)['spec']);
    });

    test('a dry run gives what would be, and changes nothing', async () => {
      const name = fresh('dry');
      const { object } = await cluster.apply(configMap(name, { a: '1' }), { dryRun: true });
      expect(object['data']).toEqual({ a: '1' });
      expect(await read(name)).toBeNull();
    });

    test('lists by labels, in one namespace or in all, ordered by name', async () => {
      const label = fresh('set');
      const names = ['c', 'a', 'b'].map((letter) => `${label}-${letter}`);
      for (const name of names) await cluster.create(configMap(name, {}, { set: label }));
      await cluster.create(configMap(fresh('other'), {}, { set: 'no' }));
      for (const place of [namespace, null]) {
        const found = await cluster.list(ConfigMap, {
          namespace: place,
          labels: { set: label, 'fnmesh/app': 'contract' },
        });
        expect(found.map(({ metadata }) => metadata.name)).toEqual([...names].sort());
        expect(found[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
      }
      expect(
        await cluster.list(ConfigMap, { namespace: 'there-is-no-such', labels: { set: label } }),
      ).toEqual([]);
    });

    test('what is not there is removed already; with a precondition only the very one is', async () => {
      const name = fresh('removed');
      await cluster.remove(ConfigMap, namespace, name);
      const made = await cluster.create(configMap(name, {}));
      const { uid, resourceVersion } = made.metadata;
      await expect(cluster.remove(ConfigMap, namespace, name, { uid: 'another' })).rejects.toMatchObject({
        code: 'conflict',
      });
      await cluster.replace({ ...made, data: { a: '1' } });
      await expect(
        cluster.remove(ConfigMap, namespace, name, { uid: uid!, resourceVersion: resourceVersion! }),
      ).rejects.toMatchObject({ code: 'conflict' });
      await cluster.remove(ConfigMap, namespace, name, { uid: uid! });
      expect(await read(name)).toBeNull();
    });

    test('what belongs to a removed object goes too, in the background', async () => {
      const owner = await cluster.create(configMap(fresh('owner'), {}));
      const owned = configMap(fresh('owned'), {});
      const { name, uid } = { name: owner.metadata.name, uid: owner.metadata.uid! };
      owned.metadata.ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid }];
      await cluster.create(owned);
      await cluster.remove(ConfigMap, namespace, name);
      while ((await read(owned.metadata.name)) !== null) await pause(20);
    });

    test('what a finalizer holds is there until it is taken off', async () => {
      const object = configMap(fresh('held'), {});
      object.metadata.finalizers = ['example.com/hold'];
      const { metadata } = await cluster.create(object);
      await cluster.remove(ConfigMap, namespace, metadata.name, { uid: metadata.uid! });
      const held = (await read(metadata.name))!;
      expect(held.metadata.deletionTimestamp).toEqual(expect.any(String));
      await cluster.replace({ ...held, metadata: { ...held.metadata, finalizers: [] } });
      expect(await read(metadata.name)).toBeNull();
    });

    test("a Secret's texts become data", async () => {
      const metadata = { name: fresh('secret'), namespace };
      const made = await cluster.create({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata,
        stringData: { a: 'text' },
      });
      expect(made).toMatchObject({ data: { a: 'dGV4dA==' } });
      expect(made).not.toHaveProperty('stringData');
    });

    test('says which kinds are served', async () => {
      expect(await cluster.serves(Deployment)).toBe(true);
      expect(await cluster.serves(VirtualService)).toBe(true);
      const unknown = {
        group: 'example.com',
        version: 'v1',
        kind: 'Thing',
        plural: 'things',
        namespaced: true,
      };
      expect(await cluster.serves(unknown)).toBe(false);
    });

    test('says what one may', async () => {
      expect(await cluster.may({ verb: 'get', kind: KINDS.Pod, subresource: 'log', namespace })).toBe(true);
    });

    test('a Service without endpoints is answered by the API server', async () => {
      const name = fresh('service');
      const spec = { selector: { it: 'nobody' }, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] };
      await cluster.create({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec });
      const call = {
        namespace,
        service: name,
        port: 'http',
        method: 'GET',
        path: '/',
        headers: {},
        timeoutMs: 10_000,
      };
      let answer = await cluster.call(call);
      // A Service is not known there until its Endpoints have been made.
      while (answer.status === 404) {
        await pause(20);
        answer = await cluster.call(call);
      }
      expect(answer).toMatchObject({
        status: 503,
        unreached: expect.stringContaining('no endpoints') as string,
      });
    });
  });
}
