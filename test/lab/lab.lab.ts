import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { connectCluster } from '../../src/kubernetes/client.js';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { hello } from './hello.js';
import { openLab } from './lab.js';
import { until } from './until.js';

const lab = openLab();

type Status = { conditions?: { type: string; status: string }[] } & Record<string, unknown>;

async function apply(namespace: string, ...items: KubeObject[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const ran = await lab.kubectl(['apply', '--server-side', '-n', namespace, '-f', '-'], { input });
  expect(ran).toMatchObject({ code: 0 });
}

async function rolledOut(namespace: string): Promise<void> {
  const ran = await lab.kubectl(['rollout', 'status', 'deployment/hello', '-n', namespace, '--timeout=20s']);
  if (ran.code === 0) return;
  const [pod] = await pods(namespace);
  const log = pod && (await lab.log(namespace, pod.metadata.name));
  expect.fail(`${ran.stderr}\n${JSON.stringify(pod?.status, null, 1)}\n${log}`);
}

/** The Service's answer, by the API server's proxy. */
async function called(namespace: string, path = '/'): Promise<{ status: number; body: unknown }> {
  return await lab.api.ask('GET', `/api/v1/namespaces/${namespace}/services/hello:http/proxy${path}`);
}

async function pods(namespace: string): Promise<KubeObject[]> {
  return (await lab.api.must<{ items: KubeObject[] }>('GET', `/api/v1/namespaces/${namespace}/pods`)).items;
}

test('all CRDs are served, in the versions that fnmesh writes', async () => {
  const { stdout } = await lab.kubectl(['get', 'crd', '-o', 'json']);
  const crds = (JSON.parse(stdout) as { items: KubeObject[] }).items;
  expect(crds).toHaveLength(25);
  for (const { status } of crds)
    expect((status as Status).conditions).toContainEqual(
      expect.objectContaining({ type: 'Established', status: 'True' }),
    );
  const { stdout: resources } = await lab.kubectl(['api-resources', '--no-headers', '-o', 'name']);
  expect(resources.split('\n')).toEqual(
    expect.arrayContaining(['virtualservices.networking.istio.io', 'httproutes.gateway.networking.k8s.io']),
  );
  const { stdout: version } = await lab.kubectl(['version']);
  expect(version).toContain('Server Version: v1.36.3');
});

test('a Deployment runs its own configuration, rolls to the next one, and is gone when deleted', async () => {
  const namespace = await lab.namespace();
  await apply(namespace, ...hello(lab.dns.address, 'one'));
  await rolledOut(namespace);
  expect(await called(namespace)).toEqual({ status: 200, body: 'one\n' });

  const before = (await pods(namespace)).map(({ metadata }) => metadata.name);
  expect(before).toHaveLength(2);
  await apply(namespace, ...hello(lab.dns.address, 'two'));
  await rolledOut(namespace);
  await until(async () => (await pods(namespace)).every(({ metadata }) => !before.includes(metadata.name)));
  expect(await called(namespace)).toEqual({ status: 200, body: 'two\n' });
  const [pod] = await pods(namespace);
  const read = await lab.kubectl(['logs', pod!.metadata.name, '-n', namespace, '--tail=1']);
  expect(read.stdout).toMatch(/^.*"GET .* HTTP\/1\.1" 200 .*\n$/);

  const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
  const ready = async (): Promise<number> => {
    const { items } = await lab.api.must<{ items: { endpoints?: { conditions: { ready: boolean } }[] }[] }>(
      'GET',
      slices,
    );
    return items.flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions.ready)
      .length;
  };
  expect(await ready()).toBe(2);
  await lab.kubectl(['delete', 'deployment/hello', '-n', namespace, '--wait=false']);
  await until(async () => (await pods(namespace)).length === 0);
  await until(async () => (await ready()) === 0);
  expect((await called(namespace)).status).toBe(503);
});

test('a Pod reaches what the test listens on, by a name that the test sets', async () => {
  const namespace = await lab.namespace();
  await apply(namespace, ...hello(lab.dns.address, 'one'));
  await rolledOut(namespace);
  expect((await called(namespace, '/fn')).status).toBe(502);
  const { createServer } = await import('node:http');
  const server = createServer((request, response) =>
    response.end(`${request.url} for ${request.headers.host}\n`),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const exposed = await lab.expose((server.address() as { port: number }).port, { as: 8070 });
  lab.dns.set('fn.example', exposed.address);
  await until(async () => (await called(namespace, '/fn')).status === 200);
  expect((await called(namespace, '/fn')).body).toBe('/called for fn.example:8070\n');
  await exposed.close();
  expect((await called(namespace, '/fn')).status).toBe(502);
  lab.dns.remove('fn.example');
  server.close();
});

test('a port of a Pod is to be had through the API server', async () => {
  const namespace = await lab.namespace();
  await apply(namespace, ...hello(lab.dns.address, 'one'));
  await rolledOut(namespace);
  const [pod] = await pods(namespace);
  const cluster = await connectCluster(
    { kubeconfig: { value: lab.kubeconfig, from: 'test' }, context: null, namespace: null },
    {},
    () => undefined,
  );
  const stream = await cluster.connect(namespace, pod!.metadata.name, 8080);
  stream.write('GET / HTTP/1.0\r\n\r\n');
  let text = '';
  for await (const part of stream) text += String(part);
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\none\n$/);
  cluster.close();
});

