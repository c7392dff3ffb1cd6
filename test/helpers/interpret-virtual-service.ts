// What an Istio ingress gateway does with a request by VirtualServices (Istio 1.31; the recorded traffic bears it out).
import type { KubeObject } from '../../src/kubernetes/object.js';
import { lowerCase, matchesWhole, onlyKnown, seen } from './interpret.js';
import type { GatewayRequest, Outcome, Seen } from './interpret.js';

type StringMatch = { exact?: string; prefix?: string; regex?: string };
type Match = { uri?: StringMatch; headers?: Record<string, StringMatch> };
type Headers = { request?: { set?: Record<string, string> }; response?: { set?: Record<string, string> } };
type Destination = { destination: { host: string }; weight?: number; headers?: Headers };
type Rule = {
  match?: Match[];
  route: Destination[];
  fault?: { abort?: { httpStatus: number; percentage?: { value: number } }; delay?: object };
};
type Spec = { hosts: string[]; http: Rule[] };

const KNOWN = ['name', 'match', 'route', 'fault', 'mirrors', 'timeout', 'retries'];

/**
 * What becomes of a request. The rules of all objects that have the host are tried in the order given.
 * @param services Short names of the Services that exist.
 */
export function interpretVirtualServices(
  objects: readonly KubeObject[],
  request: GatewayRequest,
  services: ReadonlySet<string>,
): Outcome[] {
  const asked = seen(request);
  const rules = objects.map(({ spec }) => spec as Spec).filter(({ hosts }) => hosts.includes(asked.host));
  const rule = rules
    .flatMap(({ http }) => http)
    .find(({ match }) => !match || match.some((one) => matches(one, asked)));
  if (!rule) return [{ share: 1, service: null, status: 404, request: {}, response: {} }];
  onlyKnown(rule, KNOWN);
  const { route, fault } = rule;
  const aborted = fault?.abort ? (fault.abort.percentage?.value ?? 100) / 100 : 0;
  const total = route.reduce((sum, { weight = 0 }) => sum + weight, 0);
  return route.flatMap(({ destination, weight = 0, headers = {} }): Outcome[] => {
    const share = route.length === 1 ? 1 : weight / total;
    const service = destination.host.split('.')[0]!;
    const exists = services.has(service);
    const sets = {
      request: lowerCase(headers.request?.set ?? {}),
      response: lowerCase(headers.response?.set ?? {}),
    };
    const outcomes = [
      { share: share * (1 - aborted), service: exists ? service : null, status: exists ? 200 : 503, ...sets },
    ];
    if (fault?.abort)
      outcomes.push({ share: share * aborted, service: null, status: fault.abort.httpStatus, ...sets });
    return outcomes.filter((outcome) => outcome.share > 0);
  });
}

function matches(match: Match, { path, headers }: Seen): boolean {
  onlyKnown(match, ['uri', 'headers']);
  const conditions = Object.entries(match.headers ?? {}).map(
    ([name, condition]) => [condition, headers[name]] as const,
  );
  if (match.uri) conditions.push([match.uri, path]);
  return conditions.every(([condition, value]) => value !== undefined && isMatch(condition, value));
}

function isMatch({ exact, prefix, regex }: StringMatch, value: string): boolean {
  if (exact !== undefined) return value === exact;
  if (prefix !== undefined) return value.startsWith(prefix);
  return matchesWhole(regex!, value);
}
