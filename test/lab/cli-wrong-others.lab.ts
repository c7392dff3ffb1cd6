// What stands in the way on a cluster: routes of others for the app's host, and tools that manage the app's own.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeApp, type Ran } from '../helpers/cli.js';
import { runCli } from './cli-process.js';
import { ClusterStage } from './cli-stage.js';

let stage: ClusterStage;
let other: string;
const GATEWAYS = { istio: 'istio-ingress/public', 'gateway-api': 'istio-ingress/public-gw' } as const;
type Api = keyof typeof GATEWAYS;

beforeAll(async () => {
  stage = await ClusterStage.open('shop', nodeApp('shop', { shop: ['v1', 'v2'] }), 'others');
  other = await stage.lab.namespace('other');
  const named = (api: Api): Record<string, unknown> => ({ api, gateway: GATEWAYS[api] });
  stage.targets({ istio: named('istio'), 'gateway-api': named('gateway-api') });
});
afterAll(() => stage?.close());

/** A route of somebody else's that leads nowhere. */
function foreign(api: Api, host: string): object {
  const [namespace, name] = GATEWAYS[api].split('/');
  const metadata = { name: 'foreign', namespace: other };
  if (api === 'istio')
    return {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata,
      spec: {
        hosts: [host],
        gateways: [GATEWAYS[api]],
        http: [{ route: [{ destination: { host: 'x', port: { number: 80 } } }] }],
      },
    };
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata,
    spec: {
      parentRefs: [{ namespace, name }],
      hostnames: [host],
      rules: [{ matches: [{ path: { type: 'Exact', value: '/' } }], backendRefs: [{ name: 'x', port: 80 }] }],
    },
  };
}

const kubectl = async (args: string[], input?: object): Promise<void> => {
  const ran = await stage.lab.kubectl(args, input && { input: JSON.stringify(input) });
  expect(ran).toMatchObject({ code: 0 });
};

/** Runs it while somebody else's route is there. */
async function beside(route: object, ...args: string[]): Promise<Ran> {
  await kubectl(['apply', '-f', '-'], route);
  const ran = await runCli(stage, args);
  await kubectl(['delete', '-f', '-'], route);
  expect(ran.stderr).not.toMatch(/\n +at /);
  return ran;
}

describe.each<[Api, string, Api, string]>([
  ['istio', 'VirtualService', 'gateway-api', 'HTTPRoute'],
  ['gateway-api', 'HTTPRoute', 'istio', 'VirtualService'],
])('api: %s', (api, kind, otherApi, otherKind) => {
  const deploy = ['deploy', '--all', '--target', api];

  test('a foreign route of the other API for the host is refused', async () => {
    for (const more of [[], ['--dry-run']]) {
      const ran = await beside(foreign(otherApi, stage.host), ...deploy, ...more);
      expect([ran.code, ran.stderr + ran.stdout]).toEqual([
        1,
        expect.stringContaining(
          `${otherKind} ${other}/foreign answers on ${stage.host} too, and no host may have routes of both APIs`,
        ),
      ]);
      expect(ran.stderr).toMatch(/^ *try: another host: or the other api: of the target in fnmesh\.yaml$/m);
      expect(await stage.objects()).toEqual([]);
    }
  });

  test.each<[string, string, Api, string | null, string]>([
    ['for the host and path', kind, api, null, 'too: which rule counts'],
    ['with a * that takes in the host', kind, api, '*.example.com', 'which takes in'],
    ['of the other API with such a *', otherKind, otherApi, '*.example.com', 'which takes in'],
  ])('a foreign route %s is told of', async (_, ofKind, ofApi, pattern, what) => {
    const host = pattern ?? stage.host;
    const ran = await beside(foreign(ofApi, host), ...deploy, '--dry-run');
    const warning = `warning: ${ofKind} ${other}/foreign answers on ${host}`;
    expect([ran.code, ran.stderr + ran.stdout]).toEqual([0, expect.stringContaining(warning)]);
    expect(ran.stderr + ran.stdout).toContain(what);
    expect(await stage.objects()).toEqual([]);
  });
});

describe('a route that another tool manages', () => {
  const kind = 'virtualservice';
  beforeAll(async () => {
    await stage.ok('deploy', '--all', '--target', 'lab');
    await stage.ok('shift', 'v2=10', '--wait=none', '--target', 'lab');
  });

  const spec = async (): Promise<string> => {
    const args = ['-n', stage.namespace, 'get', kind, 'shop', '-o', 'jsonpath={.spec}'];
    return (await stage.lab.kubectl(args)).stdout;
  };

  test.each([
    ['Argo CD, by its annotation', 'annotate', 'argocd.argoproj.io/tracking-id=web:x', 'Argo CD \\(web\\)'],
    ['Argo CD, by its label', 'label', 'argocd.argoproj.io/instance=web', 'Argo CD \\(web\\)'],
    ['Flux', 'label', 'kustomize.toolkit.fluxcd.io/name=web', 'Flux \\(web\\)'],
    ['Helm', 'annotate', 'meta.helm.sh/release-name=web', 'Helm \\(web\\)'],
  ])('%s: is left as it is, with the way out', async (_, how, mark, tool) => {
    await kubectl(['-n', stage.namespace, how, kind, 'shop', mark]);
    const before = await spec();
    const says = new RegExp(`VirtualService ${stage.namespace}/shop: managed by ${tool}`);
    for (const args of [['shift', 'v2=50', '--wait=none'], ['undo']]) {
      const ran = await runCli(stage, [...args, '--target', 'lab']);
      expect([ran.code, ran.stderr]).toEqual([1, expect.stringMatching(says)]);
      expect(ran.stderr).toMatch(/^ *try: fnmesh render --target \S+ -o DIR/m);
    }
    expect(await spec()).toBe(before);
    await kubectl(['-n', stage.namespace, how, kind, 'shop', `${mark.split('=')[0]}-`]);
  });

  test('once it leaves the object alone, weights are moved', async () => {
    const marks = ['argocd.argoproj.io/tracking-id=web:x', 'fnmesh/live-edits=allowed'];
    await kubectl(['-n', stage.namespace, 'annotate', kind, 'shop', ...marks]);
    await stage.ok('shift', 'v2=50', '--wait=none', '--target', 'lab');
    expect(await spec()).toContain('"weight":50');
  });
});