test('a request under way is answered before its Pod ends', async () => {
  const namespace = await lab.namespace();
  await apply(namespace, ...hello(lab.dns.address, 'one'));
  await rolledOut(namespace);
  const address = await lab.address();
  const { createServer } = await import('node:http');
  const held: (() => void)[] = [];
  const server = createServer((_, response) => void held.push(() => response.end('late\n')));
  await new Promise<void>((resolve) => server.listen(8070, address, resolve));
  lab.dns.set('fn.example', address);
  const [pod] = await pods(namespace);
  const { podIP } = pod!.status as { podIP: string };
  const answer = new Promise<string>((resolve, reject) => {
    get({ host: podIP, port: 8080, path: '/fn' }, (response) => {
      response.setEncoding('utf8').on('data', resolve);
    }).on('error', reject);
  });
  await until(() => Promise.resolve(held.length > 0));
  await lab.kubectl(['delete', `pod/${pod!.metadata.name}`, '-n', namespace, '--wait=false']);
  await until(async () => (await pods(namespace)).length > 2);
  await sleep(1_500);
  held[0]!();
  expect(await answer).toBe('late\n');
  await until(async () => (await pods(namespace)).length === 2);
  lab.dns.remove('fn.example');
  server.close();
});

test('a broken configuration shows as a container that crashes, an unknown image as a failing pull', async () => {
  const namespace = await lab.namespace();
  const items = hello(lab.dns.address, 'one');
  items[0]!.data = { 'nginx.conf': 'nonsense;' };
  await apply(namespace, ...items);
  const waiting = async (reason: string): Promise<KubeObject | undefined> =>
    (await pods(namespace)).find(({ status }) => {
      const { containerStatuses } = status as {
        containerStatuses?: { state: { waiting?: { reason: string } } }[];
      };
      return containerStatuses?.[0]?.state.waiting?.reason === reason;
    });
  await until(async () => (await waiting('CrashLoopBackOff')) !== undefined);
  const crashed = await waiting('CrashLoopBackOff');
  expect(await lab.log(namespace, crashed!.metadata.name)).toContain('unknown directive "nonsense"');

  await apply(namespace, ...hello(lab.dns.address, 'two', { image: 'registry.example/none:1' }));
  await until(async () => (await waiting('ErrImagePull')) !== undefined);
});

test('a container may not write its root, and runs as the user of the image', async () => {
  const namespace = await lab.namespace();
  const command = [
    'sh',
    '-c',
    'id -u; cat /proc/1/status | grep CapEff; touch /x; echo $$; exec nginx -g "daemon off;"',
  ];
  await apply(namespace, ...hello(lab.dns.address, 'one', { command }));
  await rolledOut(namespace);
  const [pod] = await pods(namespace);
  const log = await lab.log(namespace, pod!.metadata.name);
  expect(log).toContain('101\nCapEff:\t0000000000000000\n');
  expect(log).toContain("touch: cannot touch '/x'");
  expect(log).toContain('\n1\n');
});

test('Pod Security restricted refuses a Pod that runs as root', async () => {
  const namespace = await lab.namespace();
  const { status, body } = await lab.api.ask('POST', `/api/v1/namespaces/${namespace}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'root' },
    spec: { containers: [{ name: 'nginx', image: 'nginx' }] },
  });
  expect(status).toBe(403);
  expect((body as { message: string }).message).toContain('violates PodSecurity "restricted');
});

test('strict validation refuses a field that there is not', async () => {
  const namespace = await lab.namespace();
  const path = `/apis/networking.istio.io/v1/namespaces/${namespace}/virtualservices?fieldValidation=Strict`;
  const service = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'hello' },
    spec: { hosts: ['hello.example.com'], http: [{ route: [{ destination: { host: 'a' }, wieght: 1 }] }] },
  };
  const { status, body } = await lab.api.ask('POST', path, service);
  expect(status).toBe(400);
  expect((body as { message: string }).message).toContain('unknown field "spec.http[0].route[0].wieght"');
});

test('a kubeconfig may do what its user or ServiceAccount was given, and nothing else', async () => {
  const namespace = await lab.namespace();
  await apply(
    namespace,
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'reader' } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'readers' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [
        { kind: 'ServiceAccount', name: 'reader', namespace },
        { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'readers' },
      ],
    },
  );
  for (const who of [
    { serviceAccount: 'reader', namespace },
    { user: 'ann', groups: ['readers'] },
  ]) {
    const kubeconfig = await lab.kubeconfigFor(who, namespace);
    expect(await lab.kubectl(['get', 'services'], { kubeconfig })).toMatchObject({ code: 0 });
    const refused = await lab.kubectl(['delete', 'service', 'hello'], { kubeconfig });
    expect(refused.stderr).toContain('cannot delete resource "services"');
  }
  const stranger = await lab.kubeconfigFor({ user: 'bob' }, namespace);
  expect((await lab.kubectl(['get', 'services'], { kubeconfig: stranger })).stderr).toContain(
    'User "bob" cannot list',
  );
});
