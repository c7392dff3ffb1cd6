import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FnmeshError } from '../../../src/errors.js';
import { nginxConf } from '../../../src/kubernetes/render/nginx.js';
import { proxiesOf } from '../../../src/kubernetes/render/proxies.js';
import type { Site } from '../../../src/kubernetes/site.js';
import type { Route } from '../../../src/routing/route.js';
import { hasNginx } from '../../helpers/nginx.js';
import { clusterRoute, siteOf } from '../routes-sites.js';

const confs = (site: Site, routes: Route[]): string[] => proxiesOf(site, routes).map(nginxConf);
const cart = clusterRoute('cart', { v1: 10_000 });

describe('a dedicated proxy', () => {
  test('has one configuration but for what it is of', () => {
    const [one, other] = confs(siteOf(), [cart, clusterRoute('shop', { v2: 10_000 })]);
    const lines = one!.split('\n');
    const differing = other!
      .split('\n')
      .flatMap((line, index) => (line === lines[index] ? [] : [line.trim()]));
    expect(differing).toEqual([
      '# Made by fnmesh: the proxy of shop/shop/v2.',
      'set $function shop;',
      'set $version v2;',
      'if ($path != /) {',
      `return 404 '{"message":"Route not found: shop/v2 answers at / only; paths match exactly"}\\n';`,
      'set $route /t/shop/v2;',
    ]);
  });
});

describe('a shared proxy', () => {
  test('has a configuration that no version changes', () => {
    const site = siteOf({ proxy: 'shared' });
    const [before, ...others] = confs(site, [cart]);
    expect(others).toEqual([]);
    expect(confs(site, [clusterRoute('price', { v1: 5000, v2: 5000 }), cart])).toEqual([before]);
  });

  test('is none without versions', () => {
    expect(confs(siteOf({ proxy: 'shared' }), [])).toEqual([]);
  });

  test('leads to one Fn server', () => {
    const elsewhere = clusterRoute(
      'price',
      { v1: 10_000 },
      {
        destinations: {
          v1: { fn: 'price-v1', source: '/price/v1', endpoint: 'http://other.example/t/shop/price/v1' },
        },
      },
    );
    expect(() => confs(siteOf({ proxy: 'shared' }), [cart, elsewhere])).toThrow(
      'shop/cart/v1 is on http://fn-lb.fn.svc.cluster.local:80, shop/price/v1 on http://other.example:80',
    );
    expect(confs(siteOf(), [cart, elsewhere])).toHaveLength(2);
  });
});

