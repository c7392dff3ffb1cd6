// The contract of the port, before a real API server by way of a real kubeconfig.
import { describe, expect, test } from 'vitest';
import { connectCluster } from '../../src/kubernetes/client.js';
import type { Cluster } from '../../src/kubernetes/cluster.js';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { KINDS } from '../../src/kubernetes/object.js';
import { clusterContract } from '../kubernetes/cluster-contract.js';
import { openLab } from './lab.js';

const lab = openLab();

const connect = (kubeconfig = lab.kubeconfig): Promise<Cluster> =>
  connectCluster(
    { kubeconfig: { value: kubeconfig, from: 'test' }, context: null, namespace: null },
    {},
    () => undefined,
  );

/** Applies as real kubectl does. */
const kubectl = {
  async apply(object: KubeObject) {
    const args = ['apply', '--server-side', '-o', 'json', '-f', '-'];
    const { code, stdout, stderr } = await lab.kubectl(args, { input: JSON.stringify(object) });
    if (code !== 0)
      throw Object.assign(new Error(stderr), { code: /conflict/.test(stderr) ? 'conflict' : 'failed' });
    return { object: JSON.parse(stdout) as KubeObject, warnings: [] };
  },
};

clusterContract('a real API server', async () => {
  return { cluster: await connect(), namespace: await lab.namespace('contract'), other: kubectl };
});

describe('a real API server', () => {
  test('an unknown field, a wrong value and a namespace that is not there are told', async () => {
    const cluster = await connect();
    const namespace = await lab.namespace('refused');
    const metadata = { name: 'a', namespace };
    const odd = { apiVersion: 'v1', kind: 'Service', metadata, spec: { port: [], ports: [{ port: 80 }] } };
    await expect(cluster.apply(odd)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('.spec.port: field not declared in schema') as string,
    });
    const bad = { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 700_000 }] } };
    await expect(cluster.create(bad)).rejects.toMatchObject({ code: 'failed' });
    const nowhere = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'not-there' } };
    await expect(cluster.create(nowhere)).rejects.toMatchObject({
      code: 'not_found',
      try: 'kubectl create namespace not-there',
    });
    cluster.close();
  });

  test('a list of more than a page is whole', async () => {
    const cluster = await connect();
    const namespace = await lab.namespace('pages');
    const names = Array.from({ length: 501 }, (_, at) => `m-${String(at).padStart(3, '0')}`);
    const made = names.map((name) =>
      cluster.create({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace, labels: { a: 'b' } },
      }),
    );
    await Promise.all(made);
    const found = await cluster.list(KINDS.ConfigMap, { namespace, labels: { a: 'b' } });
    expect(found.map(({ metadata }) => metadata.name)).toEqual(names);
    cluster.close();
  });

  test('what a ServiceAccount may not do is said with verb, kind and namespace', async () => {
    const namespace = await lab.namespace('rights');
    const cluster = await connect(
      await lab.kubeconfigFor({ serviceAccount: 'default', namespace }, namespace),
    );
    expect(cluster.identity.namespace).toBe(namespace);
    await expect(cluster.list(KINDS.Deployment, { namespace })).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining(`may not list deployments.apps in namespace ${namespace}`) as string,
    });
    expect(await cluster.may({ verb: 'list', kind: KINDS.Deployment, namespace })).toBe(false);
    const call = {
      namespace,
      service: 'a',
      port: '80',
      method: 'GET',
      path: '/',
      headers: {},
      timeoutMs: 5000,
    };
    await expect(cluster.call(call)).rejects.toMatchObject({ code: 'config' });
    await expect(cluster.connect(namespace, 'a', 80)).rejects.toMatchObject({ code: 'config' });
    cluster.close();
  });

  test('warnings of the API server come with what was applied', async () => {
    const cluster = await connect();
    const namespace = await lab.namespace('warned');
    const container = { name: 'a', image: 'a', securityContext: { privileged: true } };
    const { warnings } = await cluster.apply({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'a', namespace },
      spec: {
        replicas: 0,
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } },
      },
    });
    expect(warnings.join()).toContain('PodSecurity');
    cluster.close();
  });
});
