// An app on a cluster, as rows about clusters have it.
import { PROXY_DEFAULTS } from '../../dist/kubernetes/render/defaults.js';

/** The site of the app `shop`. */
export function clusterSite(more = {}) {
  return {
    app: 'shop',
    namespace: 'hello',
    host: 'hello.example.com',
    api: 'istio',
    gateway: { namespace: 'istio-ingress', name: 'public' },
    proxy: 'dedicated',
    mesh: false,
    pin: { kind: 'off' },
    clusterDomain: 'cluster.local',
    dns: '10.0.0.10',
    settings: PROXY_DEFAULTS,
    ...more,
  };
}

/** A function with two versions at 50/50, whose triggers are on an Fn server at this origin. */
export function clusterRoute(name, origin = 'http://fn-lb.fn.svc.cluster.local') {
  const at = (version) => {
    const source = `/${name}/${version}`;
    return { fn: `${name}-${version}`, source, endpoint: `${origin}/t/shop${source}` };
  };
  return {
    ...{ app: 'shop', function: name, host: 'hello.example.com', path: `/${name}`, rules: [] },
    split: { v1: 5000, v2: 5000 },
    destinations: { v1: at('v1'), v2: at('v2') },
  };
}
