import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kindOf } from '../../../src/kubernetes/object.js';
import type { KubeObject } from '../../../src/kubernetes/object.js';
import { PROXY_DEFAULTS } from '../../../src/kubernetes/render/defaults.js';
import { READ_SECONDS } from '../../../src/kubernetes/render/nginx.js';
import { renderWorkloads } from '../../../src/kubernetes/render/workloads.js';
import type { Site } from '../../../src/kubernetes/site.js';
import { clusterRoute, clusterRoutes, sites, siteOf } from '../routes-sites.js';

const cart = clusterRoute('cart', { v1: 9000, v2: 1000 });
const shop = clusterRoute('shop', { v1: 10_000 });
const site = siteOf({ settings: PROXY_DEFAULTS });
const shared = siteOf({ settings: PROXY_DEFAULTS, proxy: 'shared' });

/** `Kind/name` of each. */
const named = (objects: KubeObject[]): string[] =>
  objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
/** What lies at a path of an object. */
function at(object: KubeObject | undefined, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], object);
}
const find = (objects: KubeObject[], name: string): KubeObject => {
  return objects.find((object) => named([object])[0] === name)!;
};

describe('the objects', () => {
  test('of dedicated proxies', () => {
    expect(named(renderWorkloads(site, [shop, cart]))).toEqual([
      ...['shop-cart-v1', 'shop-cart-v2', 'shop-v1'].flatMap((name) => [
        `ConfigMap/${name}`,
        `Deployment/${name}`,
        `PodDisruptionBudget/${name}`,
      ]),
      ...['Service/shop-cart-v1', 'Service/shop-cart-v2', 'Service/shop-v1'],
    ]);
  });

  test('of a shared proxy in a mesh', () => {
    expect(named(renderWorkloads({ ...shared, mesh: true }, [shop, cart]))).toEqual([
      ...['ConfigMap/shop-proxy', 'Deployment/shop-proxy', 'PodDisruptionBudget/shop-proxy'],
      ...[
        'Service/shop-cart-v1',
        'Service/shop-cart-v2',
        'Service/shop-cart',
        'Service/shop-v1',
        'Service/shop',
      ],
    ]);
  });

  test('of no routes are none', () => {
    expect([site, shared].flatMap((one) => renderWorkloads({ ...one, mesh: true }, []))).toEqual([]);
  });

  test('of the same routes are the same, in whatever order these come', () => {
    for (const one of [site, shared]) {
      expect(renderWorkloads(one, [cart, shop])).toEqual(renderWorkloads(one, [shop, cart]));
    }
  });

  test('of two versions that would share a name are refused', () => {
    const routes = [clusterRoute('cart-v1', { v2: 10_000 }), clusterRoute('cart', { 'v1-v2': 10_000 })];
    expect(() => renderWorkloads(site, routes)).toThrow(
      'shop/cart/v1-v2 and shop/cart-v1/v2 would both be ConfigMap hello/shop-cart-v1-v2',
    );
    expect(() => renderWorkloads(shared, routes)).toThrow('would both be Service hello/shop-cart-v1-v2');
  });
});

