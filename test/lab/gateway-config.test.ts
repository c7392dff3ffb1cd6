import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/kubernetes/object.js';
import { RECORDED, recorded, type Recorded } from '../kubernetes/envoy-recorded.js';
import { envoyConfig, type GatewayNames, type GatewayObjects } from './gateway-config.js';

const NAMES: GatewayNames = {
  istio: 'demo/hello-gw',
  gatewayApi: 'istio-system/gw',
  listener: 'http',
  port: 80,
  clusterDomain: 'cluster.local',
};

function objects(given: Partial<GatewayObjects>): GatewayObjects {
  return { VirtualService: [], HTTPRoute: [], Service: [], EndpointSlice: [], ...given };
}

/** The object's own virtual hosts, on the port that it was recorded on. */
function made({ api, object }: Pick<Recorded, 'api' | 'object'>): unknown {
  const port = api === 'istio' ? 8081 : 8082;
  const config = envoyConfig(objects({ [object.kind]: [object] }), { ...NAMES, port });
  expect(config.problems).toEqual([]);
  return config.routes;
}

type Dump = { configs: { route_config: { virtual_hosts: { routes?: { decorator?: unknown }[] }[] } }[] };

test.each(RECORDED)('$name: the routes that istiod made of it', (each) => {
  const [istio, gatewayApi] = (structuredClone(each.envoy.routes) as Dump).configs;
  const { route_config: expected } = each.api === 'istio' ? istio! : gatewayApi!;
  for (const { routes = [] } of expected.virtual_hosts) for (const route of routes) delete route.decorator;
  expect({
    '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
    ...(made(each) as object),
  }).toEqual(expected);
});

