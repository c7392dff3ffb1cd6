// Which route of an Envoy catches a plain request: by the rules that Envoy itself goes by (envoy.config.route.v3).

/** A header matcher; of its conditions only those that matter for a request without special headers. */
type HeaderMatcher = {
  name?: string;
  string_match?: { exact?: string };
  exact_match?: string;
  present_match?: boolean;
  invert_match?: boolean;
};

type Match = {
  path?: string;
  prefix?: string;
  path_separated_prefix?: string;
  safe_regex?: { regex?: string };
  case_sensitive?: boolean;
  headers?: HeaderMatcher[];
  query_parameters?: unknown[];
  grpc?: object;
};

type HeaderAdditions = { request_headers_to_add?: { header?: { key?: string; value?: string } }[] };

type RouteEntry = HeaderAdditions & {
  name?: string;
  match?: Match;
  route?: {
    cluster?: string;
    weighted_clusters?: { clusters?: (HeaderAdditions & { name?: string; weight?: number })[] };
  };
};

/** A RouteConfiguration as `config_dump` gives it, as far as it is looked at. */
export type RouteConfig = {
  name?: string;
  virtual_hosts?: { domains?: string[]; routes?: RouteEntry[] }[];
};

/**
 * The clusters that a route leads to, with their weights, and the request headers that it sets for each, by their names
 * in lower case; none for a redirect or an answer of Envoy's own.
 */
export type FoundRoute = { name: string | undefined; targets: Target[] };

type Target = { name: string; weight: number; headers: Readonly<Record<string, string>> };

/**
 * The route for `GET path` of the host without further headers; null when the host is there and no route fits,
 * undefined when the host is not there. The first that fits wins.
 */
export function findRoute(config: RouteConfig, host: string, path: string): FoundRoute | null | undefined {
  const virtualHost = virtualHostOf(config, host);
  if (!virtualHost) return undefined;
  const entry = virtualHost.routes?.find(({ match = {} }) => isMatch(match, host, path));
  if (!entry) return null;
  const { cluster, weighted_clusters: weighted } = entry.route ?? {};
  const listed = weighted?.clusters ?? (cluster === undefined ? [] : [{ name: cluster, weight: 1 }]);
  const common = headersOf(entry);
  return {
    name: entry.name,
    targets: listed.map(({ name = '', weight = 0, ...each }) => {
      return { name, weight, headers: { ...common, ...headersOf(each) } };
    }),
  };
}

function headersOf({ request_headers_to_add: added = [] }: HeaderAdditions): Record<string, string> {
  return Object.fromEntries(
    added.map(({ header: { key = '', value = '' } = {} }) => [key.toLowerCase(), value]),
  );
}

/** An exact domain counts before `*.example.com`, the longest of these, and before `*`; a `*` without routes is no host. */
function virtualHostOf({ virtual_hosts: hosts = [] }: RouteConfig, host: string) {
  let best: (typeof hosts)[number] | undefined;
  let rank = -1;
  for (const candidate of hosts) {
    for (const domain of candidate.domains ?? []) {
      const found = rankOf(domain.toLowerCase().replace(/:(\d+|\*)$/, ''), host);
      if (found <= rank || (domain === '*' && !candidate.routes?.length)) continue;
      best = candidate;
      rank = found;
    }
  }
  return best;
}

/** How well the domain fits; -1: not at all. */
function rankOf(domain: string, host: string): number {
  if (domain === host) return Infinity;
  if (domain === '*') return 0;
  return domain.startsWith('*') && host.endsWith(domain.slice(1)) ? domain.length : -1;
}

function isMatch(match: Match, host: string, path: string): boolean {
  const { headers = [], query_parameters: query = [], grpc } = match;
  if (query.length > 0 || grpc !== undefined || !isPath(match, path)) return false;
  const pseudo: Record<string, string> = { ':method': 'GET', ':authority': host, ':path': path };
  return headers.every((header) => {
    const value = pseudo[header.name ?? ''];
    const exact = header.string_match?.exact ?? header.exact_match;
    const fits =
      header.present_match !== undefined
        ? header.present_match === (value !== undefined)
        : value !== undefined && exact === value;
    return fits !== (header.invert_match ?? false);
  });
}

function isPath(match: Match, path: string): boolean {
  const { prefix, path_separated_prefix: parent, safe_regex: pattern, case_sensitive: strict = true } = match;
  const fold = (text: string) => (strict ? text : text.toLowerCase());
  const asked = fold(path);
  if (match.path !== undefined) return asked === fold(match.path);
  if (prefix !== undefined) return asked.startsWith(fold(prefix));
  if (parent !== undefined) return asked === fold(parent) || asked.startsWith(`${fold(parent)}/`);
  try {
    return new RegExp(`^(?:${pattern?.regex ?? ''})$`).test(path);
  } catch {
    // Only RE2 knows it; fnmesh's own paths are exact.
    return false;
  }
}