describe('a Service', () => {
  test.each<[string, Site, string, Record<string, string>]>([
    ['of a version leads to its own proxy', site, 'shop-cart-v2', { 'fnmesh/proxy': 'shop-cart-v2' }],
    ['of a version leads to the one proxy', shared, 'shop-cart-v2', { 'fnmesh/proxy': 'shop-proxy' }],
    [
      'of a function leads to all its versions',
      site,
      'shop-cart',
      { 'fnmesh/app': 'shop', 'fnmesh/function': 'cart' },
    ],
    ['of a function leads to the one proxy', shared, 'shop-cart', { 'fnmesh/proxy': 'shop-proxy' }],
  ])('%s', (_, one, name, selector) => {
    const objects = renderWorkloads({ ...one, mesh: true }, [cart, shop]);
    const service = find(objects, `Service/${name}`);
    expect(at(service, 'spec.selector')).toEqual(selector);
    expect(at(service, 'spec.ports')).toEqual([
      { name: 'http', port: 80, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' },
    ]);
    // What it selects: the templates of these Deployments and no others.
    const selected = objects
      .filter(({ kind }) => kind === 'Deployment')
      .filter((deployment) => {
        const labels = at(deployment, 'spec.template.metadata.labels') as Record<string, string>;
        return Object.entries(selector).every(([key, value]) => labels[key] === value);
      });
    const wanted =
      one.proxy === 'shared'
        ? ['shop-proxy']
        : name === 'shop-cart'
          ? ['shop-cart-v1', 'shop-cart-v2']
          : [name];
    expect(selected.map(({ metadata }) => metadata.name)).toEqual(wanted);
  });
});

describe('a Deployment', () => {
  const deployment = (one: Site, name = 'shop-cart-v1'): KubeObject => {
    return find(renderWorkloads(one, [cart]), `Deployment/${one.proxy === 'shared' ? 'shop-proxy' : name}`);
  };
  const container = (one: Site): Record<string, unknown> => {
    return (at(deployment(one), 'spec.template.spec.containers') as Record<string, unknown>[])[0]!;
  };

  test('carries what the article’s has', () => {
    expect(deployment(site).metadata.labels).toMatchObject({
      app: 'cart',
      version: 'v1',
      'app.kubernetes.io/name': 'cart',
      'app.kubernetes.io/version': 'v1',
      'app.kubernetes.io/part-of': 'shop',
      'app.kubernetes.io/managed-by': 'fnmesh',
    });
    expect(container(site)['env']).toEqual([
      { name: 'UPSTREAM', value: 'fn-lb.fn.svc.cluster.local:80' },
      { name: 'ROUTE', value: '/t/shop/cart/v1' },
    ]);
    expect(container(shared)).not.toHaveProperty('env');
  });

  test('rolls when its configuration changes, and only then', () => {
    const template = (one: Site) => at(deployment(one), 'spec.template');
    expect(template({ ...shared, dns: '10.0.0.11' })).not.toEqual(template(shared));
    expect(template({ ...shared, host: 'other.example' })).toEqual(template(shared));
    const more = renderWorkloads(shared, [cart, shop, clusterRoute('price', { v1: 10_000 })]);
    expect(find(more, 'Deployment/shop-proxy')).toEqual(deployment(shared));
  });

  test('leaves later than the longest request', () => {
    const spec = at(deployment(site), 'spec.template.spec') as { terminationGracePeriodSeconds: number };
    const preStop = at(container(site) as unknown as KubeObject, 'lifecycle.preStop') as {
      sleep: { seconds: number };
    };
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(READ_SECONDS + preStop.sleep.seconds);
  });

  test('has its Pods spread, and kept, where there are several', () => {
    const one = { ...site, settings: { ...site.settings, replicas: 1 } };
    expect(at(deployment(site), 'spec.template.spec.topologySpreadConstraints')).toHaveLength(2);
    expect(at(deployment(one), 'spec.template.spec.topologySpreadConstraints')).toBeUndefined();
    expect(named(renderWorkloads(one, [shop]))).toEqual([
      'ConfigMap/shop-v1',
      'Deployment/shop-v1',
      'Service/shop-v1',
    ]);
  });

  test('leaves the number of Pods to an autoscaler', () => {
    const autoscale = { min: 3, max: 9, cpuPercent: 70 };
    const one = { ...site, settings: { ...site.settings, autoscale } };
    expect(at(deployment(one), 'spec')).not.toHaveProperty('replicas');
    expect(at(deployment(site), 'spec.replicas')).toBe(2);
    expect(
      at(find(renderWorkloads(one, [cart]), 'HorizontalPodAutoscaler/shop-cart-v1'), 'spec'),
    ).toMatchObject({
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'shop-cart-v1' },
      minReplicas: 3,
      maxReplicas: 9,
    });
  });

  test.each<[number, string]>([
    [1024, '1Gi'],
    [64 * 1024 ** 2, '2Gi'],
    [50_000_000, '1526Mi'],
  ])('with bodies of %d bytes has a disk of %s', (bodyBytes, sizeLimit) => {
    const one = { ...site, settings: { ...site.settings, bodyBytes } };
    expect(at(deployment(one), 'spec.template.spec.volumes')).toContainEqual({
      name: 'tmp',
      emptyDir: { sizeLimit },
    });
  });
});

