import { describe, expect, test } from 'vitest';
import {
  checkGateway,
  checkHosts,
  checkServices,
  foreignReferences,
} from '../../../src/kubernetes/front/references.js';
import { apiVersionOf, type Kind, KINDS, type KubeObject } from '../../../src/kubernetes/object.js';
import { renderRoutes } from '../../../src/kubernetes/render/routes.js';
import { renderWorkloads } from '../../../src/kubernetes/render/workloads.js';
import type { Site } from '../../../src/kubernetes/site.js';
import { route, site } from './sites.js';

const place = { namespace: 'hello', labels: {} };
const object = (kind: Kind, at: string, spec: object): KubeObject => {
  const [namespace = '', name = ''] = at.split('/');
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name, namespace }, spec };
};
const gateway = (listener: object) =>
  object(KINDS.Gateway, 'istio-ingress/public', {
    listeners: [
      {
        name: 'http',
        port: 80,
        protocol: 'HTTP',
        allowedRoutes: { namespaces: { from: 'All' } },
        ...listener,
      },
    ],
  });
const istio = (...hosts: string[]) =>
  object(KINDS.IstioGateway, 'istio-ingress/public', {
    servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts }],
  });
const cart = route('cart', ['v1']);
const httpRoute = (at: string, spec: object = {}) =>
  object(KINDS.HTTPRoute, at, {
    parentRefs: [{ name: 'public' }],
    hostnames: ['shop.example.com'],
    rules: [],
    ...spec,
  });
const virtualService = (at: string, spec: object = {}) =>
  object(KINDS.VirtualService, at, { hosts: ['shop.example.com'], gateways: ['a/b'], http: [], ...spec });

describe('the gateway', () => {
  test('takes the routes', () => {
    expect(() => checkGateway(site(), gateway({}), place)).not.toThrow();
    expect(() => checkGateway(site({ api: 'istio' }), istio('hello/*.example.com'), place)).not.toThrow();
  });

  test.each<[string, Parameters<typeof checkGateway>[1], Parameters<typeof site>[0], RegExp]>([
    ['is not there', null, {}, /there is no Gateway istio-ingress\/public \(Gateway API\)/],
    ['has no such listener', gateway({ name: 'web' }), {}, /has no HTTP listener http; there are: web/],
    [
      'speaks no HTTP',
      gateway({ protocol: 'TCP' }),
      { gateway: { namespace: 'istio-ingress', name: 'public' } },
      /has no listener that speaks HTTP/,
    ],
    [
      'takes no routes of the namespace',
      gateway({ allowedRoutes: {} }),
      {},
      /takes no routes of namespace hello/,
    ],
    [
      'takes another host',
      gateway({ hostname: '*.example.org' }),
      {},
      /does not take host shop.example.com, only \*\.example\.org/,
    ],
    [
      'Istio: hosts of another namespace',
      istio('other/*'),
      { api: 'istio' },
      /takes no routes of namespace hello/,
    ],
    ['Istio: another host', istio('*.org'), { api: 'istio' }, /does not take host shop.example.com/],
  ])('%s', (_, there, changes, message) => {
    expect(() => checkGateway(site(changes), there, place)).toThrow(message);
  });
});

test('every version has its Service', () => {
  const workloads = renderWorkloads(site(), [cart]);
  expect(() => checkServices([cart], workloads)).not.toThrow();
  const none = workloads.filter(({ kind }) => kind !== 'Service');
  expect(() => checkServices([cart], none)).toThrow(
    'shop/cart/v1 is routed, and no Service shop-cart-v1 would be there',
  );
});

describe('rules that fnmesh did not make', () => {
  const service = object(KINDS.Service, 'hello/shop-cart-v1', {});
  test.each<[string, KubeObject, string[]]>([
    [
      'a backend',
      httpRoute('hello/x', {
        rules: [{ name: 'mine', backendRefs: [{ name: 'other' }, { name: 'far', namespace: 'away' }] }],
      }),
      ['other'],
    ],
    [
      'a mirror',
      httpRoute('hello/x', { rules: [{ filters: [{ requestMirror: { backendRef: { name: 'other' } } }] }] }),
      ['other'],
    ],
    [
      'destinations',
      virtualService('hello/x', {
        http: [
          {
            route: [
              { destination: { host: 'a' } },
              { destination: { host: 'b.hello.svc.cluster.local' } },
              { destination: { host: 'c.away' } },
              { destination: { host: 'example.com' } },
            ],
          },
        ],
      }),
      ['a', 'b'],
    ],
    [
      'mirrors',
      virtualService('hello/x', {
        http: [{ mirror: { host: 'a' }, mirrors: [{ destination: { host: 'b' } }] }],
      }),
      ['b', 'a'],
    ],
    [
      'none of its own',
      httpRoute('hello/x', { rules: [{ name: 'fnmesh-split', backendRefs: [{ name: 'shop-cart-v1' }] }] }),
      [],
    ],
  ])('%s', (_, live, services) => {
    expect(foreignReferences([live], [service]).map((each) => each.service)).toEqual(services);
  });

  test('may not lead to what goes', () => {
    const live = httpRoute('hello/x', { rules: [{ name: 'mine', backendRefs: [{ name: 'shop-cart-v1' }] }] });
    expect(() => foreignReferences([live], [service])).toThrow(
      /HTTPRoute hello\/x has a rule that fnmesh did not make \(mine\), and it leads to Service shop-cart-v1, which would go/,
    );
  });
});

