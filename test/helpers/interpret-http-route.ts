// What a gateway does with a request by HTTPRoutes (Gateway API 1.6; the recorded traffic of Istio bears it out).
import type { KubeObject } from '../../src/kubernetes/object.js';
import { lowerCase, matchesWhole, onlyKnown, seen } from './interpret.js';
import type { GatewayRequest, Outcome, Seen } from './interpret.js';

type Match = {
  path?: { type?: string; value?: string };
  headers?: { type?: string; name: string; value: string }[];
};
type Modifier = { set?: { name: string; value: string }[] };
type Filter = { type: string; requestHeaderModifier?: Modifier; responseHeaderModifier?: Modifier };
type Backend = { name: string; weight?: number; filters?: Filter[] };
type Rule = { matches?: Match[]; filters?: Filter[]; backendRefs?: Backend[] };
type Spec = { hostnames: string[]; rules: Rule[] };

const KNOWN = ['name', 'matches', 'filters', 'backendRefs', 'timeouts'];

/**
 * What becomes of a request. Of the matches of all objects that have the host the most specific one counts, among
 * equals the first: exact path, longest prefix, number of headers, order.
 * @param services Short names of the Services that exist.
 */
export function interpretHttpRoutes(
  objects: readonly KubeObject[],
  request: GatewayRequest,
  services: ReadonlySet<string>,
): Outcome[] {
  const asked = seen(request);
  const rules = objects
    .map(({ spec }) => spec as Spec)
    .filter(({ hostnames }) => hostnames.includes(asked.host))
    .flatMap((spec) => spec.rules);
  const [best] = rules
    .flatMap((rule) => (rule.matches ?? [{}]).map((match) => ({ rule, match })))
    .filter(({ match }) => matches(match, asked))
    .sort((a, b) => compare(rank(a.match), rank(b.match)));
  const itself = (status: number): Outcome => ({
    share: 1,
    service: null,
    status,
    request: {},
    response: {},
  });
  if (!best) return [itself(404)];
  onlyKnown(best.rule, KNOWN);
  const { backendRefs = [], filters = [] } = best.rule;
  if (backendRefs.length === 0) return [itself(404)];
  const total = backendRefs.reduce((sum, { weight = 1 }) => sum + weight, 0);
  if (total === 0) return [itself(500)];
  return backendRefs
    .filter(({ weight = 1 }) => weight > 0)
    .map(({ name, weight = 1, filters: own = [] }) => {
      const exists = services.has(name);
      const sets = setsOf([...filters, ...own]);
      return { share: weight / total, service: exists ? name : null, status: exists ? 200 : 500, ...sets };
    });
}

function setsOf(filters: readonly Filter[]): Pick<Outcome, 'request' | 'response'> {
  const sets = (modifier: Modifier | undefined) =>
    lowerCase(Object.fromEntries((modifier?.set ?? []).map(({ name, value }) => [name, value])));
  return {
    request: Object.assign({}, ...filters.map((each) => sets(each.requestHeaderModifier))) as Record<
      string,
      string
    >,
    response: Object.assign({}, ...filters.map((each) => sets(each.responseHeaderModifier))) as Record<
      string,
      string
    >,
  };
}

function rank({ path, headers = [] }: Match): [number, number, number] {
  return [path?.type === 'Exact' ? 0 : 1, -(path?.value ?? '/').length, -headers.length];
}

function compare(a: readonly number[], b: readonly number[]): number {
  return a.map((value, index) => value - b[index]!).find((difference) => difference !== 0) ?? 0;
}

function matches(match: Match, { path, headers }: Seen): boolean {
  onlyKnown(match, ['path', 'headers']);
  const { type = 'PathPrefix', value = '/' } = match.path ?? {};
  const parent = value.replace(/\/$/, '');
  const fits = type === 'Exact' ? path === value : path === parent || path.startsWith(`${parent}/`);
  return (
    fits &&
    (match.headers ?? []).every((header) => {
      const sent = headers[header.name.toLowerCase()];
      if (sent === undefined) return false;
      return header.type === 'RegularExpression' ? matchesWhole(header.value, sent) : sent === header.value;
    })
  );
}