describe('a NetworkPolicy', () => {
  const policy = (one: Partial<Site>, endpoint: string): unknown => {
    const route = { ...shop, destinations: { v1: { fn: 'shop-v1', source: '/v1', endpoint } } };
    const objects = renderWorkloads(
      { ...site, ...one, settings: { ...site.settings, networkPolicy: true } },
      [route],
    );
    return at(find(objects, 'NetworkPolicy/shop-v1'), 'spec');
  };
  const dns = {
    ports: [
      { protocol: 'UDP', port: 53 },
      { protocol: 'TCP', port: 53 },
    ],
  };
  const tcp = (...ports: number[]) => ({ ports: ports.map((port) => ({ protocol: 'TCP', port })) });

  test.each<[string, string, object]>([
    [
      'of a Service: its namespace, for a Service’s port is not its Pods’',
      'http://fn-lb.fn.svc/t/shop/v1',
      { to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'fn' } } }] },
    ],
    ['elsewhere: its port', 'https://fn.example.com/t/shop/v1', tcp(443)],
    [
      'by address',
      'http://10.1.2.3:8080/t/shop/v1',
      { to: [{ ipBlock: { cidr: '10.1.2.3/32' } }], ...tcp(8080) },
    ],
    [
      'by IPv6 address',
      'http://[fd00::1]/t/shop/v1',
      { to: [{ ipBlock: { cidr: 'fd00::1/128' } }], ...tcp(80) },
    ],
  ])('lets out to DNS and the Fn server %s', (_, endpoint, toFn) => {
    expect(policy({}, endpoint)).toEqual({
      podSelector: { matchLabels: { 'fnmesh/proxy': 'shop-v1' } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [tcp(8080)],
      egress: [dns, toFn],
    });
  });

  test('lets the mesh through too', () => {
    expect(policy({ mesh: true }, 'https://fn.example.com/t/shop/v1')).toMatchObject({
      ingress: [tcp(8080, 15_008, 15_020, 15_021, 15_090)],
      egress: [dns, tcp(443), tcp(15_008, 15_012)],
    });
  });
});

describe('whatever the site and the routes', () => {
  const settings = fc.record({
    replicas: fc.integer({ min: 1, max: 3 }),
    autoscale: fc.constantFrom(null, { min: 2, max: 4, cpuPercent: 50 }),
    networkPolicy: fc.boolean(),
  });
  const anything = fc
    .record({
      one: sites(),
      given: settings,
      routes: fc.uniqueArray(clusterRoutes(), { selector: (route) => route.function, maxLength: 3 }),
    })
    .map(({ one, given, routes }) => ({
      one: { ...one, settings: { ...PROXY_DEFAULTS, ...given } },
      routes,
    }));
  const NAME = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
  const VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

  test('names and labels are Kubernetes’ (DNS-1035, label values), and kinds are known', () => {
    fc.assert(
      fc.property(anything, ({ one, routes }) => {
        for (const object of renderWorkloads(one, routes)) {
          expect(kindOf(object)).not.toBeNull();
          expect(object.metadata.namespace).toBe(one.namespace);
          expect(object.metadata.name).toMatch(NAME);
          const template = at(object, 'spec.template.metadata.labels') as Record<string, string> | undefined;
          const labels = { ...object.metadata.labels, ...template };
          expect(labels).toMatchObject({ 'app.kubernetes.io/managed-by': 'fnmesh', 'fnmesh/app': 'shop' });
          for (const value of Object.values(labels)) expect(value).toMatch(VALUE);
        }
      }),
    );
  });

  test('Pods fit the Pod Security standard `restricted`, and every Deployment selects its own', () => {
    fc.assert(
      fc.property(anything, ({ one, routes }) => {
        for (const object of renderWorkloads(one, routes).filter(({ kind }) => kind === 'Deployment')) {
          const labels = at(object, 'spec.template.metadata.labels') as Record<string, string>;
          expect(labels).toMatchObject(at(object, 'spec.selector.matchLabels') as object);
          const spec = at(object, 'spec.template.spec') as Record<string, unknown>;
          expect(spec).toMatchObject({
            automountServiceAccountToken: false,
            securityContext: {
              runAsNonRoot: true,
              runAsUser: 101,
              seccompProfile: { type: 'RuntimeDefault' },
            },
          });
          expect(Object.keys(spec).filter((key) => key.startsWith('host'))).toEqual([]);
          expect((spec['volumes'] as object[]).flatMap((volume) => Object.keys(volume))).toEqual([
            ...['name', 'configMap'],
            ...['name', 'emptyDir'],
          ]);
          for (const each of spec['containers'] as Record<string, unknown>[]) {
            expect(each['securityContext']).toEqual({
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ['ALL'] },
            });
          }
        }
      }),
    );
  });

  test('each Service of a version has Pods to lead to, and objects survive JSON', () => {
    fc.assert(
      fc.property(anything, ({ one, routes }) => {
        const objects = renderWorkloads(one, routes);
        expect(JSON.parse(JSON.stringify(objects))).toEqual(objects);
        const proxies = new Set(
          objects.filter(({ kind }) => kind === 'Deployment').map(({ metadata }) => metadata.name),
        );
        for (const service of objects.filter(({ kind }) => kind === 'Service')) {
          const { 'fnmesh/proxy': proxy } = at(service, 'spec.selector') as Record<string, string>;
          if (proxy !== undefined) expect(proxies).toContain(proxy);
        }
      }),
    );
  });
});
