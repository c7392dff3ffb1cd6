// The proxies of the app `shop` as they run on a cluster: each one's shipped configuration in an nginx of its own.
import { ROUTE_HEADER } from '../../src/kubernetes/names.js';
import { PROXY_DEFAULTS } from '../../src/kubernetes/render/defaults.js';
import { nginxConf } from '../../src/kubernetes/render/nginx.js';
import { proxiesOf } from '../../src/kubernetes/render/proxies.js';
import { routeHeader } from '../../src/kubernetes/render/rules.js';
import type { Site } from '../../src/kubernetes/site.js';
import type { Route } from '../../src/routing/route.js';
import { startDnsServer } from '../helpers/dns-server.js';
import type { DnsServer } from '../helpers/dns-server.js';
import { startNginx } from '../helpers/nginx.js';
import type { Nginx } from '../helpers/nginx.js';
import { clusterRoute, siteOf } from './routes-sites.js';

/** The Fn server's Service, as endpoints name it, and its whole name. */
const SERVICE = 'fn-lb.fn.svc';
/** What the DNS server is asked for. */
export const FN_HOST = `${SERVICE}.cluster.local`;

/** Where one version is to be asked for, as a gateway with its route would. */
type Door = { port: number; headers: Record<string, string>; nginx: Nginx };

/** Running proxies. */
export type Proxies = {
  dns: DnsServer;
  /** @param version `cart/v1`. */
  door(version: string): Door;
  /** The configurations, one for each nginx. */
  texts: string[];
  stop(): Promise<void>;
};

/**
 * Starts them before the Fn server on this port of 127.0.0.1, whose triggers are `/FUNCTION-VERSION`.
 * @param functions Their names and versions. @param authorities A file, for https.
 */
export async function startProxies(
  proxy: Site['proxy'],
  fnPort: number,
  functions: Record<string, string[]> = { cart: ['v1'] },
  {
    bodyBytes = PROXY_DEFAULTS.bodyBytes,
    scheme = 'http',
    authorities = undefined as string | undefined,
  } = {},
): Promise<Proxies> {
  const site = siteOf({ proxy, settings: { ...PROXY_DEFAULTS, bodyBytes } });
  const routes = Object.entries(functions).map(([name, versions]): Route => {
    const split = Object.fromEntries(versions.map((version) => [version, 0]));
    const destinations = Object.fromEntries(
      versions.map((version) => {
        const source = `/${name}-${version}`;
        const endpoint = `${scheme}://${SERVICE}:${fnPort}/t/shop${source}`;
        return [version, { fn: `${name}-${version}`, source, endpoint }];
      }),
    );
    return clusterRoute(name, split, { destinations });
  });
  const dns = await startDnsServer({ [FN_HOST]: ['127.0.0.1'] });
  const rendered = proxiesOf(site, routes).map((each) => ({ ...each, text: nginxConf(each) }));
  const place = { dns: dns.address, ...(authorities !== undefined && { authorities }) };
  const running = await Promise.all(rendered.map(({ text }) => startNginx(text, place)));
  return {
    dns,
    texts: rendered.map(({ text }) => text),
    door(of) {
      const [name, version] = of.split('/') as [string, string];
      const index = rendered.findIndex(
        ({ only }) => only === null || `${only.function}/${only.version}` === of,
      );
      const nginx = running[index]!;
      const route = routes.find((each) => each.function === name)!;
      const headers: Record<string, string> =
        proxy === 'shared' ? { [ROUTE_HEADER]: routeHeader(site, route, version) } : {};
      return { port: nginx.port, headers, nginx };
    },
    stop: async () => {
      await Promise.all([...running.map((nginx) => nginx.stop()), dns.close()]);
    },
  };
}
