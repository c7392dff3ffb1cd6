// Istio's rules as Envoy's routes, as istiod makes them (Istio 1.31, networking/v1; Envoy 1.40, config.route.v3).
// HTTPRoutes take the same way: gateway-http-routes.ts puts them into these words first.

/** A condition on a text (Istio, StringMatch). A regex must match the whole. */
export type StringMatch = { exact?: string; prefix?: string; regex?: string };

/** Header changes (Istio, Headers). */
export type HeaderChanges = Partial<
  Record<
    'request' | 'response',
    { set?: Record<string, string>; add?: Record<string, string>; remove?: string[] }
  >
>;

/** Where requests go: a Service, by short or whole name. */
export type Destination = { host: string; subset?: string; port?: { number: number } };

/** One entry of a VirtualService's `http`, as far as the lab's gateway knows it. */
export type GatewayRule = {
  name?: string;
  match?: {
    name?: string;
    uri?: StringMatch;
    method?: StringMatch;
    authority?: StringMatch;
    headers?: Record<string, StringMatch>;
    withoutHeaders?: Record<string, StringMatch>;
    queryParams?: Record<string, StringMatch>;
  }[];
  route?: { destination: Destination; weight?: number; headers?: HeaderChanges }[];
  directResponse?: { status: number };
  headers?: HeaderChanges;
  timeout?: string;
  retries?: { attempts?: number; retryOn?: string };
  mirrors?: { destination: Destination; percentage?: { value?: number } }[];
  fault?: {
    abort?: { httpStatus: number; percentage?: { value?: number } };
    delay?: { fixedDelay: string; percentage?: { value?: number } };
  };
};

/** Where rules come from. */
export type RuleSource = {
  /** As Envoy tells it: `/apis/networking.istio.io/v1/namespaces/demo/virtual-service/hello-app`. */
  config: string;
  /** Whether they come from an HTTPRoute: then 500, not 503, for what does not exist, and prefixes end at a slash. */
  gatewayApi: boolean;
  /** The cluster of a destination. */
  cluster(destination: Destination): string;
};

/** A route of Envoy's, as JSON. */
export type EnvoyRoute = { name?: string; match: Record<string, unknown> } & Record<string, unknown>;

const KNOWN = {
  rule: [
    ...['name', 'match', 'route', 'directResponse', 'headers', 'timeout', 'retries', 'mirrors', 'fault'],
  ],
  match: ['name', 'uri', 'method', 'authority', 'headers', 'withoutHeaders', 'queryParams'],
};

/** The routes of one rule: one for each match. @throws Error for what the lab's gateway does not know. */
export function routesOf(rule: GatewayRule, source: RuleSource): EnvoyRoute[] {
  refuseUnknown(rule, KNOWN.rule);
  return (rule.match ?? [{}]).map((match) => {
    refuseUnknown(match, KNOWN.match);
    const name = [rule.name, match.name].filter((part) => part !== undefined).join('.');
    return {
      ...(name !== '' && { name }),
      match: matchOf(match, source),
      metadata: { filter_metadata: { istio: { config: source.config } } },
      ...actionOf(rule, source),
    };
  });
}

/** Whether a route catches every request; istiod puts such ones last when it merges a host's routes. */
export function isCatchAll({ match }: EnvoyRoute): boolean {
  return match.prefix === '/' && match.headers === undefined && match.query_parameters === undefined;
}

function matchOf(match: NonNullable<GatewayRule['match']>[number], source: RuleSource): EnvoyRoute['match'] {
  const { uri, method, authority, headers = {}, withoutHeaders = {}, queryParams = {} } = match;
  const conditions = [
    ...Object.entries(headers).map(([name, value]) => headerMatch(name, value)),
    ...Object.entries(withoutHeaders).map(([name, value]) => ({
      ...headerMatch(name, value),
      invert_match: true,
    })),
    ...(method ? [headerMatch(':method', method)] : []),
    ...(authority ? [headerMatch(':authority', authority)] : []),
  ];
  const query = Object.entries(queryParams).map(([name, value]) => ({
    name,
    ...(isEmpty(value) ? { present_match: true } : { string_match: textMatch(value) }),
  }));
  const plain = !uri && conditions.length === 0 && query.length === 0;
  return {
    ...pathMatch(uri, source.gatewayApi),
    // istiod leaves it out only for a VirtualService's rule without any match.
    ...((!plain || source.gatewayApi) && { case_sensitive: true }),
    ...(conditions.length > 0 && { headers: conditions }),
    ...(query.length > 0 && { query_parameters: query }),
  };
}

function pathMatch(uri: StringMatch | undefined, gatewayApi: boolean): Record<string, unknown> {
  if (uri?.exact !== undefined) return { path: uri.exact };
  if (uri?.regex !== undefined) return { safe_regex: { regex: uri.regex } };
  const prefix = uri?.prefix ?? '/';
  if (!gatewayApi || prefix === '/') return { prefix };
  return { path_separated_prefix: prefix.replace(/\/$/, '') };
}