describe.runIf(hasNginx)('nginx takes', () => {
  test.each<[string, Partial<Site>, string]>([
    ['a dedicated one', {}, 'http://fn.example/t/shop/cart/v1'],
    ['a shared one', { proxy: 'shared' }, 'http://fn.example/t/shop/cart/v1'],
    ['one to an address', {}, 'http://10.0.0.1:8080/t/shop/cart/v1'],
    ['one to an IPv6 address', { dns: 'fd00::a' }, 'http://[fd00::1]:8080/t/shop/cart/v1'],
    ['one to a server with https', { proxy: 'shared' }, 'https://fn.example/t/shop/cart/v1'],
  ])('%s, with nothing to say about it', (_, site, endpoint) => {
    const destinations = { v1: { fn: 'cart-v1', source: '/cart/v1', endpoint } };
    const [text] = confs(siteOf(site), [{ ...cart, destinations }]);
    const dir = mkdtempSync(join(tmpdir(), 'fnmesh-conf-'));
    const file = join(dir, 'nginx.conf');
    // The check makes the temporary folders. It opens /dev/stdout anew, which a pipe can and a socket cannot.
    const authorities = join(dir, 'authorities.pem');
    writeFileSync(authorities, rootCertificates[0]!);
    writeFileSync(
      file,
      text!.replaceAll(' /tmp/', ` ${dir}/`).replace('/etc/ssl/certs/ca-certificates.crt', authorities),
    );
    try {
      const said = execFileSync('sh', ['-c', 'nginx -e stderr -t -c "$1" 2>&1 | cat', 'sh', file], {
        encoding: 'utf8',
      });
      expect(said.split('\n')).toEqual([
        `nginx: the configuration file ${file} syntax is ok`,
        `nginx: configuration file ${file} test is successful`,
        '',
      ]);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe('a hostile word', () => {
  const unit = fc.constantFrom(...'av12-/.:; ${}"\'\\#\n\r\t\0%?~é');
  const hostile = fc.string({ unit, minLength: 1, maxLength: 12 });
  const site = fc.record({ proxy: fc.constantFrom('dedicated' as const, 'shared' as const) });
  const places: Record<string, (word: string) => { site?: Partial<Site>; route?: Partial<Route> }> = {
    app: (word) => ({ site: { app: word } }),
    namespace: (word) => ({ site: { namespace: word } }),
    clusterDomain: (word) => ({ site: { clusterDomain: word } }),
    dns: (word) => ({ site: { dns: word } }),
    function: (word) => ({ route: { function: word, path: `/${word}` } }),
    path: (word) => ({ route: { path: word } }),
    version: (word) => ({ route: { destinations: { [`v${word}`]: cart.destinations['v1']! } } }),
    host: (word) => ({ route: endpoint(`http://fn${word}/t/shop/cart/v1`) }),
    source: (word) => ({ route: endpoint(`http://fn.example/t/shop/cart/${word}`) }),
  };
  const endpoint = (url: string): Partial<Route> => ({
    destinations: { v1: { fn: 'cart-v1', source: '/', endpoint: url } },
  });

  test.each(Object.keys(places))('as %s is refused, or is no more than a word', (place) => {
    let refused = 0;
    fc.assert(
      fc.property(site, hostile, (mode, word) => {
        const { site: siteChange = {}, route: routeChange = {} } = places[place]!(word);
        const routes = [{ ...cart, ...routeChange }];
        let texts;
        try {
          texts = confs(siteOf({ ...mode, ...siteChange }), routes);
        } catch (error) {
          expect(error).toBeInstanceOf(FnmeshError);
          refused++;
          return;
        }
        for (const text of texts) expect(shape(text)).toBe(shape(confs(siteOf(mode), [cart])[0]!));
      }),
      { numRuns: 400, seed: 11 },
    );
    expect(refused).toBeGreaterThan(200);
  });

  /** The text with all words replaced that consist of harmless characters; what nginx acts on stays. */
  function shape(text: string): string {
    return text
      .replaceAll(/[A-Za-z0-9._~/:-]+/g, 'w')
      .replaceAll(/w\[w\]w|\[w\]/g, 'w')
      .replace(' w=w', '')
      .replace('ipv6=off', '');
  }
});

describe('a site', () => {
  test.each<[string, Partial<Site>, RegExp]>([
    ['with an app in capitals', { app: 'Shop' }, /an app on a cluster has a name of lower-case/],
    ['with an app whose name is too long', { app: 'a'.repeat(64) }, /63 at most/],
    ['without a namespace', { namespace: '' }, /is no namespace/],
    ['with a zone in its DNS server', { dns: 'fe80::1%eth0' }, /no IP address of a DNS server/],
    ['with a name as DNS server', { dns: 'kube-dns' }, /no IP address of a DNS server/],
    ['without room for bodies', { settings: { ...siteOf().settings, bodyBytes: 0 } }, /no number of bytes/],
    ['with half a byte', { settings: { ...siteOf().settings, bodyBytes: 1.5 } }, /no number of bytes/],
  ])('%s is refused', (_, site, message) => {
    expect(() => confs(siteOf(site), [cart])).toThrow(
      expect.objectContaining({ code: 'config', message: expect.stringMatching(message) as string }),
    );
  });

  test.each<[string, Route, RegExp]>([
    ['whose path is not its own', { ...cart, path: '/' }, /its path is \/cart/],
    ['of a name that is no label', { ...cart, function: 'Cart', path: '/Cart' }, /a function on a cluster/],
    [
      'with a version that is none',
      { ...cart, destinations: { latest: cart.destinations['v1']! } },
      /no version/,
    ],
    [
      'with a version too long for a label',
      { ...cart, destinations: { [`v1-${'a'.repeat(70)}`]: cart.destinations['v1']! } },
      /no version/,
    ],
  ])('takes no route %s', (_, route, message) => {
    expect(() => confs(siteOf(), [route])).toThrow(
      expect.objectContaining({ code: 'config', message: expect.stringMatching(message) as string }),
    );
  });
});
