// The command line with the rights of the RBAC manifests and no others.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeApp } from '../helpers/cli.js';
import { runCli } from './cli-process.js';
import { ClusterStage } from './cli-stage.js';

let stage: ClusterStage;
let kubeconfig: string;

async function grant(manifest: string): Promise<void> {
  const text = readFileSync(join(import.meta.dirname, '../../manifests', manifest), 'utf8')
    .replaceAll('hello-app', 'shop')
    .replaceAll(/namespace: hello$/gm, `namespace: ${stage.namespace}`)
    .replaceAll(/name: (fnmesh-platform|fnmesh-gateway|fnmesh-dns)$/gm, `name: $1-${stage.namespace}`);
  const ran = await stage.lab.kubectl(['apply', '--server-side', '-f', '-'], { input: text });
  expect(ran).toMatchObject({ code: 0 });
}

const run = (...args: string[]) => runCli(stage, [...args, '--target', 'lab'], { KUBECONFIG: kubeconfig });

async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  expect([args.join(' '), code, stderr]).toEqual([args.join(' '), 0, expect.any(String)]);
  expect(stderr).not.toMatch(/\n +at /);
  return stdout + stderr;
}

beforeAll(async () => {
  stage = await ClusterStage.open('shop', nodeApp('shop', { shop: ['v1', 'v2'] }));
  stage.targets({ lab: { adminUrl: undefined } });
  await grant('rbac-namespace.yaml');
  const account = { serviceAccount: 'fnmesh', namespace: stage.namespace };
  kubeconfig = await stage.lab.kubeconfigFor(account, stage.namespace);
});
afterAll(() => stage?.close());

test('the manifest of a namespace is enough for the whole way of an app', async () => {
  const deployed = await ok('deploy', '--all');
  for (const kind of ['HTTPRoutes', 'VirtualServices'])
    expect(deployed).toContain(
      `${kind} of other namespaces for ${stage.host} were not checked: they may not be listed`,
    );
  expect(deployed).toContain('Gateway istio-ingress/public was not checked: it may not be read');
  await stage.gateway.updated();
  expect((await stage.get('/')).status).toBe(200);
  await ok('shift', 'v2=50', '--wait=none');
  await ok('status');
  await ok('undo');
  await ok('history');
  await ok('logs');
  await ok('diff');
});

test.each([
  ['forward', '--port', '0'],
  ['shift', 'v2=10', '--wait=envoy'],
])('what it does not permit is said: %s', async (...args) => {
  const { code, stdout, stderr } = await run(...args);
  expect([code, stdout + stderr]).toEqual([expect.any(Number), expect.stringMatching(/may not|permi/)]);
  expect(code).not.toBe(0);
  expect(stderr).not.toMatch(/\n +at /);
});

test('with the platform’s as well, the gateway’s Pods are asked', async () => {
  await grant('rbac-platform.yaml');
  await ok('wire');
  await ok('shift', 'v2=20', '--wait=envoy');
  await ok('destroy', '--all', '--yes');
});
