// Which proxy the environment names for an API server (golang.org/x/net/http/httpproxy, which kubectl goes by). Pure.
import { BlockList, isIP } from 'node:net';

/**
 * The URL of HTTPS_PROXY (HTTP_PROXY for http://), unless NO_PROXY names the server or it is on this machine; null: none.
 * Upper case counts over lower case, as in Go.
 */
export function proxyFor(server: string, env: NodeJS.ProcessEnv): string | null {
  const { protocol, hostname, port } = new URL(server);
  const of = (name: string): string => env[name] || env[name.toLowerCase()] || '';
  const proxy = of(protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (proxy === '' || host === 'localhost' || host === '::1' || host.startsWith('127.')) return null;
  const isSpared = of('NO_PROXY')
    .split(',')
    .map((word) => word.trim().toLowerCase())
    .some((word) => names(word, host, port || (protocol === 'https:' ? '443' : '80')));
  if (isSpared) return null;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

/** Whether a word of NO_PROXY means the host: `*`, an address, a range, `host`, `.domain`, each with `:port` if need be. */
function names(word: string, host: string, port: string): boolean {
  if (word === '' || word === '*') return word === '*';
  const [, range, bits] = /^([\da-f.:]+)\/(\d+)$/.exec(word) ?? [];
  if (range !== undefined) {
    const family = isIP(range) === 6 ? 'ipv6' : 'ipv4';
    if (isIP(range) === 0 || isIP(host) !== isIP(range) || Number(bits) > (family === 'ipv6' ? 128 : 32))
      return false;
    const list = new BlockList();
    list.addSubnet(range, Number(bits), family);
    return list.check(host, family);
  }
  const [, name, only] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(isIP(word) === 6 ? `[${word}]` : word)!;
  if (only !== undefined && only !== port) return false;
  const domain = name!.replace(/^\*?\./, '');
  const isDomain = isIP(domain) === 0 && host.endsWith(`.${domain}`);
  return isDomain || (host === domain && !/^\*?\./.test(name!));
}