function headerMatch(name: string, value: StringMatch): Record<string, unknown> {
  return { name, ...(isEmpty(value) ? { present_match: true } : { string_match: textMatch(value) }) };
}

function isEmpty({ exact, prefix, regex }: StringMatch): boolean {
  return (exact ?? prefix ?? regex ?? '') === '';
}

function textMatch({ exact, prefix, regex }: StringMatch): Record<string, unknown> {
  if (exact !== undefined) return { exact };
  return prefix !== undefined ? { prefix } : { safe_regex: { regex } };
}

function actionOf(rule: GatewayRule, source: RuleSource): Record<string, unknown> {
  const { route = [], directResponse, headers, timeout, retries, mirrors = [], fault } = rule;
  if (directResponse) return { direct_response: { status: directResponse.status } };
  const [only] = route;
  if (!only) throw new Error(`rule ${rule.name ?? ''} leads nowhere`);
  const taking = route.filter(({ weight = 0 }) => weight > 0);
  if (route.length > 1 && taking.length === 0) throw new Error(`rule ${rule.name ?? ''}: total weight is 0`);
  const limit = timeout === undefined ? '0s' : seconds(timeout);
  const action = {
    timeout: limit,
    max_grpc_timeout: limit,
    ...(retries?.attempts !== 0 && { retry_policy: retryPolicy(retries) }),
    ...(source.gatewayApi && { cluster_not_found_response_code: 'INTERNAL_SERVER_ERROR' }),
    ...(mirrors.length > 0 && {
      request_mirror_policies: mirrors.map(({ destination, percentage }) => ({
        cluster: source.cluster(destination),
        disable_shadow_host_suffix_append: true,
        runtime_fraction: { default_value: fraction(percentage) },
        trace_sampled: false,
      })),
    }),
  };
  const filters = fault && { typed_per_filter_config: { 'envoy.filters.http.fault': faultOf(fault) } };
  if (route.length === 1) {
    return {
      ...headerFields(headers, only.headers),
      route: { cluster: source.cluster(only.destination), ...action },
      ...filters,
    };
  }
  const clusters = taking.map(({ destination, weight, headers: own }) => ({
    name: source.cluster(destination),
    weight,
    ...headerFields(own),
  }));
  return { ...headerFields(headers), route: { weighted_clusters: { clusters }, ...action }, ...filters };
}

/** Istio's default: see meshConfig.defaultHttpRetryPolicy. */
function retryPolicy({ attempts = 2, retryOn }: { attempts?: number; retryOn?: string } = {}): object {
  return {
    num_retries: attempts,
    retry_on: retryOn ?? 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
    host_selection_retry_max_attempts: '5',
    retry_host_predicate: [
      {
        name: 'envoy.retry_host_predicates.previous_hosts',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
        },
      },
    ],
  };
}

function faultOf({ abort, delay }: NonNullable<GatewayRule['fault']>): object {
  return {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault',
    ...(abort && { abort: { http_status: abort.httpStatus, percentage: fraction(abort.percentage) } }),
    ...(delay && {
      delay: { fixed_delay: seconds(delay.fixedDelay), percentage: fraction(delay.percentage) },
    }),
  };
}

function headerFields(...changes: (HeaderChanges | undefined)[]): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const side of ['request', 'response'] as const) {
    const sides = changes.flatMap((change) => change?.[side] ?? []);
    const added = sides.flatMap(({ set = {}, add = {} }) => [
      ...entries(set).map(([key, value]) => ({
        append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
        header: { key, value },
      })),
      ...entries(add).map(([key, value]) => ({
        append_action: 'APPEND_IF_EXISTS_OR_ADD',
        header: { key, value },
      })),
    ]);
    const removed = sides.flatMap(({ remove = [] }) => remove);
    if (added.length > 0) fields[`${side}_headers_to_add`] = added;
    if (removed.length > 0) fields[`${side}_headers_to_remove`] = removed;
  }
  return fields;
}

function entries(record: Record<string, string>): [string, string][] {
  return Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1));
}

function fraction({ value = 0 }: { value?: number } = { value: 100 }): object {
  return { numerator: Math.round(value * 10_000), denominator: 'MILLION' };
}

/** `5m30s`, `0.05s`, `500ms` as Envoy writes it: `330s`, `0.050s`, `0.500s`. */
function seconds(duration: string): string {
  const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
  let total = 0;
  for (const [, count, unit] of duration.matchAll(/([\d.]+)(ms|[hms])/g))
    total += Number(count) * units[unit!]!;
  return total % 1_000 === 0 ? `${total / 1_000}s` : `${(total / 1_000).toFixed(3)}s`;
}

/** What is not translated must not be silently without effect. */
function refuseUnknown(object: object, known: readonly string[]): void {
  const unknown = Object.keys(object).filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new Error(`the lab's gateway does not know ${unknown.join(', ')}`);
}
