// What doctor makes of what a cluster has: one line a case.
import { describe, expect, test } from 'vitest';
import { judgeAccess } from '../../../src/inspect/cluster/access.js';
import { judgeRouteApi, judgeVersion, type RouteApi } from '../../../src/inspect/cluster/api.js';
import type { Check } from '../../../src/inspect/cluster/check.js';
import { judgeAddress, judgeGateway } from '../../../src/inspect/cluster/gateway.js';
import {
  judgeHop,
  judgeMembership,
  membershipOf,
  membershipOfPod,
  type Membership,
  mtlsIn,
} from '../../../src/inspect/cluster/mesh.js';
import { judgeDrift, judgeOwners, judgeProxy } from '../../../src/inspect/cluster/state.js';
import type { ObjectChange } from '../../../src/kubernetes/front.js';
import { KINDS, type KubeObject } from '../../../src/kubernetes/object.js';
import type { Question } from '../../../src/kubernetes/permissions.js';

type State = Check['state'];

const object = (kind: string, fields: object = {}, metadata: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: 'it', namespace: 'shop', ...metadata },
  ...fields,
});

test.each<[string, State, RegExp]>([
  ['v1.36.3', 'ok', /it answers/],
  ['v1.32.0', 'ok', /it answers/],
  ['v1.31.9-gke.1', 'warn', /older than 1\.32/],
  ['1.33+', 'ok', /it answers/],
  ['v1.37.0', 'ok', /tested up to 1\.36/],
  ['v2.0.0', 'ok', /tested up to/],
  ['something', 'warn', /does not say/],
])('Kubernetes %s: %s', (version, state, means) => {
  const check = judgeVersion(version, 'https://10.0.0.1');
  expect(check).toMatchObject({ state, found: `${version} at https://10.0.0.1` });
  expect(check.means).toMatch(means);
});

const crd = (version?: string, channel = 'standard'): KubeObject =>
  object(
    'CustomResourceDefinition',
    {},
    {
      annotations: {
        ...(version !== undefined && { 'gateway.networking.k8s.io/bundle-version': version }),
        'gateway.networking.k8s.io/channel': channel,
      },
    },
  );

test.each<[string, 'istio' | 'gateway-api', RouteApi, State, RegExp]>([
  ['Gateway API 1.6', 'gateway-api', { served: true, crd: crd('v1.6.1') }, 'ok', /can be written/],
  ['Gateway API 1.4', 'gateway-api', { served: true, crd: crd('v1.4.0') }, 'ok', /can be written/],
  ['Gateway API 1.3', 'gateway-api', { served: true, crd: crd('v1.3.2') }, 'fail', /names before 1\.4/],
  ['experimental 1.2', 'gateway-api', { served: true, crd: crd('v1.2.0', 'experimental') }, 'ok', /can be/],
  ['Gateway API 1.10', 'gateway-api', { served: true, crd: crd('v1.10.0') }, 'ok', /can be written/],
  ['a CRD by hand', 'gateway-api', { served: true, crd: crd() }, 'warn', /1\.4 or newer/],
  ['a CRD that may not be read', 'gateway-api', { served: true, crd: undefined }, 'warn', /1\.4 or newer/],
  ['no Gateway API', 'gateway-api', { served: false, crd: null }, 'fail', /install it/],
  ['Istio', 'istio', { served: true, crd: undefined }, 'ok', /can be written/],
  ['an old Istio', 'istio', { served: false, crd: crd() }, 'fail', /upgrade Istio/],
  ['no Istio', 'istio', { served: false, crd: null }, 'fail', /install Istio/],
])('%s', (_, api, there, state, means) => {
  const check = judgeRouteApi(api, there);
  expect(check.state).toBe(state);
  expect(check.means).toMatch(means);
});

