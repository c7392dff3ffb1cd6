// Who may use the Fn management API: programs of this machine, not web pages in its browser.

/** What the guard looks at. `host` has every Host header of the request. */
export type GuardedHead = {
  host: readonly string[];
  origin?: string | undefined;
  secFetchSite?: string | undefined;
};

/** Hosts that may be named besides loopback and `*.localhost`, as FNMESH_ALLOWED_HOSTS lists them. */
export type AllowedHosts = readonly string[];

/** Reads FNMESH_ALLOWED_HOSTS: comma-separated hosts or `*.suffix`; a port is ignored. */
export function parseAllowedHosts(variable: string | undefined): AllowedHosts {
  return (variable ?? '').split(',').flatMap((entry) => hostName(entry.trim()) ?? []);
}

/**
 * Why a management request is refused; null when it may pass. A browser sends Origin with whatever a page does to
 * another site, and after DNS rebinding its Host is the page's: neither is ever there for a program on this machine.
 */
export function refusal(head: GuardedHead, allowed: AllowedHosts = []): string | null {
  if (head.origin !== undefined)
    return 'Requests with an Origin header are refused: web pages may not manage functions';
  if (head.secFetchSite === 'cross-site')
    return 'Cross-site requests are refused: web pages may not manage functions';
  const [first, second] = head.host;
  const name = first === undefined || second !== undefined ? undefined : hostName(first);
  if (name !== undefined && (isLocal(name) || allowed.some((entry) => matches(entry, name)))) return null;
  return `Host ${JSON.stringify(head.host.join(', '))} is refused: use localhost, or name it in FNMESH_ALLOWED_HOSTS`;
}

/** The host of `host`, `host:port`, `[v6]` or `[v6]:port`, in lower case; undefined when it is none. */
function hostName(text: string): string | undefined {
  const [, name] = /^(\[[0-9a-f:.]+\]|[a-z0-9*_.-]+)(?::\d{0,5})?$/.exec(text.toLowerCase()) ?? [];
  return name?.replace(/\.$/, '');
}

function isLocal(name: string): boolean {
  if (name === 'localhost' || name === '[::1]' || (name.endsWith('.localhost') && !name.startsWith('.')))
    return true;
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}

function matches(entry: string, name: string): boolean {
  return entry.startsWith('*.')
    ? name.endsWith(entry.slice(1)) && name.length >= entry.length
    : entry === name;
}
