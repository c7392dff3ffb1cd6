import { describe, expect, test } from 'vitest';
import { detectSite } from '../../../src/kubernetes/detect/detect.js';
import { gatewayUrl } from '../../../src/kubernetes/detect/gateway-url.js';
import { ensurePinSecret } from '../../../src/kubernetes/detect/pin.js';
import { siteFrom } from '../../../src/kubernetes/detect/site-from.js';
import { apiVersionOf, type Kind, KINDS, type KubeObject } from '../../../src/kubernetes/object.js';
import { appLabels } from '../../../src/kubernetes/names.js';
import { type ClusterSettings, OPEN_CLUSTER } from '../../../src/target/cluster.js';
import { fakeCluster, namespace } from '../../helpers/fake-cluster.js';

const said = <T>(value: T) => ({ value, from: 'fnmesh.yaml:3' });
const settings = (more: Partial<ClusterSettings> = {}): ClusterSettings => ({ ...OPEN_CLUSTER, ...more });
const object = (kind: Kind, at: string, rest: object, labels = {}): KubeObject => {
  const [ns = '', name = ''] = at.split('/');
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { name, namespace: ns, labels },
    ...rest,
  };
};
const kubeDns = object(KINDS.Service, 'kube-system/kube-dns', { spec: { clusterIP: '10.96.0.10' } });
const listener = (name: string, more: object = {}) => ({
  name,
  port: name === 'https' ? 443 : 80,
  protocol: name === 'https' ? 'HTTPS' : 'HTTP',
  allowedRoutes: { namespaces: { from: 'All' } },
  ...more,
});
const gateway = (at: string, ...listeners: object[]) => object(KINDS.Gateway, at, { spec: { listeners } });
const istio = (at: string, ...hosts: string[]) =>
  object(KINDS.IstioGateway, at, {
    spec: {
      selector: { istio: 'ingress' },
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts }],
    },
  });

function clusterWith(objects: readonly KubeObject[], without: readonly Kind[] = []) {
  const cluster = fakeCluster({ without });
  for (const each of [kubeDns, namespace('hello'), ...objects]) cluster.put(each);
  return cluster;
}

const found = async (
  objects: readonly KubeObject[],
  more: Partial<ClusterSettings> = {},
  without: readonly Kind[] = [],
) => {
  const { site, notes } = await detectSite('shop', settings(more), clusterWith(objects, without), 'none');
  return { api: site.api, gateway: site.gateway, host: site.host, mesh: site.mesh, dns: site.dns, notes };
};
const host = said('shop.example.com');