describe('VirtualServices', () => {
  const service = (name: string, spec: object, created = '2026-01-01T00:00:00Z'): KubeObject => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace: 'demo', creationTimestamp: created },
    spec: { hosts: ['a.example'], gateways: ['demo/hello-gw'], ...spec },
  });
  const to = (host: string, more: object = {}): object => ({
    destination: { host, port: { number: 80 } },
    ...more,
  });
  const one = (rule: object): unknown => {
    const config = envoyConfig(objects({ VirtualService: [service('one', { http: [rule] })] }), NAMES);
    expect(config.problems).toEqual([]);
    return config.routes.virtual_hosts[0]!.routes![0];
  };

  test.each<[string, object, object]>([
    ['an exact path', { uri: { exact: '/cart' } }, { path: '/cart', case_sensitive: true }],
    [
      'a header, exact and by pattern',
      { uri: { exact: '/' }, headers: { a: { exact: 'b' }, cookie: { regex: '^x$' } } },
      {
        path: '/',
        case_sensitive: true,
        headers: [
          { name: 'a', string_match: { exact: 'b' } },
          { name: 'cookie', string_match: { safe_regex: { regex: '^x$' } } },
        ],
      },
    ],
    [
      'a header that must be there, and one that must not',
      { headers: { a: {} }, withoutHeaders: { b: { exact: 'c' } } },
      {
        prefix: '/',
        case_sensitive: true,
        headers: [
          { name: 'a', present_match: true },
          { name: 'b', string_match: { exact: 'c' }, invert_match: true },
        ],
      },
    ],
    [
      'a method',
      { method: { exact: 'GET' } },
      { prefix: '/', case_sensitive: true, headers: [{ name: ':method', string_match: { exact: 'GET' } }] },
    ],
    [
      'a parameter',
      { queryParams: { q: { exact: '1' } } },
      { prefix: '/', case_sensitive: true, query_parameters: [{ name: 'q', string_match: { exact: '1' } }] },
    ],
  ])('match: %s', (_, match, expected) => {
    expect(one({ match: [match], route: [to('x')] })).toMatchObject({ match: expected });
  });

  test.each<[string, object, object]>([
    ['a short host', { route: [to('x')] }, { route: { cluster: 'outbound|80||x.demo.svc.cluster.local' } }],
    [
      'a subset',
      { route: [{ destination: { host: 'x.y', subset: 'v1', port: { number: 8 } } }] },
      { route: { cluster: 'outbound|8|v1|x.y' } },
    ],
    [
      'a timeout',
      { timeout: '330s', route: [to('x')] },
      { route: { timeout: '330s', max_grpc_timeout: '330s' } },
    ],
    ['another timeout', { timeout: '1m0.5s', route: [to('x')] }, { route: { timeout: '60.500s' } }],
    [
      'retries',
      { retries: { attempts: 5, retryOn: '5xx' }, route: [to('x')] },
      { route: { retry_policy: { num_retries: 5, retry_on: '5xx' } } },
    ],
    [
      'headers of the rule and of its destination',
      {
        headers: { request: { remove: ['a'] } },
        route: [to('x', { headers: { request: { set: { b: '1' }, add: { c: '2' } } } })],
      },
      {
        request_headers_to_remove: ['a'],
        request_headers_to_add: [
          { append_action: 'OVERWRITE_IF_EXISTS_OR_ADD', header: { key: 'b', value: '1' } },
          { append_action: 'APPEND_IF_EXISTS_OR_ADD', header: { key: 'c', value: '2' } },
        ],
      },
    ],
    [
      'one Service twice, told apart by a header',
      {
        route: [
          to('x', { weight: 25, headers: { request: { set: { r: '1' } } } }),
          to('x', { weight: 75, headers: { request: { set: { r: '2' } } } }),
        ],
      },
      {
        route: {
          weighted_clusters: {
            clusters: [
              { weight: 25, request_headers_to_add: [{ header: { key: 'r', value: '1' } }] },
              { weight: 75, request_headers_to_add: [{ header: { key: 'r', value: '2' } }] },
            ],
          },
        },
      },
    ],
    ['an answer of its own', { directResponse: { status: 410 } }, { direct_response: { status: 410 } }],
  ])('action: %s', (_, rule, expected) => {
    expect(one(rule)).toMatchObject(expected);
  });

  test.each<[string, object]>([
    ['leads nowhere', {}],
    ['total weight is 0', { route: [to('x', { weight: 0 }), to('y', { weight: 0 })] }],
    ['does not know redirect', { redirect: { uri: '/' } }],
    ['needs a port', { route: [{ destination: { host: 'x' } }] }],
  ])('an object whose rule %s is left out, and the others are not', (problem, rule) => {
    const config = envoyConfig(
      objects({
        VirtualService: [service('bad', { http: [rule] }), service('good', { http: [{ route: [to('x')] }] })],
      }),
      NAMES,
    );
    expect(config.problems).toEqual([expect.stringMatching(`VirtualService demo/bad: .*${problem}`)]);
    expect(config.routes.virtual_hosts[0]!.routes).toHaveLength(1);
  });

  test('those of one host are merged, the oldest first, and what catches all comes last', () => {
    const rule = (name: string, uri?: object) => ({
      http: [{ name, ...(uri && { match: [{ uri }] }), route: [to('x')] }],
    });
    const config = envoyConfig(
      objects({
        VirtualService: [
          service(
            'c',
            { ...rule('young', { exact: '/y' }), hosts: ['A.example', 'b.example'] },
            '2026-01-03T00:00:00Z',
          ),
          service('b', rule('all'), '2026-01-01T00:00:00Z'),
          service('a', rule('old', { exact: '/o' }), '2026-01-02T00:00:00Z'),
          service('m', { ...rule('mesh'), gateways: ['mesh'] }),
          service('o', { ...rule('other'), gateways: ['other/hello-gw'] }),
        ],
      }),
      NAMES,
    );
    expect(
      config.routes.virtual_hosts.map(({ domains, routes }) => [domains, routes?.map(({ name }) => name)]),
    ).toEqual([
      [['a.example'], ['old', 'young', 'all']],
      [['b.example'], ['young']],
    ]);
  });
});

