// Sites and routes for the tests of what stands before functions.
import { PROXY_DEFAULTS } from '../../../src/kubernetes/render/defaults.js';
import type { Site } from '../../../src/kubernetes/site.js';
import { pathOf } from '../../../src/routing/match.js';
import { type Route, type Split, WHOLE } from '../../../src/routing/route.js';

/** App shop in namespace hello, behind the Gateway istio-ingress/public. */
export function site(changes: Partial<Site> = {}, settings: Partial<Site['settings']> = {}): Site {
  return {
    app: 'shop',
    namespace: 'hello',
    host: 'shop.example.com',
    api: 'gateway-api',
    gateway: { namespace: 'istio-ingress', name: 'public', listener: 'http' },
    proxy: 'dedicated',
    mesh: false,
    pin: { kind: 'secret', secret: '00112233445566778899aabbccddeeff' },
    clusterDomain: 'cluster.local',
    dns: '10.96.0.10',
    ...changes,
    settings: { ...PROXY_DEFAULTS, ...settings },
  };
}

/** A route of app shop; without a split all goes to the first version. */
export function route(
  fn: string,
  versions: readonly string[],
  split?: Split,
  host = 'shop.example.com',
): Route {
  const shares = split ?? Object.fromEntries(versions.map((version, at) => [version, at === 0 ? WHOLE : 0]));
  return {
    app: 'shop',
    function: fn,
    host,
    path: pathOf('shop', fn),
    rules: [],
    split: shares,
    destinations: Object.fromEntries(
      versions.map((version) => {
        const source = fn === 'shop' ? `/${version}` : `/${fn}/${version}`;
        return [
          version,
          { fn: `${fn}-${version}`, source, endpoint: `http://fn.fn.svc.cluster.local/t/shop${source}` },
        ];
      }),
    ),
  };
}