describe('api, gateway and host', () => {
  test.each<[string, KubeObject[], Partial<ClusterSettings>, Kind[], object]>([
    [
      'only Istio is served',
      [istio('in/old', '*')],
      { host },
      [KINDS.HTTPRoute, KINDS.Gateway],
      { api: 'istio', gateway: { namespace: 'in', name: 'old' } },
    ],
    [
      'only Gateway API is served',
      [gateway('in/new', listener('http'))],
      { host },
      [KINDS.VirtualService, KINDS.IstioGateway],
      { api: 'gateway-api', gateway: { namespace: 'in', name: 'new', listener: 'http' } },
    ],
    [
      'both fit',
      [istio('in/old', '*'), gateway('in/new', listener('http'))],
      { host },
      [],
      { api: 'gateway-api' },
    ],
    [
      'only the Istio one takes the host',
      [istio('in/old', '*.example.com'), gateway('in/new', listener('http', { hostname: 'other.org' }))],
      { host },
      [],
      { api: 'istio' },
    ],
    [
      'the app has VirtualServices',
      [
        istio('in/old', '*'),
        gateway('in/new', listener('http')),
        object(KINDS.VirtualService, 'hello/shop', {}, appLabels('shop')),
      ],
      { host },
      [],
      { api: 'istio' },
    ],
    [
      'one listener takes the host',
      [
        gateway(
          'in/new',
          listener('a', { hostname: '*.example.org' }),
          listener('b', { hostname: '*.example.com' }),
        ),
      ],
      { host },
      [],
      { gateway: { namespace: 'in', name: 'new', listener: 'b' } },
    ],
    [
      'one listener takes the namespace',
      [gateway('in/new', listener('a', { allowedRoutes: {} }), listener('b'))],
      { host },
      [],
      { gateway: { namespace: 'in', name: 'new', listener: 'b' } },
    ],
    [
      'a namespace by its labels',
      [
        namespace('hello', { team: 'a' }),
        gateway(
          'in/new',
          listener('a', {
            allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'a' } } } },
          }),
        ),
      ],
      { host },
      [],
      { gateway: { namespace: 'in', name: 'new', listener: 'a' } },
    ],
    [
      'listeners that speak no HTTP do not count',
      [gateway('in/new', listener('tls', { protocol: 'TLS' }), listener('http'))],
      { host },
      [],
      { gateway: { namespace: 'in', name: 'new', listener: 'http' } },
    ],
    [
      'the host of the listener',
      [gateway('in/new', listener('http', { hostname: 'hello.example.com' }))],
      {},
      [],
      { host: 'hello.example.com' },
    ],
    [
      'the host of an Istio server',
      [istio('in/old', 'hello/hello.example.com')],
      {},
      [],
      { api: 'istio', host: 'hello.example.com' },
    ],
    [
      'a gateway that is said stays without a listener',
      [gateway('in/new', listener('http'), listener('https'))],
      { host, gateway: said({ namespace: 'in', name: 'new', listener: null }) },
      [],
      { gateway: { namespace: 'in', name: 'new' } },
    ],
  ])('%s', async (_, objects, more, without, expected) => {
    expect(await found(objects, more, without)).toMatchObject(expected);
  });

  test.each<[string, KubeObject[], Partial<ClusterSettings>, RegExp]>([
    ['no gateway', [], { host }, /there is no Gateway on the cluster/],
    [
      'two gateways',
      [gateway('in/a', listener('http')), gateway('in/b', listener('http'))],
      { host },
      /several gateways fit:\n {2}gateway: in\/a#http\n {2}gateway: in\/b#http/,
    ],
    [
      'two listeners',
      [gateway('in/a', listener('http'), listener('https'))],
      { host },
      /in\/a#http\n {2}gateway: in\/a#https/,
    ],
    [
      'none takes the host',
      [gateway('in/a', listener('http', { hostname: 'x.org' }))],
      { host },
      /no gateway takes routes of namespace hello for shop.example.com:\n {2}in\/a#http takes x.org/,
    ],
    [
      'none takes the namespace',
      [gateway('in/a', listener('http', { allowedRoutes: {} }))],
      { host },
      /in\/a#http takes any host, and no routes of namespace hello/,
    ],
    [
      'a host by wildcard only',
      [gateway('in/a', listener('http', { hostname: '*.example.com' }))],
      {},
      /which host the functions answer on is not known: in\/a#http takes \*\.example\.com/,
    ],
  ])('%s: an error with the candidates', async (_, objects, more, message) => {
    await expect(found(objects, more)).rejects.toMatchObject({
      code: 'config',
      message: expect.stringMatching(message) as string,
      try: expect.any(String) as string,
    });
  });

  test('neither API', async () => {
    const without = [KINDS.HTTPRoute, KINDS.VirtualService];
    await expect(found([], { host }, without)).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('serves neither') as string,
    });
  });

  test('a gateway that fnmesh shall make need not be there', async () => {
    const more = {
      host,
      makeGateway: true,
      gateway: said({ namespace: null, name: 'public', listener: null }),
    };
    expect(await found([], more)).toMatchObject({
      api: 'gateway-api',
      gateway: { namespace: 'hello', name: 'public' },
    });
  });
});

describe('mesh and DNS', () => {
  const door = gateway('in/new', listener('http'));
  test.each<[Record<string, string>, boolean]>([
    [{}, false],
    [{ 'istio-injection': 'enabled' }, true],
    [{ 'istio-injection': 'disabled', 'istio.io/rev': 'stable' }, false],
    [{ 'istio.io/rev': 'stable' }, true],
    [{ 'istio.io/dataplane-mode': 'ambient' }, true],
  ])('namespace with %o: mesh %s', async (labels, mesh) => {
    expect(await found([door, namespace('hello', labels)], { host })).toMatchObject({
      mesh,
      dns: '10.96.0.10',
    });
  });

  test('no kube-dns: the error names the key', async () => {
    const cluster = fakeCluster();
    for (const each of [namespace('hello'), door]) cluster.put(each);
    await expect(detectSite('shop', settings({ host }), cluster, 'none')).rejects.toMatchObject({
      code: 'config',
      try: expect.stringContaining('dns:') as string,
    });
  });
});