describe('HTTPRoutes', () => {
  const route = (spec: object): KubeObject => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'one', namespace: 'demo' },
    spec: { parentRefs: [{ name: 'gw', namespace: 'istio-system' }], hostnames: ['a.example'], ...spec },
  });
  const backendRefs = [{ name: 'x', port: 80 }];

  test('the most specific match comes first, whatever the order; equals keep theirs', () => {
    const rule = (name: string, match: object) => ({ name, matches: [match], backendRefs });
    const header = (name: string) => ({ name, value: '1' });
    const rules = [
      rule('all', {}),
      rule('prefix', { path: { type: 'PathPrefix', value: '/cart' } }),
      rule('exact', { path: { type: 'Exact', value: '/cart' } }),
      rule('one header', { path: { type: 'Exact', value: '/cart' }, headers: [header('a')] }),
      rule('another header', { path: { type: 'Exact', value: '/cart' }, headers: [header('b')] }),
      rule('method', { path: { type: 'Exact', value: '/cart' }, method: 'PUT' }),
      rule('longer', { path: { type: 'Exact', value: '/carts' } }),
    ];
    const config = envoyConfig(objects({ HTTPRoute: [route({ rules })] }), NAMES);
    const names = config.routes.virtual_hosts[0]!.routes!.map(({ name }) => name);
    expect(names).toEqual(['longer', 'method', 'one header', 'another header', 'exact', 'prefix', 'all']);
    expect(config.routes.virtual_hosts[0]!.routes![5]!.match).toEqual({
      path_separated_prefix: '/cart',
      case_sensitive: true,
    });
  });

  test.each<[string, object, boolean]>([
    ['any listener', {}, true],
    ['the listener', { sectionName: 'http' }, true],
    ['another listener', { sectionName: 'https' }, false],
    ['another port', { port: 443 }, false],
    ['another Gateway', { name: 'other' }, false],
    ['a Service', { group: '', kind: 'Service' }, false],
    ["the route's own namespace", { namespace: undefined }, false],
  ])('bound to %s', (_, parent, bound) => {
    const parentRefs = [{ name: 'gw', namespace: 'istio-system', ...parent }];
    const config = envoyConfig(
      objects({ HTTPRoute: [route({ parentRefs, rules: [{ backendRefs }] })] }),
      NAMES,
    );
    expect(config.attached).toHaveLength(bound ? 1 : 0);
    expect(config.routes.virtual_hosts[0]!.domains).toEqual([bound ? 'a.example' : '*']);
  });

  test('a backend that does not exist is told, one in another namespace leads nowhere', () => {
    const rules = [{ backendRefs: [...backendRefs, { name: 'y', port: 80, namespace: 'other' }] }];
    const config = envoyConfig(objects({ HTTPRoute: [route({ rules })] }), NAMES);
    expect(config.attached[0]!.missing).toEqual(['demo/x:80', 'other/y:80']);
    expect(config.routes.virtual_hosts[0]!.routes![0]).toMatchObject({
      route: {
        cluster_not_found_response_code: 'INTERNAL_SERVER_ERROR',
        weighted_clusters: {
          clusters: [
            { name: 'outbound|80||x.demo.svc.cluster.local', weight: 1 },
            { name: 'outbound|80||UnknownService', weight: 1 },
          ],
        },
      },
    });
  });
});

describe('clusters', () => {
  const service: KubeObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'hello-app-v1', namespace: 'demo' },
    spec: {
      ports: [
        { name: 'http', port: 80, targetPort: 'http' },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
    },
  };
  const slice = (name: string, endpoints: object[] | null, port = 8080): KubeObject => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'demo', labels: { 'kubernetes.io/service-name': 'hello-app-v1' } },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: 'http', port }],
  });
  const name = 'outbound|80||hello-app-v1.demo.svc.cluster.local';
  const addresses = (slices: KubeObject[]) =>
    envoyConfig(objects({ Service: [service], EndpointSlice: slices }), NAMES)
      .endpoints.get(name)!
      .endpoints.flatMap(({ lb_endpoints: endpoints }) => endpoints)
      .map(({ endpoint }) => Object.values(endpoint.address.socket_address).join(':'));

  test('the cluster that istiod makes of a Service', () => {
    const { clusters } = envoyConfig(objects({ Service: [service] }), NAMES);
    const { configs } = recorded('vs-90-10').envoy.active_clusters as {
      configs: { cluster: { name: string } }[];
    };
    const { cluster } = configs.find((each) => each.cluster.name === name)!;
    expect(clusters).toEqual([{ ...cluster, '@type': undefined }]);
  });

  test('its endpoints are those that are ready, of all slices, with the port of its name', () => {
    const at = (address: string, ready?: boolean) => ({ addresses: [address], conditions: { ready } });
    expect(addresses([])).toEqual([]);
    expect(addresses([slice('a', null)])).toEqual([]);
    expect(
      addresses([
        slice('b', [at('10.0.0.3', true), at('10.0.0.2', false)]),
        slice('a', [at('10.0.0.1')], 9090),
      ]),
    ).toEqual(['10.0.0.1:9090', '10.0.0.3:8080']);
  });

  test('an ExternalName has none', () => {
    const external = { ...service, spec: { type: 'ExternalName', ports: [{ port: 80 }] } };
    expect(envoyConfig(objects({ Service: [external] }), NAMES).clusters).toEqual([]);
  });
});
