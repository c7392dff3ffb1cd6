import { expect, test } from 'vitest';
import { FnmeshError } from '../../../src/errors.js';
import { applyInstall, planInstall } from '../../../src/kubernetes/install/apply.js';
import { renderFn } from '../../../src/kubernetes/install/fn.js';
import { FN_DEFAULTS, type FnOptions } from '../../../src/kubernetes/install/options.js';
import { fakeCluster } from '../../helpers/fake-cluster.js';

const install = (options: Partial<FnOptions> = {}): ReturnType<typeof renderFn> =>
  renderFn({ ...FN_DEFAULTS, callsFrom: ['shop'], ...options });
const quiet = (): void => undefined;
const rows = (plan: Awaited<ReturnType<typeof planInstall>>): string[] =>
  plan.changes.map(({ action, kind, name, fields }) => [action, kind, name, ...fields].join(' '));

test('a first install makes everything, a second one nothing', async () => {
  const cluster = fakeCluster();
  const fn = install();
  const plan = await planInstall(fn, cluster);
  expect(cluster.objects()).toEqual([]);
  expect(rows(plan)).toEqual(fn.objects.map(({ kind, metadata }) => `create ${kind} ${metadata.name}`));
  expect(await applyInstall(fn, cluster, quiet)).toEqual(plan);
  expect(cluster.objects()).toHaveLength(fn.objects.length);
  expect(rows(await planInstall(fn, cluster))).toEqual([]);
});

test('a change is told field by field, and what is taken out goes', async () => {
  const cluster = fakeCluster();
  await applyInstall(install({ registryLogin: { name: 'login', key: 'json' } }), cluster, quiet);
  const next = install({ replicas: { ...FN_DEFAULTS.replicas, runner: 3 } });
  const login = 'spec.template.spec.containers[fnserver].env[FN_DOCKER_AUTH]';
  expect(rows(await planInstall(next, cluster))).toEqual([
    'update Deployment fn-lb spec.template.spec.containers[fnserver].env[FN_RUNNER_ADDRESSES].value',
    expect.stringMatching(/^update StatefulSet fn-runner spec\.replicas /),
  ]);
  const { changes } = await applyInstall(next, cluster, quiet);
  expect(changes[1]!.fields).toContain(`${login}.name`);
  expect(rows(await planInstall(next, cluster))).toEqual([]);
  expect(JSON.stringify(cluster.objects())).not.toContain('FN_DOCKER_AUTH');
});

test('the namespace comes first, and is left alone when it is there', async () => {
  const cluster = fakeCluster();
  const fn = install({ makeNamespace: true });
  await applyInstall(fn, cluster, quiet);
  const writes = cluster.requests.filter(({ verb }) => verb === 'apply');
  expect(writes[0]).toMatchObject({ kind: 'Namespace', name: 'fn' });
  const other = fakeCluster();
  other.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'fn' } });
  await applyInstall(fn, other, quiet);
  expect(other.requests.filter(({ verb, kind }) => verb === 'apply' && kind === 'Namespace')).toEqual([]);
});

test("somebody else's object of that name stops it before anything is written", async () => {
  const cluster = fakeCluster();
  const fn = install();
  const { apiVersion, kind } = fn.objects.find((object) => object.kind === 'Service')!;
  cluster.put({ apiVersion, kind, metadata: { name: 'fn-lb', namespace: 'fn' }, spec: {} });
  await expect(applyInstall(fn, cluster, quiet)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('Service fn/fn-lb') as string,
  });
  expect(cluster.objects()).toHaveLength(1);
});

test('what the API server refuses is found out before anything is written', async () => {
  const cluster = fakeCluster();
  const refused = new FnmeshError('failed', 'StatefulSet fn/fn-runner is forbidden');
  cluster.before({ verb: 'apply', kind: 'StatefulSet' }, () => {
    throw refused;
  });
  await expect(applyInstall(install(), cluster, quiet)).rejects.toBe(refused);
  expect(cluster.objects()).toEqual([]);
});
