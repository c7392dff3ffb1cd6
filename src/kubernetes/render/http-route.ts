// Gateway API's words for a route: the parts of an HTTPRoute's spec that are fnmesh's. Defaults of the API are written
// out, so that what is read back is what was written.
import { FnmeshError } from '../../errors.js';
import type { Route } from '../../routing/route.js';
import { functionObject, SERVICE_PORT } from '../names.js';
import type { Site } from '../site.js';
import { rulesOf, TIMEOUT_SECONDS } from './rules.js';
import type { HeaderMatch, PathRule, WeightedVersion } from './rules.js';

/** Gateway API 1.6, HTTPRouteSpec.rules and HTTPRouteRule.backendRefs: at most so many. */
const MOST = 16;
/** Gateway API 1.6, HTTPHeaderMatch.value and HTTPHeader.value: at most so many characters. */
const LONGEST_VALUE = 4096;

/** A header match of an HTTPRoute. */
type HeaderMatchRef = { type: 'Exact' | 'RegularExpression'; name: string; value: string };

/** A reference to a Service with a weight. */
type BackendRef = {
  group: '';
  kind: 'Service';
  name: string;
  port: number;
  weight: number;
  filters?: {
    type: 'RequestHeaderModifier';
    requestHeaderModifier: { set: { name: string; value: string }[] };
  }[];
};

/** One entry of an HTTPRoute's `rules`, as fnmesh writes it (Gateway API 1.6, HTTPRouteRule). */
type GatewayRule = {
  name: string;
  matches: { path: { type: 'Exact'; value: string }; headers?: HeaderMatchRef[] }[];
  backendRefs: BackendRef[];
  timeouts: { request: string };
};

/** What an HTTPRoute is bound to. */
type ParentRef = {
  group: string;
  kind: string;
  namespace: string;
  name: string;
  sectionName?: string;
  port?: number;
};

/** The parts of an HTTPRoute that fnmesh writes. The one for the mesh has no `hostnames`. */
export type HttpRouteSpec = { parentRefs: ParentRef[]; hostnames?: string[]; rules: GatewayRule[] };

/**
 * The HTTPRoute that binds the function to the gateway's listener. Precedence is by the number of header matches
 * here, and then by the order in the list: with one condition a rule at most, both say the same. Retries cannot be
 * told in the API's standard channel; an implementation's own default counts.
 * @throws FnmeshError `config` when it takes more rules, backends or characters than the API allows; see also rulesOf.
 */
export function gatewayHttpRoute(site: Site, route: Route): HttpRouteSpec {
  const { namespace, name, listener } = site.gateway;
  const parent: ParentRef = { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace, name };
  if (listener !== undefined) parent.sectionName = listener;
  return { parentRefs: [parent], hostnames: [route.host], rules: rulesFor(site, route) };
}

/**
 * The HTTPRoute for callers inside the mesh: its parent is the function's own Service (Gateway API 1.6, GAMMA).
 * @throws FnmeshError `config`, see gatewayHttpRoute.
 */
export function meshHttpRoute(site: Site, route: Route): HttpRouteSpec {
  const name = functionObject(route.app, route.function);
  const parent = { group: '', kind: 'Service', namespace: site.namespace, name, port: SERVICE_PORT };
  return { parentRefs: [parent], rules: rulesFor(site, route) };
}

/**
 * Checks that an HTTPRoute has room for its rules.
 * @throws FnmeshError `config` saying how many there are, and the ways out.
 */
export function checkRuleCount(what: string, own: number, foreign: number): void {
  if (own + foreign <= MOST) return;
  const others = foreign === 0 ? '' : ` besides ${foreign} that fnmesh did not make`;
  throw new FnmeshError('config', `${what}: ${own} rules${others}, and an HTTPRoute takes ${MOST}`, {
    try: 'remove versions or rules, set pin: off for the target in fnmesh.yaml (one rule less for each version), or use api: istio',
  });
}

function rulesFor(site: Site, route: Route): GatewayRule[] {
  const what = `${route.app}/${route.function}`;
  const versions = Object.keys(route.split).length;
  if (versions > MOST) {
    throw new FnmeshError(
      'config',
      `${what} has ${versions} versions, and a rule of an HTTPRoute takes ${MOST}`,
      {
        try: `remove ${versions - MOST} of them, or use api: istio`,
      },
    );
  }
  const rules = rulesOf(site, route);
  checkRuleCount(what, rules.length, 0);
  for (const { name, header, versions: targets } of rules) {
    const values = targets.flatMap(({ set }) => Object.values(set));
    if (header !== null) values.push(valueOf(header));
    const longest = Math.max(0, ...values.map((value) => value.length));
    if (longest <= LONGEST_VALUE) continue;
    throw new FnmeshError(
      'config',
      `${what}: rule ${name} needs ${longest} characters, and a value in an HTTPRoute takes ${LONGEST_VALUE}`,
      {
        try: 'use a shorter name and value in the rule, or api: istio',
      },
    );
  }
  return rules.map((rule) => ruleOf(route.path, rule));
}

function ruleOf(path: string, { name, header, versions }: PathRule): GatewayRule {
  return {
    name,
    matches: [
      { path: { type: 'Exact', value: path }, ...(header !== null && { headers: [matchOf(header)] }) },
    ],
    backendRefs: versions.map(backendOf),
    timeouts: { request: `${TIMEOUT_SECONDS}s` },
  };
}

function matchOf(header: HeaderMatch): HeaderMatchRef {
  return {
    type: 'exact' in header ? 'Exact' : 'RegularExpression',
    name: header.name,
    value: valueOf(header),
  };
}

function valueOf(header: HeaderMatch): string {
  return 'exact' in header ? header.exact : header.pattern;
}

function backendOf({ service, weight, set }: WeightedVersion): BackendRef {
  const headers = Object.entries(set).map(([name, value]) => ({ name, value }));
  return {
    group: '',
    kind: 'Service',
    name: service,
    port: SERVICE_PORT,
    weight,
    ...(headers.length > 0 && {
      filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: headers } }],
    }),
  };
}
