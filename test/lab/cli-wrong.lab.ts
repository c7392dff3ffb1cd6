// Wrong inputs as a user makes them: the exit code, what is said, and that nothing was half done.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeApp } from '../helpers/cli.js';
import { runCli } from './cli-process.js';
import { ClusterStage } from './cli-stage.js';

let stage: ClusterStage;
type Wrong = { what: string; target: Record<string, unknown>; code: number; says: RegExp };

const WRONG: Wrong[] = [
  { what: 'a context that is not there', target: { context: 'nowhere' }, code: 2, says: /nowhere/ },
  {
    what: 'a kubeconfig that is not there',
    target: { kubeconfig: '/none/config' },
    code: 2,
    says: /none\/config/,
  },
  { what: 'a namespace that is not there', target: { namespace: 'nobody' }, code: 2, says: /nobody/ },
  { what: 'a gateway without a name', target: { gateway: '' }, code: 2, says: /gateway/ },
  { what: 'an API that is none', target: { api: 'nginx' }, code: 2, says: /api/ },
];

beforeAll(async () => {
  stage = await ClusterStage.open('shop', nodeApp('shop', { shop: ['v1'] }));
});
afterAll(() => stage?.close());

describe('a target with', () => {
  test.each(WRONG)('$what', async ({ target, code, says }) => {
    stage.targets({ lab: target });
    const ran = await runCli(stage, ['deploy', '--all', '--target', 'lab']);
    expect([ran.code, ran.stderr]).toEqual([code, expect.stringMatching(says)]);
    expect(ran.stderr).toContain('try:');
    expect(ran.stderr).not.toMatch(/\n +at /);
    expect(await stage.objects()).toEqual([]);
  });
});

test('no cluster at the server of the kubeconfig', async () => {
  stage.targets();
  const { writeKubeconfig } = await import('./certificates.js');
  const path = writeKubeconfig(stage.lab.dir, 'nobody', { token: 'very-secret' });
  const { readFileSync, writeFileSync } = await import('node:fs');
  writeFileSync(path, readFileSync(path, 'utf8').replace(':6443', ':1'));
  const ran = await runCli(stage, ['status', '--target', 'lab'], { KUBECONFIG: path });
  expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('127.0.0.1:1')]);
  expect(ran.stderr).toContain('try:');
  expect(ran.stderr + ran.stdout).not.toContain('very-secret');
});

test('an object of somebody else under the name of the app’s', async () => {
  stage.targets();
  await stage.ok('deploy', '--all', '--target', 'lab');
  const objects = (await stage.objects()).filter((name) => name.startsWith('service/'));
  const [service] = objects;
  await stage.ok('destroy', '--all', '--yes', '--target', 'lab');
  const name = service!.replace('service/', '');
  const made = ['-n', stage.namespace, 'create', 'service', 'clusterip', name, '--tcp=80'];
  expect(await stage.lab.kubectl(made)).toMatchObject({ code: 0 });
  const before = await stage.objects();
  const ran = await runCli(stage, ['deploy', '--all', '--target', 'lab']);
  await stage.lab.kubectl(['-n', stage.namespace, 'delete', 'service', name]);
  expect([ran.code, ran.stderr + ran.stdout]).toEqual([1, expect.stringContaining(name)]);
  const secret = (name: string): boolean => name.startsWith('secret/');
  expect((await stage.objects()).filter((each) => !secret(each))).toEqual(
    before.filter((each) => !secret(each)),
  );
});

test('a host and path that somebody else’s VirtualService has', async () => {
  const other = await stage.lab.namespace('other');
  const foreign = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'foreign', namespace: other },
    spec: {
      hosts: [stage.host],
      gateways: ['istio-ingress/public'],
      http: [{ route: [{ destination: { host: 'x', port: { number: 80 } } }] }],
    },
  };
  await stage.lab.kubectl(['apply', '-f', '-'], { input: JSON.stringify(foreign) });
  const ran = await runCli(stage, ['deploy', '--all', '--dry-run', '--target', 'lab']);
  expect(ran.stderr + ran.stdout).toContain(`${other}/foreign`);
});
