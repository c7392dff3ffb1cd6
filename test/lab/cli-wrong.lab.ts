// Wrong inputs as a user makes them: the exit code, what is said, and that nothing was half done.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeApp, type Ran } from '../helpers/cli.js';
import { writeKubeconfig } from './certificates.js';
import { runCli } from './cli-process.js';
import { ClusterStage } from './cli-stage.js';

let stage: ClusterStage;
type Wrong = { what: string; target: Record<string, unknown>; says: RegExp; way?: RegExp };

const WRONG: Wrong[] = [
  { what: 'a context that is not there', target: { context: 'nowhere' }, says: /nowhere/ },
  {
    what: 'a kubeconfig that is not there',
    target: { kubeconfig: '/none/config' },
    says: /the kubeconfig \/none\/config \(fnmesh\.yaml:1\) is not there/,
    way: /kubeconfig: \(fnmesh\.yaml:1\)/,
  },
  { what: 'a namespace that is not there', target: { namespace: 'nobody' }, says: /nobody/ },
  {
    what: 'a gateway that is not there',
    target: { gateway: 'istio-ingress/nowhere' },
    says: /there is no Gateway istio-ingress\/nowhere \(Istio\)/,
    way: /gateway: of the target in fnmesh\.yaml, or makeGateway: true/,
  },
  {
    what: 'a Gateway that is not there',
    target: { api: 'gateway-api', gateway: 'nowhere#http' },
    says: /there is no Gateway wrong-\S+\/nowhere \(Gateway API\)/,
    way: /gateway: of the target in fnmesh\.yaml/,
  },
  {
    what: 'a listener that is not there',
    target: { api: 'gateway-api', gateway: 'istio-ingress/public-gw#web' },
    says: /Gateway istio-ingress\/public-gw has no HTTP listener web; there are: http/,
    way: /gateway: istio-ingress\/public-gw#LISTENER/,
  },
  {
    what: 'a gateway that does not take the host',
    target: { gateway: 'narrow' },
    says: /Gateway wrong-\S+\/narrow does not take host wrong-\S+\.example\.com, only \*\.example\.org/,
    way: /host: of the target in fnmesh\.yaml/,
  },
  {
    what: 'a listener that does not take the host',
    target: { api: 'gateway-api', gateway: 'narrow#web' },
    says: /Gateway wrong-\S+\/narrow does not take host wrong-\S+\.example\.com, only \*\.example\.org/,
    way: /host: of the target in fnmesh\.yaml/,
  },
  {
    what: 'a gateway whose listeners do not take the host, and no API said',
    target: { api: undefined, gateway: 'narrow' },
    says: /no listener of Gateway \S+ takes routes of namespace \S+ for \S+:\n +\S+#web takes \*\.example\.org/,
    way: /host: or gateway: of the target/,
  },
  {
    what: 'a gateway without a name',
    target: { gateway: '' },
    says: /fnmesh\.yaml:1:\d+: targets\.lab\.gateway/,
  },
  {
    what: 'an API that is none',
    target: { api: 'nginx' },
    says: /fnmesh\.yaml:1:\d+: targets\.lab\.api must be/,
  },
  {
    what: 'an adminUrl that is no URL',
    target: { adminUrl: 'nowhere' },
    says: /fnmesh\.yaml:1:\d+: targets\.lab\.adminUrl\[0\] must be an http:\/\/ or https:\/\/ URL/,
    way: /edit fnmesh\.yaml: targets\.lab\.adminUrl/,
  },
  {
    what: 'a key with a slip of the pen',
    target: { namespce: 'shop' },
    says: /unknown key "namespce" \(did you mean namespace\?\)$/m,
    way: /edit fnmesh\.yaml: targets\.lab\.namespce/,
  },
  {
    what: 'a key that is like none',
    target: { colour: 'red' },
    says: /unknown key "colour"; the keys here are fn, router, /,
    way: /edit fnmesh\.yaml: targets\.lab\.colour/,
  },
];

/** Names of what fnmesh has made in the namespace, whatever the app. */
async function made(): Promise<string[]> {
  const kinds = 'deployments,services,configmaps,secrets,poddisruptionbudgets,virtualservices,httproutes';
  const selector = ['-l', 'app.kubernetes.io/managed-by=fnmesh', '-o', 'name'];
  const { code, stdout } = await stage.lab.kubectl(['-n', stage.namespace, 'get', kinds, ...selector]);
  expect(code).toBe(0);
  return stdout.split('\n').filter(Boolean);
}

/** What a refusal has to be, whatever it refuses. */
async function expectRefused(ran: Ran, code: number, says: RegExp, way = /./): Promise<void> {
  expect([ran.code, ran.stderr]).toEqual([code, expect.stringMatching(says)]);
  expect(/^ *try: (.*)$/m.exec(ran.stderr)?.[1]).toMatch(way);
  expect(ran.stderr).not.toMatch(/\n +at |ENOENT/);
  expect(await made()).toEqual([]);
  const apps = await fetch(`http://127.0.0.1:${stage.fnPort}/v2/apps`);
  expect(await apps.json()).toMatchObject({ items: [] });
}

beforeAll(async () => {
  stage = await ClusterStage.open('shop', nodeApp('shop', { shop: ['v1'] }), 'wrong');
  for (const gateway of narrowGateways(stage.namespace)) await apply(gateway);
});
afterAll(() => stage?.close());