describe('others on the host', () => {
  const others = (fn: string, app: string) =>
    renderRoutes(site({ app, namespace: 'else' }), {
      route: { ...route(fn, ['v1']), app },
      revision: 1,
      history: [],
    });

  test.each<[string, KubeObject[], string[]]>([
    ["the app's own", renderRoutes(site(), { route: cart, revision: 1, history: [] }), []],
    ['another app, another path', others('price', 'shop'), []],
    ['another host', [httpRoute('else/x', { hostnames: ['other.example.com'] })], []],
    ["a mesh's", [virtualService('else/x', { gateways: ['mesh'] })], []],
    [
      "somebody else's",
      [httpRoute('else/x')],
      [
        'HTTPRoute else/x answers on shop.example.com too: which rule counts where both match is left to the gateway',
      ],
    ],
  ])('%s', (_, all, warnings) => {
    expect(checkHosts(site(), [cart], all)).toEqual(warnings);
  });

  const public_ = { parentRefs: [{ name: 'public', namespace: 'istio-ingress' }] };
  const wide = { ...public_, hostnames: ['*.example.com'] };
  const widely = { hosts: ['*.example.com'], gateways: ['istio-ingress/public'] };
  test.each<[string, Partial<Site>, KubeObject, string | null]>([
    ['an HTTPRoute', {}, httpRoute('else/x', wide), '*.example.com'],
    ['a VirtualService', { api: 'istio' }, virtualService('else/x', widely), '*.example.com'],
    ['any host', { api: 'istio' }, virtualService('else/x', { ...widely, hosts: ['*'] }), '*'],
    [
      'bound from beside the gateway',
      { api: 'istio' },
      virtualService('istio-ingress/x', { ...widely, gateways: ['public'] }),
      '*.example.com',
    ],
    ['the other API', {}, virtualService('else/x', widely), '*.example.com'],
    ['the other API, the other way round', { api: 'istio' }, httpRoute('else/x', wide), '*.example.com'],
    ['at another gateway', { api: 'istio' }, virtualService('else/x', { hosts: ['*.example.com'] }), null],
    ['at another Gateway', {}, httpRoute('else/x', { hostnames: ['*.example.com'] }), null],
    ['of another domain', {}, httpRoute('else/x', { ...public_, hostnames: ['*.example.org'] }), null],
    ['of a domain below', {}, httpRoute('else/x', { ...public_, hostnames: ['*.a.example.com'] }), null],
    ['without a host of its own', {}, httpRoute('else/x', { ...public_, hostnames: undefined }), null],
  ])('a host with *: %s', (_, changes, other, pattern) => {
    const said =
      pattern === null
        ? []
        : [
            expect.stringMatching(
              /^\w+ \S+\/x answers on \S+, which takes in shop\.example\.com: /,
            ) as string,
          ];
    const warnings = checkHosts(site(changes), [cart], [other]);
    expect(warnings).toEqual(said);
    if (pattern !== null) expect(warnings[0]).toContain(` on ${pattern}, `);
  });

  test('the same path of another app is a conflict', () => {
    expect(() => checkHosts(site(), [cart], others('cart', 'other'))).toThrow(
      /HTTPRoute else\/other-cart has shop.example.com\/cart already/,
    );
  });

  test('a route of the other API is a conflict, whoever made it', () => {
    expect(() => checkHosts(site(), [cart], [virtualService('else/x')])).toThrow(
      'no host may have routes of both APIs',
    );
    expect(() => checkHosts(site({ api: 'istio' }), [cart], [httpRoute('else/x')])).toThrow(
      'no host may have routes of both APIs',
    );
  });
});