describe('the secret of pins', () => {
  const all = {
    host,
    api: said('istio' as const),
    gateway: said({ namespace: 'in', name: 'old', listener: null }),
    dns: said('10.0.0.10'),
    mesh: said(false),
  };

  test('is made once', async () => {
    const cluster = fakeCluster();
    const [first, second] = await Promise.all([1, 2].map(() => ensurePinSecret(cluster, 'hello', 'shop')));
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(second).toBe(first);
    expect(await ensurePinSecret(cluster, 'hello', 'shop')).toBe(first);
  });

  test('is read, and nothing else asked for when all is said', async () => {
    const cluster = fakeCluster();
    const secret = await ensurePinSecret(cluster, 'hello', 'shop');
    const made = cluster.requests.length;
    for (const use of ['plan', 'read'] as const)
      expect((await detectSite('shop', settings(all), cluster, use)).site.pin).toEqual({
        kind: 'secret',
        secret,
      });
    expect(cluster.requests.slice(made).map(({ verb, kind }) => `${verb} ${kind}`)).toEqual([
      'get Secret',
      'get Secret',
    ]);
  });

  test('is stood in for by a plan, and not made', async () => {
    const cluster = fakeCluster();
    const { site } = await detectSite('shop', settings(all), cluster, 'plan');
    expect(site.pin).toMatchObject({
      kind: 'secret',
      secret: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    });
    expect((await detectSite('shop', settings(all), cluster, 'read')).site.pin).toEqual({ kind: 'off' });
    expect(cluster.requests.map(({ verb }) => verb)).toEqual(['get', 'get']);
  });

  test('a shift asks for nothing at all', async () => {
    const cluster = fakeCluster();
    await detectSite('shop', settings(all), cluster, 'none');
    expect(cluster.requests).toEqual([]);
  });

  test('offline, everything has to be said', () => {
    expect(siteFrom('shop', settings({ ...all, namespace: said('hello'), pin: 'on' }), null)).toMatchObject({
      host: 'shop.example.com',
      pin: { kind: 'on' },
    });
    expect(() => siteFrom('shop', settings(), null)).toThrow(
      /namespace: NAME\n {2}host: .*\n {2}api: .*\n {2}gateway: .*\n {2}mesh: .*\n {2}dns: .*\n {2}pin: /,
    );
  });
});

describe('the gateway as this machine reaches it', () => {
  const site = {
    api: 'gateway-api' as const,
    host: 'shop.example.com',
    namespace: 'hello',
    gateway: { namespace: 'in', name: 'new' },
  };
  const withAddress = {
    ...gateway('in/new', listener('http'), listener('https')),
    status: { addresses: [{ value: '203.0.113.7' }] },
  };
  const service = object(KINDS.Service, 'in/ingress', {
    spec: { selector: { istio: 'ingress' }, ports: [{ port: 8080, targetPort: 80 }] },
    status: { loadBalancer: { ingress: [{ hostname: 'lb.example.com' }] } },
  });

  test.each<[string, KubeObject[], Partial<typeof site> | { api: 'istio' }, string | null]>([
    ["the Gateway's address", [withAddress], {}, 'https://203.0.113.7'],
    ['no address yet', [gateway('in/new', listener('http'))], {}, null],
    ['Istio: its Service', [istio('in/new', '*'), service], { api: 'istio' }, 'http://lb.example.com:8080'],
    ['Istio: no Service', [istio('in/new', '*')], { api: 'istio' }, null],
    ['no Gateway', [], {}, null],
  ])('%s', async (_, objects, more, url) => {
    expect((await gatewayUrl({ ...site, ...more }, settings(), clusterWith(objects))).url).toBe(url);
  });

  test('what settings say counts, and nothing is asked', async () => {
    const cluster = fakeCluster();
    const address = said('http://127.0.0.1:8082');
    expect(await gatewayUrl(site, settings({ address }), cluster)).toEqual({
      url: 'http://127.0.0.1:8082',
      from: 'fnmesh.yaml:3',
    });
    expect(cluster.requests).toEqual([]);
  });
});
