// The RBAC manifests before the real API server: what fnmesh asks for is granted, and nothing beside it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { judgeAccess } from '../../src/inspect/cluster/access.js';
import { connectCluster } from '../../src/kubernetes/client.js';
import type { Cluster } from '../../src/kubernetes/cluster.js';
import { KINDS } from '../../src/kubernetes/object.js';
import { questionsFor } from '../../src/kubernetes/permissions.js';
import { openLab } from './lab.js';

const lab = openLab();
let namespace: string;
let gateway: string;
let cluster: Cluster;

const APP = 'shop';

async function apply(name: string): Promise<void> {
  const text = readFileSync(join(import.meta.dirname, '../../manifests', name), 'utf8')
    .replaceAll('hello-app', APP)
    .replaceAll(/namespace: hello$/gm, `namespace: ${namespace}`)
    .replaceAll('namespace: istio-ingress', `namespace: ${gateway}`);
  const ran = await lab.kubectl(['apply', '--server-side', '--validate=strict', '-f', '-'], { input: text });
  expect(ran).toMatchObject({ code: 0, stderr: '' });
}

beforeAll(async () => {
  [namespace, gateway] = await Promise.all([lab.namespace('rbac'), lab.namespace('gateway')]);
  await apply('rbac-namespace.yaml');
  const kubeconfig = await lab.kubeconfigFor({ serviceAccount: 'fnmesh', namespace }, namespace);
  const settings = { kubeconfig: { value: kubeconfig, from: 'test' }, context: null, namespace: null };
  cluster = await connectCluster(settings, {}, () => undefined);
});
afterAll(() => cluster?.close());

const access = async (): Promise<ReturnType<typeof judgeAccess>> => {
  const apis = ['istio', 'gateway-api'] as const;
  const questions = apis.flatMap((api) =>
    questionsFor(APP, { namespace, api, gateway: { namespace: gateway }, makeGateway: false }),
  );
  const answers = await Promise.all(
    questions.map(async (question) => ({ ...question, allowed: await cluster.may(question.permission) })),
  );
  return judgeAccess(answers, 'fnmesh');
};

test('the manifest of a namespace is enough to deploy and shift; that of the platform for everything', async () => {
  const [needed, optional] = await access();
  expect(needed).toMatchObject({ state: 'ok' });
  expect(optional).toMatchObject({ state: 'warn' });
  expect(optional!.found).not.toContain(` in ${namespace}`);
  await apply('rbac-platform.yaml');
  expect((await access()).map(({ state }) => state)).toEqual(['ok', 'ok']);
});

test('nothing beside it', async () => {
  const other = await lab.namespace('other');
  const denied = [
    { verb: 'get', kind: KINDS.Secret, namespace },
    { verb: 'list', kind: KINDS.Secret, namespace },
    { verb: 'get', kind: KINDS.Secret, namespace, name: 'fnmesh-pin-other' },
    { verb: 'create', kind: KINDS.Pod, namespace },
    { verb: 'delete', kind: KINDS.Pod, namespace },
    { verb: 'create', kind: KINDS.Pod, subresource: 'exec', namespace },
    { verb: 'create', kind: KINDS.RoleBinding, namespace },
    { verb: 'list', kind: KINDS.Deployment, namespace: other },
    { verb: 'update', kind: KINDS.HTTPRoute, namespace: other },
    { verb: 'update', kind: KINDS.VirtualService, namespace: null },
    { verb: 'patch', kind: KINDS.Gateway, namespace: gateway },
    { verb: 'patch', kind: KINDS.Namespace, namespace: null },
    { verb: 'get', kind: KINDS.Secret, namespace: gateway },
    { verb: 'get', kind: KINDS.ConfigMap, namespace: 'kube-system' },
  ] as const;
  const answers = await Promise.all(denied.map((permission) => cluster.may(permission)));
  expect(denied.filter((_, index) => answers[index])).toEqual([]);
});

test('the account reads, writes and calls as fnmesh does', async () => {
  expect(await cluster.list(KINDS.Deployment, { namespace })).toEqual([]);
  const metadata = { name: 'one', namespace, labels: { 'app.kubernetes.io/managed-by': 'fnmesh' } };
  const spec = { selector: { app: 'x' }, ports: [{ name: 'http', port: 80 }] };
  await cluster.apply({ apiVersion: 'v1', kind: 'Service', metadata, spec });
  const call = {
    namespace,
    service: 'one',
    port: 'http',
    method: 'GET',
    path: '/',
    headers: {},
    timeoutMs: 5_000,
  };
  expect(await cluster.call(call)).toMatchObject({ status: 503 });
  await cluster.remove(KINDS.Service, namespace, 'one');
  await expect(cluster.list(KINDS.Secret, { namespace })).rejects.toMatchObject({ code: 'config' });
});
