// Fn's objects before the real API server: strict validation, Pod Security, and what it stores of them.
import { afterAll, expect, test } from 'vitest';
import { connectCluster } from '../../src/kubernetes/client.js';
import type { Cluster } from '../../src/kubernetes/cluster.js';
import { applyInstall, planInstall } from '../../src/kubernetes/install/apply.js';
import { renderFn } from '../../src/kubernetes/install/fn.js';
import { FN_DEFAULTS, type FnOptions } from '../../src/kubernetes/install/options.js';
import { openLab } from './lab.js';

const lab = openLab();
const opened: Cluster[] = [];
const connect = async (): Promise<Cluster> => {
  const kubeconfig = { value: lab.kubeconfig, from: 'test' };
  const cluster = await connectCluster({ kubeconfig, context: null, namespace: null }, {}, () => undefined);
  opened.push(cluster);
  return cluster;
};
afterAll(() => opened.forEach((cluster) => cluster.close()));

const DATABASE: Partial<FnOptions> = {
  storage: { kind: 'secret', url: { name: 'fn-db', key: 'url' } },
  registryLogin: { name: 'login', key: 'config.json' },
  replicas: { api: 2, lb: 1, runner: 3 },
  runner: { cpu: '0.5', memory: '1024Mi', disk: '1500M' },
};

test.each<[string, Partial<FnOptions>]>([
  ['the defaults', { callsFrom: ['shop'] }],
  ['nobody let in', {}],
  ['a database', DATABASE],
  ['a class of volumes', { storage: { kind: 'sqlite', size: '1024Mi', storageClass: 'fast' } }],
])('%s are accepted without a warning, and are what was wanted afterwards', async (_, options) => {
  const cluster = await connect();
  const namespace = await lab.namespace('fn', { podSecurity: 'privileged' });
  const fn = renderFn({ ...FN_DEFAULTS, ...options, namespace });
  const said: unknown[] = [];
  const { changes } = await applyInstall(fn, cluster, (event) => said.push(event));
  expect(changes).toHaveLength(fn.objects.length);
  expect(said).toEqual([]);
  expect((await planInstall(fn, cluster)).changes).toEqual([]);
  const more = renderFn({
    ...FN_DEFAULTS,
    ...options,
    namespace,
    replicas: { ...FN_DEFAULTS.replicas, ...options.replicas, runner: 4 },
  });
  const next = await applyInstall(more, cluster, (event) => said.push(event));
  expect(next.changes.map(({ kind }) => kind)).toEqual(['Deployment', 'StatefulSet']);
  expect((await planInstall(more, cluster)).changes).toEqual([]);
});

test('the namespace is made with what runners need', async () => {
  const cluster = await connect();
  const namespace = `${await lab.namespace('fn')}-made`;
  const fn = renderFn({ ...FN_DEFAULTS, namespace, makeNamespace: true });
  const said: unknown[] = [];
  await applyInstall(fn, cluster, (event) => said.push(event));
  // It warns of what `restricted` would refuse: that is the runner, and nothing else.
  expect(said).toHaveLength(1);
  expect(JSON.stringify(said)).toMatch(/StatefulSet.*fn-runner.*privileged/);
  expect((await planInstall(fn, cluster)).changes).toEqual([]);
});

test('Pod Security: only the engine of a runner needs privileges', async () => {
  const { objects } = renderFn(FN_DEFAULTS);
  const [restricted, baseline] = await Promise.all([
    lab.namespace('restricted'),
    lab.namespace('baseline', { podSecurity: 'baseline' }),
  ]);
  const post = async (kind: string, part: string, namespace: string): Promise<string> => {
    const object = objects.find((one) => one.kind === kind && one.metadata.name === `fn-${part}`)!;
    const { template } = object['spec'] as { template: { metadata: object; spec: object } };
    const pod = {
      ...template,
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...template.metadata, name: part },
    };
    const path = `/api/v1/namespaces/${namespace}/pods?dryRun=All&fieldValidation=Strict`;
    const { status, body } = await lab.api.ask('POST', path, pod);
    return `${status} ${(body as { message?: string }).message ?? ''}`;
  };
  expect(await post('Deployment', 'api', restricted)).toBe('201 ');
  expect(await post('Deployment', 'lb', restricted)).toBe('201 ');
  const refused = await post('StatefulSet', 'runner', baseline);
  expect(refused).toMatch(
    /^403 .*privileged \(container "docker" must not set securityContext\.privileged=true\)$/,
  );
});

test('kubectl takes what is rendered, strictly', async () => {
  const namespace = await lab.namespace('fn', { podSecurity: 'privileged' });
  const { documents } = await import('../../src/kubernetes/render/files.js');
  const input = documents(renderFn({ ...FN_DEFAULTS, namespace }).objects);
  const ran = await lab.kubectl(['apply', '--server-side', '--validate=strict', '-f', '-'], { input });
  expect(ran).toMatchObject({ code: 0, stderr: '' });
});
