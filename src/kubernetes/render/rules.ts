// What the rules of a route object say, before they are put into the words of one API.
import { FnmeshError } from '../../errors.js';
import { WHOLE } from '../../routing/route.js';
import type { BasisPoints, Route, Rule, Split, VersionName } from '../../routing/route.js';
import { versionsOf } from '../../routing/versions.js';
import { ROUTE_HEADER, VERSION_HEADER, versionObject } from '../names.js';
import type { Site } from '../site.js';
import { cookiePattern, isCookie } from './cookie-pattern.js';
import { upstreamOf } from './upstream.js';

/** How the name of every rule starts that fnmesh makes. */
export const OWN_RULE = 'fnmesh-';
/** The rule that divides what no other catches. */
export const SPLIT_RULE = 'fnmesh-split';
/**
 * How long a request may take, in seconds: above Fn's longest function timeout (300 s), so that a function's own
 * limit is what ends it.
 */
export const TIMEOUT_SECONDS = 330;

/** A header that a request must have: with exactly this value, or one that the whole of this RE2 pattern matches. */
export type HeaderMatch = { name: string; exact: string } | { name: string; pattern: string };

/** Where a part of the requests goes. */
export type WeightedVersion = {
  version: VersionName;
  /** The name of its Service, in the site's namespace. */
  service: string;
  /** Its share of the sum of all. */
  weight: number;
  /** Request headers that are set, whatever the client sent under these names. */
  set: Readonly<Record<string, string>>;
};

/** One rule on the route's path; `header` null: every request. */
export type PathRule = { name: string; header: HeaderMatch | null; versions: WeightedVersion[] };

/**
 * The rules of a function in the order in which they are tried: a pin for each version, the route's rules, the split.
 * @throws FnmeshError `config` for a condition that no header can meet, or a version that a shared proxy cannot reach.
 */
export function rulesOf(site: Site, route: Route): PathRule[] {
  const to = (version: VersionName, weight: number): WeightedVersion => ({
    version,
    service: versionObject(route.app, route.function, version),
    weight,
    set: site.proxy === 'shared' ? { [ROUTE_HEADER]: routeHeader(site, route, version) } : {},
  });
  const weights = weightsOf(route.split);
  return [
    ...versionsOf(route.split).flatMap((version) => {
      const exact = pinValue(site, version);
      if (exact === null) return [];
      return [
        {
          name: `${OWN_RULE}pin-${version}`,
          header: { name: VERSION_HEADER, exact },
          versions: [to(version, 100)],
        },
      ];
    }),
    // A rule to a version that the route does not have is passed over, as by the embedded gateway.
    ...route.rules.flatMap((rule, index) => {
      if (!Object.hasOwn(route.split, rule.version)) return [];
      const name = `${OWN_RULE}rule-${index + 1}`;
      return [{ name, header: headerMatch(route, rule), versions: [to(rule.version, 100)] }];
    }),
    {
      name: SPLIT_RULE,
      header: null,
      versions: versionsOf(route.split).map((version) => to(version, weights[version]!)),
    },
  ];
}

/** The value of `Fnmesh-Version` that asks for the version; null where requests cannot be pinned. */
function pinValue({ pin }: Pick<Site, 'pin'>, version: VersionName): string | null {
  if (pin.kind === 'off') return null;
  return pin.kind === 'on' ? version : `${version}.${pin.secret}`;
}

/** Percent when all are whole percents, for those who read the object; else basis points. */
function weightsOf(split: Split): Record<VersionName, BasisPoints> {
  const unit = Object.values(split).every((points) => points % (WHOLE / 100) === 0) ? WHOLE / 100 : 1;
  return Object.fromEntries(Object.entries(split).map(([version, points]) => [version, points / unit]));
}

/** RFC 9110, 5.6.2: token. */
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}$/;
/** RFC 9110, 5.5: field-content, ASCII only, for others are not told apart in the same way everywhere. */
const HEADER_VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;

function headerMatch(route: Route, { when, version }: Rule): HeaderMatch {
  if ('header' in when) {
    const { header, equals } = when;
    if (HEADER_NAME.test(header) && HEADER_VALUE.test(equals)) return { name: header, exact: equals };
    throw refused(
      route,
      version,
      `no request has a header ${JSON.stringify(header)} of ${JSON.stringify(equals)}`,
    );
  }
  const { cookie, equals } = when;
  if (isCookie(cookie, equals)) return { name: 'Cookie', pattern: cookiePattern(cookie, equals) };
  throw refused(
    route,
    version,
    `no request has a cookie ${JSON.stringify(cookie)} of ${JSON.stringify(equals)}`,
  );
}

function refused(route: Route, version: VersionName, problem: string): FnmeshError {
  return new FnmeshError(
    'config',
    `${route.app}/${route.function}: a rule for ${version} can match nothing: ${problem}`,
    {
      try: 'use a name of letters, digits and dashes, and a value of visible ASCII characters',
    },
  );
}

/**
 * The value of ROUTE_HEADER that tells a shared proxy which version answers, and where: `cart/v2 t/shop/cart/v2`.
 * @throws FnmeshError `config` when the version's trigger is unknown, or no path that a proxy takes; see upstreamOf.
 */
export function routeHeader(site: Site, route: Route, version: VersionName): string {
  const { app, function: fn, destinations } = route;
  const { route: path } = upstreamOf(destinations[version]?.endpoint, `${app}/${fn}/${version}`, site);
  return `${fn}/${version} ${path.slice(1)}`;
}
