// A route object whose notes somebody garbled: what its rules, its labels and the rest of its notes still tell. Pure.
import type { AppName, Destination, FunctionName, Route, Rule } from '../../routing/route.js';
import { firstSplit } from '../../routing/split.js';
import { hostOf, pathOf } from '../../routing/match.js';
import { versionsOf } from '../../routing/versions.js';
import { versionObject } from '../names.js';
import { KINDS } from '../object.js';
import type { KubeObject } from '../object.js';
import { cookieIn } from './cookie-pattern.js';
import { isOwnRule, rulesOf } from './merge-route.js';
import type { AnyRule } from './merge-route.js';
import { liveSplit, targetsOf } from './read-route.js';
import { remainsOf } from './route-notes.js';
import type { RouteRecord } from './route-notes.js';
import { OWN_RULE, SPLIT_RULE } from './rules.js';

/** What stands for a destination of which no rule tells: only the Fn server knows. */
const UNKNOWN: Destination = { fn: '', source: '' };

/** Whether nobody knows where the version is. */
export function isUnknown({ source }: Destination): boolean {
  return source === '';
}

/**
 * The route with its live weights, conditions and versions; destinations are unknown where the notes of them are gone.
 * A rule that fnmesh cannot have written is left out.
 */
export function salvageRoute(object: KubeObject, app: AppName, fn: FunctionName): RouteRecord {
  const { route: noted, revision, history } = remainsOf(object);
  const own = rulesOf(object).filter(isOwnRule);
  const isSame = noted !== null && noted.app === app && noted.function === fn;
  const rest = isSame ? noted : fromRules(object, own, app, fn, history.flatMap(versionsIn));
  const asked = history.at(-1)?.after ?? null;
  const split = liveSplit(object, rest) ?? asked ?? firstSplit(Object.keys(rest.destinations));
  return { route: { ...rest, split }, revision, history };
}

const versionsIn = ({ before, after }: RouteRecord['history'][number]): string[] =>
  Object.keys({ ...before, ...after });

function fromRules(
  object: KubeObject,
  own: readonly AnyRule[],
  app: AppName,
  fn: FunctionName,
  once: readonly string[],
): Omit<Route, 'split'> {
  const pins = own.flatMap(({ name = '' }) => /^fnmesh-pin-(.+)$/.exec(name)?.[1] ?? []);
  const services = own.flatMap((rule) => targetsOf(object, rule).map(({ service }) => service));
  const known = new Map([...once, ...pins].map((version) => [versionObject(app, fn, version), version]));
  // All but long names say the version.
  const prefix = versionObject(app, fn, 'v1').slice(0, -2);
  const versionOf = (service: string): string | null => {
    const version = known.get(service) ?? (service.startsWith(prefix) ? service.slice(prefix.length) : '');
    return version !== '' && versionObject(app, fn, version) === service ? version : null;
  };
  const versions = versionsOf(
    Object.fromEntries(
      services.flatMap((service) => versionOf(service) ?? []).map((version) => [version, 0]),
    ),
  );
  const split = own.find(({ name }) => name === SPLIT_RULE) ?? own[0];
  return {
    app,
    function: fn,
    host: hostIn(object) ?? hostOf(app),
    path: (split && pathIn(split)) ?? pathOf(app, fn),
    rules: own.flatMap((rule): Rule[] => {
      if (!rule.name?.startsWith(`${OWN_RULE}rule-`)) return [];
      const [when, [target]] = [conditionIn(rule), targetsOf(object, rule)];
      const version = target === undefined ? null : versionOf(target.service);
      return when === null || version === null ? [] : [{ when, version }];
    }),
    destinations: Object.fromEntries(versions.map((version) => [version, UNKNOWN])),
  };
}

function hostIn({ kind, spec }: KubeObject): string | undefined {
  const { hosts, hostnames } = (spec ?? {}) as { hosts?: string[]; hostnames?: string[] };
  return (kind === KINDS.HTTPRoute.kind ? hostnames : hosts)?.[0];
}

/** A rule in either API's words. */
type Matched = AnyRule & {
  match?: { uri?: { exact?: string }; headers?: Record<string, { exact?: string; regex?: string }> }[];
  matches?: { path?: { value?: string }; headers?: { type?: string; name: string; value: string }[] }[];
};

function pathIn(rule: Matched): string | undefined {
  return rule.match?.[0]?.uri?.exact ?? rule.matches?.[0]?.path?.value;
}

function conditionIn(rule: Matched): Rule['when'] | null {
  const [istio] = Object.entries(rule.match?.[0]?.headers ?? {});
  const gateway = rule.matches?.[0]?.headers?.[0];
  const header = istio?.[0] ?? gateway?.name;
  const isPattern = gateway?.type === 'RegularExpression';
  const pattern = istio?.[1].regex ?? (isPattern ? gateway.value : undefined);
  if (pattern !== undefined) return cookieIn(pattern);
  const equals = istio?.[1].exact ?? gateway?.value;
  return header === undefined || equals === undefined ? null : { header, equals };
}