describe('the gateway', () => {
  const site = {
    api: 'gateway-api' as const,
    gateway: { namespace: 'edge', name: 'public', listener: 'web' },
    host: 'shop.example.com',
    namespace: 'shop',
  };
  const gateway = (listener: object, status: object = {}): KubeObject => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'public', namespace: 'edge' },
    spec: {
      gatewayClassName: 'istio',
      listeners: [{ name: 'web', port: 80, protocol: 'HTTP', ...listener }],
    },
    status,
  });
  const all = { allowedRoutes: { namespaces: { from: 'All' } } };
  const programmed = { conditions: [{ type: 'Programmed', status: 'False', message: 'no endpoint' }] };
  test.each<[string, KubeObject | null | undefined, State, RegExp]>([
    ['takes the host', gateway(all), 'ok', /takes shop\.example\.com/],
    ['takes it by wildcard', gateway({ ...all, hostname: '*.example.com' }), 'ok', /takes/],
    ['is not Programmed, which proves nothing', gateway(all, programmed), 'ok', /takes/],
    ['takes another host', gateway({ ...all, hostname: 'other.example.com' }), 'fail', /404 for shop/],
    ['takes its own namespace only', gateway({}), 'fail', /allowedRoutes/],
    ['has no such listener', gateway({ ...all, name: 'tls' }), 'fail', /#LISTENER/],
    ['speaks TCP', gateway({ ...all, protocol: 'TCP' }), 'fail', /#LISTENER/],
    ['is not there', null, 'fail', /makeGateway/],
    ['may not be read', undefined, 'warn', /not checked/],
  ])('%s', (_, it, state, means) => {
    const check = judgeGateway(site, it, null);
    expect(check.state).toBe(state);
    expect(check.means).toMatch(means);
  });

  test("what Programmed says is told, with why it isn't", () => {
    expect(judgeGateway(site, gateway(all, programmed), null).found).toBe(
      'edge/public (Programmed=False: no endpoint; that proves nothing)',
    );
  });

  test('its address, or what to do without', () => {
    const known = { url: 'http://10.0.0.9', from: 'Gateway edge/public' };
    expect(judgeAddress(known, 'shop.example.com')).toMatchObject({ state: 'ok' });
    const unknown = judgeAddress({ url: null, from: 'Gateway edge/public has no address yet' }, 'h');
    expect(unknown).toMatchObject({ state: 'warn', found: 'Gateway edge/public has no address yet' });
    expect(unknown.means).toContain('fnmesh forward');
  });
});

