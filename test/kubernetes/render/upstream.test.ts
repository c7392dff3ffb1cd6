import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FnmeshError } from '../../../src/errors.js';
import { upstreamOf } from '../../../src/kubernetes/render/upstream.js';

const SITE = { app: 'shop', namespace: 'hello', clusterDomain: 'cluster.local' };
const of = (endpoint: string | undefined) => upstreamOf(endpoint, 'shop/cart/v1', SITE);

describe('an endpoint', () => {
  test.each<[string, string, string]>([
    ['http://fn.example.com/t/shop/cart/v1', 'http fn.example.com:80', '/t/shop/cart/v1'],
    ['https://fn.example.com/t/shop/cart/v1', 'https fn.example.com:443', '/t/shop/cart/v1'],
    ['http://Fn.Example.COM:8080/t/shop/v1', 'http fn.example.com:8080', '/t/shop/v1'],
    ['http://10.2.3.4:90/t/shop/v1', 'http 10.2.3.4:90', '/t/shop/v1'],
    ['http://[fd00::1]:90/t/shop/v1', 'http [fd00::1]:90', '/t/shop/v1'],
    ['http://fn-lb/t/shop/v1', 'http fn-lb.hello.svc.cluster.local:80', '/t/shop/v1'],
    ['http://fn-lb.fn.svc/t/shop/v1', 'http fn-lb.fn.svc.cluster.local:80', '/t/shop/v1'],
    ['http://fn.example.com/t/shop/', 'http fn.example.com:80', '/t/shop/'],
    ['http://fn.example.com/t/shop/My_fn.x~1/-', 'http fn.example.com:80', '/t/shop/My_fn.x~1/-'],
    ['http://fn.example.com/t/shop/hi/', 'http fn.example.com:80', '/t/shop/hi/'],
    ['http://fn.example.com/t/shop/...', 'http fn.example.com:80', '/t/shop/...'],
  ])('%s', (endpoint, server, route) => {
    const { scheme, authority, ...rest } = of(endpoint);
    expect([`${scheme} ${authority}`, rest.route]).toEqual([server, route]);
    expect(authority).toBe(`${rest.host}:${rest.port}`);
  });

  test.each<[string, string | undefined, RegExp]>([
    ['that is not there', undefined, /is on no Fn server that the cluster reaches/],
    ['of another scheme', 'ftp://fn/t/shop/v1', /no http/],
    ['with a user', 'http://me:pass@fn/t/shop/v1', /no http/],
    ['without a path', 'http://fn', /no http/],
    ['with a port beyond all', 'http://fn:65536/t/shop/v1', /no port 65536/],
    ['with port 0', 'http://fn:0/t/shop/v1', /no port 0/],
    ['with an underscore in the host', 'http://my_fn/t/shop/v1', /no http/],
    ['with an empty label', 'http://fn..example/t/shop/v1', /neither a DNS name/],
    ['with a dot at the end of the host', 'http://fn.example./t/shop/v1', /neither a DNS name/],
    ['with half an address', 'http://10.1/t/shop/v1', /neither a DNS name/],
    ['with an address beyond all', 'http://10.0.0.256/t/shop/v1', /neither a DNS name/],
    ['with no IPv6 in the brackets', 'http://[::g]/t/shop/v1', /no http/],
    ['on loopback by name', 'http://localhost:8080/t/shop/v1', /is each Pod itself/],
    ['on loopback by address', 'http://127.0.0.1:8080/t/shop/v1', /is each Pod itself/],
    ['on loopback by IPv6', 'http://[::1]:8080/t/shop/v1', /is each Pod itself/],
    ['by https to an address', 'https://10.0.0.1/t/shop/v1', /https needs a host name/],
    ['of another app', 'http://fn/t/other/v1', /not \/t\/shop\//],
    ['of an app whose name goes on', 'http://fn/t/shopping/v1', /not \/t\/shop\//],
    ['behind another path', 'http://fn/api/t/shop/v1', /not \/t\/shop\//],
    ['with ..', 'http://fn/t/shop/../other/v1', /dot segments/],
    ['with .', 'http://fn/t/shop/./v1', /dot segments/],
    ['that ends in ..', 'http://fn/t/shop/..', /dot segments/],
    ['with an empty segment', 'http://fn/t/shop//v1', /source/],
    ['with a query', 'http://fn/t/shop/v1?a=1', /source/],
    ['with a fragment', 'http://fn/t/shop/v1#a', /source/],
    ['with an escape', 'http://fn/t/shop/%2e%2e/v1', /source/],
    ['with a variable of nginx', 'http://fn/t/shop/$host', /source/],
    ['with the end of a directive', 'http://fn/t/shop/v1;', /source/],
    ['with a block', 'http://fn/t/shop/v1{}', /source/],
    ['with quotes', 'http://fn/t/shop/"v1\'', /source/],
    ['with a backslash', 'http://fn/t/shop/v1\\n', /source/],
    ['with a space', 'http://fn/t/shop/v 1', /source/],
    ['with a line break in it', 'http://fn/t/shop/v1\nuser root;', /no http/],
    ['with a line break at its end', 'http://fn/t/shop/v1\n', /no http/],
    ['with a letter outside ASCII', 'http://fn/t/shop/é', /source/],
    ['that is too long', `http://fn/t/shop/${'a'.repeat(1000)}`, /source/],
  ])('%s is refused', (_, endpoint, message) => {
    expect(() => of(endpoint)).toThrow(
      expect.objectContaining({ code: 'config', message: expect.stringMatching(message) as string }),
    );
  });

  test('gives parts of its grammars or an error, whatever it is', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'http://',
        'https://',
        'fn',
        '.example',
        ':80',
        ':',
        '/',
        '/t/shop/',
        '..',
        '.',
        '%2f',
        '?',
        '#',
      ),
      fc.string({ unit: fc.constantFrom(...'a1-_.~/ $;{}"\'\\\n\r\t\0%@[]:é'), maxLength: 6 }),
    );
    const endpoint = fc.oneof(
      fc.array(piece, { maxLength: 8 }).map((parts) => parts.join('')),
      fc.array(piece, { maxLength: 4 }).map((parts) => `http://fn.example/t/shop/a${parts.join('')}`),
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
    );
    let good = 0;
    fc.assert(
      fc.property(endpoint, (text) => {
        let upstream;
        try {
          upstream = of(text);
        } catch (error) {
          expect(error).toBeInstanceOf(FnmeshError);
          return;
        }
        good++;
        expect(upstream.authority).toMatch(/^[a-z0-9.-]+:\d+$/);
        expect(upstream.route).toMatch(/^\/t\/shop\/[A-Za-z0-9._~/-]*$/);
        expect(new URL(upstream.route, 'http://x').pathname).toBe(upstream.route);
      }),
      { numRuns: 2000, seed: 7 },
    );
    expect(good).toBeGreaterThan(20);
  });
});