describe('a target with', () => {
  test.each(WRONG)('$what', async ({ target, says, way }) => {
    stage.targets({ lab: target });
    await expectRefused(await runCli(stage, ['deploy', '--all', '--target', 'lab']), 2, says, way);
  });
});

test('a gateway to forward that is not there', async () => {
  stage.targets({ lab: { gateway: 'istio-ingress/nowhere' } });
  const ran = await runCli(stage, ['forward', '--port', '0', '--target', 'lab']);
  const way = /kubectl get gateways\.networking\.istio\.io -A, and one of them as gateway:/;
  await expectRefused(ran, 2, /there is no Gateway istio-ingress\/nowhere/, way);
});

describe('a kubeconfig', () => {
  const deploy = ['deploy', '--all', '--target', 'lab'];
  beforeAll(() => stage.targets());

  test('that nobody has', async () => {
    const ran = await runCli(stage, deploy, { KUBECONFIG: '' });
    await expectRefused(ran, 2, /there is no kubeconfig/, /--kubeconfig FILE/);
  });

  test('that is named by a flag and is not there', async () => {
    const ran = await runCli(stage, [...deploy, '--kubeconfig', 'none.yaml']);
    const says = /the kubeconfig none\.yaml \(--kubeconfig\) is not there/;
    await expectRefused(ran, 2, says, /--kubeconfig with a file that can be read/);
  });

  test('that KUBECONFIG names and is not there', async () => {
    const ran = await runCli(stage, deploy, { KUBECONFIG: '/none/config' });
    await expectRefused(ran, 2, /KUBECONFIG names no file that is there: \/none\/config/, /KUBECONFIG/);
  });

  test('that is a folder', async () => {
    const ran = await runCli(stage, [...deploy, '--kubeconfig', '.']);
    await expectRefused(ran, 2, /the kubeconfig \. \(--kubeconfig\) is a folder/);
  });

  test.each([
    ['no YAML', 'users: [{ name: a, user: { token: very-secret', /broken:1: the kubeconfig is no YAML/],
    ['a text', 'very-secret', /broken is no kubeconfig/],
    ['empty', '', /broken names no current context/],
  ])('that is %s', async (_, text, says) => {
    stage.place.write({ 'shop/broken': text });
    const ran = await runCli(stage, [...deploy, '--kubeconfig', 'broken']);
    await expectRefused(ran, 2, says);
    expect(ran.stderr + ran.stdout).not.toContain('very-secret');
  });
});

describe('an app', () => {
  /** Deploys an app of its own folder to the same target. */
  async function deploy(files: Record<string, string>): Promise<Ran> {
    stage.targets();
    const settings = readFileSync(join(stage.place.dir, 'shop/fnmesh.yaml'), 'utf8');
    stage.place.write({ ...files, 'other/fnmesh.yaml': settings });
    const ran = await stage.place.run(['deploy', '--all', '--target', 'lab'], { cwd: 'other' });
    rmSync(join(stage.place.dir, 'other'), { recursive: true });
    return ran;
  }

  test.each(['Hello_App', '1st'])('%s, whose name no object can have', async (name) => {
    const ran = await deploy({ ...nodeApp('other', { cart: ['v1'] }), 'other/app.yaml': `name: ${name}\n` });
    await expectRefused(ran, 2, new RegExp(`app ${name}: on a cluster a name`), /name: in app\.yaml/);
  });

  test('with a function of one name, and so of one path, twice', async () => {
    const files = { ...nodeApp('other', { other: ['v1'] }), 'other/other/v1/func.yaml': 'name: other-v1\n' };
    await expectRefused(await deploy(files), 2, /there is another function other/, /rename/);
  });

  test('with a source twice', async () => {
    const files = nodeApp('other', { cart: ['v1'], price: ['v1'] });
    const [file, twin] = ['other/price/v1/func.yaml', files['other/cart/v1/func.yaml']!];
    files[file] = files[file]!.replace(/source: .*/, /source: .*/.exec(twin)![0]);
    await expectRefused(await deploy(files), 2, /price\/v1\/func\.yaml:\d+:\d+: source \S+ is also/);
  });
});

test('no cluster at the server of the kubeconfig', async () => {
  stage.targets();
  const path = writeKubeconfig(stage.lab.dir, 'nobody', { token: 'very-secret' });
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
  expect(await stage.objects()).toEqual(before);
});

/** Makes an object as anybody may. */
async function apply(object: object): Promise<void> {
  const ran = await stage.lab.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
  expect(ran).toMatchObject({ code: 0 });
}

/** Gateways of both APIs that take only hosts of another domain. */
function narrowGateways(namespace: string): object[] {
  const metadata = { name: 'narrow', namespace };
  const hosts = ['*.example.org'];
  const port = { number: 80, name: 'web', protocol: 'HTTP' };
  const listener = { name: 'web', port: 80, protocol: 'HTTP', hostname: hosts[0] };
  return [
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Gateway',
      metadata,
      spec: { selector: { istio: 'ingress' }, servers: [{ port, hosts }] },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata,
      spec: { gatewayClassName: 'istio', listeners: [listener] },
    },
  ];
}