describe('the mesh', () => {
  test.each<[Record<string, string>, Membership]>([
    [{}, 'none'],
    [{ 'istio-injection': 'enabled' }, 'sidecar'],
    [{ 'istio-injection': 'disabled', 'istio.io/rev': 'default' }, 'none'],
    [{ 'istio.io/rev': 'canary' }, 'sidecar'],
    [{ 'istio.io/dataplane-mode': 'ambient' }, 'ambient'],
    [{ 'istio.io/dataplane-mode': 'none' }, 'none'],
  ])('a namespace with %j: %s', (labels, membership) => {
    expect(membershipOf(labels)).toBe(membership);
  });

  test.each<[string, object, object, Membership]>([
    ['no sidecar', { containers: [{ name: 'nginx' }] }, {}, 'none'],
    ['a sidecar', { containers: [{ name: 'nginx' }, { name: 'istio-proxy' }] }, {}, 'sidecar'],
    ['a native one', { containers: [], initContainers: [{ name: 'istio-proxy' }] }, {}, 'sidecar'],
    ['ztunnel', { containers: [] }, { 'ambient.istio.io/redirection': 'enabled' }, 'ambient'],
  ])('a Pod with %s', (_, spec, annotations, membership) => {
    expect(membershipOfPod(object('Pod', { spec }, { annotations }))).toBe(membership);
  });

  const policy = (
    namespace: string,
    mode: string | undefined,
    more: object = {},
    at = '2026-01-01',
  ): KubeObject =>
    object(
      'PeerAuthentication',
      { spec: { ...(mode !== undefined && { mtls: { mode } }), ...more } },
      { namespace, creationTimestamp: at },
    );
  const selector = { selector: { matchLabels: { app: 'x' } } };
  test.each<[string, KubeObject[], string, boolean]>([
    ['nothing said', [], 'PERMISSIVE', false],
    ['the mesh', [policy('istio-system', 'STRICT')], 'STRICT', false],
    [
      'the namespace over the mesh',
      [policy('istio-system', 'STRICT'), policy('shop', 'PERMISSIVE')],
      'PERMISSIVE',
      false,
    ],
    [
      'UNSET leaves it to the mesh',
      [policy('istio-system', 'STRICT'), policy('shop', 'UNSET')],
      'STRICT',
      false,
    ],
    ['without mtls too', [policy('istio-system', 'STRICT'), policy('shop', undefined)], 'STRICT', false],
    ['another namespace', [policy('other', 'STRICT')], 'PERMISSIVE', false],
    ['of some Pods', [policy('shop', 'STRICT', selector)], 'PERMISSIVE', true],
    ['an empty selector is none', [policy('shop', 'STRICT', { selector: {} })], 'STRICT', false],
    [
      'the oldest of two',
      [policy('shop', 'DISABLE', {}, '2026-02-01'), policy('shop', 'STRICT')],
      'STRICT',
      false,
    ],
  ])('mTLS by %s', (_, policies, mode, selective) => {
    expect(mtlsIn('shop', policies)).toEqual({ mode, selective });
  });

  const strict = { mode: 'STRICT', selective: false } as const;
  const permissive = { mode: 'PERMISSIVE', selective: false } as const;
  test.each<[string, Membership, Membership, Parameters<typeof judgeHop>[2]['mtls'], State]>([
    ['an uninjected proxy calls a strict Fn', 'none', 'sidecar', strict, 'fail'],
    ['and one behind ztunnel', 'none', 'ambient', strict, 'fail'],
    ['a permissive one', 'none', 'sidecar', permissive, 'ok'],
    ['one with policies for some Pods', 'none', 'sidecar', { ...permissive, selective: true }, 'warn'],
    ['one whose policies may not be read', 'none', 'sidecar', null, 'warn'],
    ['an injected proxy calls a strict Fn', 'sidecar', 'sidecar', strict, 'ok'],
    ['an ambient one', 'ambient', 'sidecar', strict, 'ok'],
    ['STRICT says nothing of Pods outside the mesh', 'sidecar', 'none', strict, 'ok'],
    ['nobody is in the mesh', 'none', 'none', strict, 'ok'],
  ])('%s', (_, from, membership, mtls, state) => {
    const check = judgeHop('proxy → Fn', { membership: from }, { namespace: 'fn', membership, mtls });
    expect(check.state).toBe(state);
    expect(check.found).toContain(`${from} → ${membership}`);
  });

  test.each<[string, Membership | null, Membership[], boolean, State, RegExp]>([
    ['no mesh', 'none', ['none'], false, 'ok', /only the gateway/],
    ['all in it', 'sidecar', ['sidecar', 'sidecar'], true, 'ok', /get the split too/],
    ['Pods older than the label', 'sidecar', ['none', 'sidecar'], true, 'warn', /rollout restart/],
    ['mesh: true without one', 'none', ['none'], true, 'warn', /go past the split/],
    ['mesh: true, nothing deployed', 'none', [], true, 'warn', /go past the split/],
    ['mesh: false in one', 'sidecar', ['sidecar'], false, 'ok', /mesh: false/],
    ['a namespace that may not be read', null, ['sidecar'], true, 'ok', /get the split too/],
    ['nothing known', null, [], true, 'ok', /get the split too/],
  ])('%s', (_, namespace, pods, mesh, state, means) => {
    const check = judgeMembership(namespace, pods, mesh, 'shop');
    expect(check.state).toBe(state);
    expect(check.means).toMatch(means);
  });
});

describe('permissions', () => {
  const question = (verb: 'get' | 'list', optional: boolean, more: object = {}): Question => ({
    permission: { verb, kind: KINDS.Deployment, namespace: 'shop', ...more },
    for: 'proxies',
    optional,
  });
  const of = (...answers: [Question, boolean][]): Check[] =>
    judgeAccess(
      answers.map(([one, allowed]) => ({ ...one, allowed })),
      'me',
    );

  test('all there', () => {
    expect(of([question('get', false), true], [question('get', true), true])).toMatchObject([
      { state: 'ok', found: 'all 1 that are needed' },
      { state: 'ok' },
    ]);
  });

  test('verbs of one thing are told together, with where', () => {
    const [needed] = of(
      [question('get', false), false],
      [question('list', false), false],
      [question('get', false, { kind: KINDS.Pod, subresource: 'log' }), false],
      [question('get', false, { kind: KINDS.Secret, name: 'fnmesh-pin-shop' }), false],
    );
    expect(needed).toMatchObject({
      state: 'fail',
      found:
        'me may not get, list deployments.apps in shop; get pods/log in shop; get secrets fnmesh-pin-shop in shop',
    });
  });

  test('what is optional only warns, and says what is lost', () => {
    const [needed, optional] = of([
      { ...question('list', true, { kind: KINDS.HTTPRoute, namespace: null }), for: 'routes of others' },
      false,
    ]);
    expect(needed!.state).toBe('ok');
    expect(optional).toMatchObject({
      state: 'warn',
      found: 'me may not list httproutes.gateway.networking.k8s.io in all namespaces',
    });
    expect(optional!.means).toContain('routes of others');
  });
});

describe('what stands there', () => {
  const argo = { annotations: { 'argocd.argoproj.io/tracking-id': 'shop:x' } };
  test.each<[string, KubeObject[], State, RegExp]>([
    ['nobody else', [object('HTTPRoute')], 'ok', /shift works/],
    ['no routes', [], 'ok', /shift works/],
    ['Argo CD', [object('HTTPRoute'), object('HTTPRoute', {}, argo)], 'warn', /render/],
    [
      'Argo CD that was told to leave it',
      [object('HTTPRoute', {}, { annotations: { ...argo.annotations, 'fnmesh/live-edits': 'allowed' } })],
      'ok',
      /shift works/,
    ],
  ])('managed by: %s', (_, routes, state, means) => {
    const check = judgeOwners(routes);
    expect(check.state).toBe(state);
    expect(check.means).toMatch(means);
  });

  const change = (action: ObjectChange['action'], name: string): ObjectChange => ({
    action,
    kind: 'Service',
    namespace: 'shop',
    name,
    fields: [],
  });
  test.each<[string, ObjectChange[], State, string]>([
    ['none', [], 'ok', 'none'],
    ['a change', [change('update', 'a')], 'warn', '1 not as they shall be; first Service shop/a'],
    ['an orphan', [change('remove', 'b')], 'warn', '1 that nothing needs; first Service shop/b'],
    [
      'both',
      [change('create', 'a'), change('remove', 'b')],
      'warn',
      '1 not as they shall be, 1 that nothing needs; first Service shop/a',
    ],
  ])('drift: %s', (_, objects, state, found) => {
    expect(judgeDrift({ objects })).toMatchObject({ state, found });
  });

  const version = { app: 'shop', function: 'cart', version: 'v2' };
  test('a proxy that reaches Fn, one that does not, and none', () => {
    expect(judgeProxy(null)).toMatchObject({ state: 'ok', found: 'nothing is deployed' });
    expect(judgeProxy({ version, readiness: { ready: true } })).toMatchObject({ state: 'ok' });
    const readiness = { ready: false, why: '502 from Fn', try: 'kubectl logs' } as const;
    expect(judgeProxy({ version, readiness })).toMatchObject({
      state: 'fail',
      found: 'cart/v2: 502 from Fn',
      means: 'kubectl logs',
    });
  });
});
