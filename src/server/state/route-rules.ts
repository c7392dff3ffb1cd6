// What a write of routes may hold. The control socket hands on whatever it was sent, so everything is checked here.
import { isWord, isTooLong } from '../../fn/rules.js';
import { FnmeshError } from '../../errors.js';
import { isHost } from '../../routing/match.js';
import { WHOLE, type Destination, type Route, type Rule } from '../../routing/route.js';
import { isFunctionName, isVersionName } from '../../routing/versions.js';
import type { Reason, RouteChange } from '../../router/router.js';

const VERBS = ['shift', 'undo', 'deploy', 'wire', 'destroy'];
const LONGEST_TEXT = 4096;
const LONGEST_URL = 2048;
/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

type Unknown = Record<string, unknown>;

/** A write that keeps the rules, with nothing in it that does not belong there. */
export type CheckedWrite = { app: string; changes: RouteChange[]; reason: Reason };

/**
 * Checks a write of routes: names, host, path, rules, a split that sums to 10 000 with a destination for each
 * version, one app, no function twice.
 * @throws FnmeshError `usage` with the first thing that is wrong.
 */
export function checkWrite(changes: unknown, reason: unknown): CheckedWrite {
  if (!Array.isArray(changes) || changes.length === 0)
    throw wrong('changes: must be a list with at least one route');
  const checked = changes.map((change, index) => checkChange(change, `changes[${index}]`));
  const [first] = checked.map(placeOf);
  const seen = new Set<string>();
  for (const { app, function: name } of checked.map(placeOf)) {
    if (app !== first!.app)
      throw wrong(`one write cannot change ${first!.app} and ${app}: routes of one app only`);
    if (seen.has(name)) throw wrong(`${name} is in this write twice`);
    seen.add(name);
  }
  return { app: first!.app, changes: checked, reason: checkReason(reason) };
}

/** The app and function that a change is about. */
export function placeOf(change: RouteChange): { app: string; function: string } {
  return change.kind === 'put' ? change.route : change;
}

function checkChange(value: unknown, at: string): RouteChange {
  const { kind, route, app, function: name, ifRevision } = object(value, at);
  const isNumber = Number.isSafeInteger(ifRevision) && (ifRevision as number) > 0;
  if (kind === 'put') {
    if (!isNumber && ifRevision !== null) throw wrong(`${at}.ifRevision: must be a revision or null`);
    return { kind, route: checkRoute(route, `${at}.route`), ifRevision: ifRevision as number | null };
  }
  if (kind !== 'remove') throw wrong(`${at}.kind: must be put or remove`);
  if (!isNumber) throw wrong(`${at}.ifRevision: must be a revision`);
  return { kind, ...checkNames(app, name, at), ifRevision: ifRevision as number };
}

function checkNames(app: unknown, name: unknown, at: string): { app: string; function: string } {
  if (typeof app !== 'string' || !isWord(app) || isTooLong(app)) {
    throw wrong(`${at}.app: ${show(app)} is no app's name`);
  }
  // A function that has its app's name may have any name that an app may have and a response header can carry.
  if (typeof name !== 'string' || (name !== app && !isFunctionName(name)) || !/^[!-~]+$/.test(name)) {
    throw wrong(`${at}.function: ${show(name)} is no function's name`);
  }
  return { app, function: name };
}

function checkRoute(value: unknown, at: string): Route {
  const { app, function: name, host, path, rules, split, destinations } = object(value, at);
  const names = checkNames(app, name, at);
  if (typeof host !== 'string' || !isHost(host)) {
    throw wrong(`${at}.host: ${show(host)} is no host name`);
  }
  if (typeof path !== 'string' || !/^\/[!-"$->@-~]*$/.test(path) || path.length > 1024) {
    throw wrong(`${at}.path: ${show(path)} is no path; it starts with / and has no spaces, ? or #`);
  }
  const weights = checkSplit(split, `${at}.split`);
  if (!Array.isArray(rules)) throw wrong(`${at}.rules: must be a list`);
  return {
    ...names,
    host,
    path,
    rules: rules.map((rule, index) => checkRule(rule, weights, `${at}.rules[${index}]`)),
    split: weights,
    destinations: checkDestinations(destinations, weights, `${at}.destinations`),
  };
}

function checkSplit(value: unknown, at: string): Record<string, number> {
  const entries = Object.entries(object(value, at));
  let sum = 0;
  for (const [version, weight] of entries) {
    if (!isVersionName(version)) throw wrong(`${at}: ${show(version)} is no version's name`);
    if (!Number.isInteger(weight) || (weight as number) < 0 || (weight as number) > WHOLE) {
      throw wrong(`${at}.${version}: ${show(weight)} is no weight; it is a whole number from 0 to ${WHOLE}`);
    }
    sum += weight as number;
  }
  if (sum !== WHOLE) throw wrong(`${at}: sums to ${sum}, not to ${WHOLE}`);
  return Object.fromEntries(entries) as Record<string, number>;
}

function checkRule(value: unknown, split: Record<string, number>, at: string): Rule {
  const { when, version } = object(value, at);
  const { header, cookie, equals } = object(when, `${at}.when`);
  if (typeof version !== 'string' || !Object.hasOwn(split, version)) {
    throw wrong(`${at}.version: ${show(version)} is not in the split`);
  }
  const name = header ?? cookie;
  if ((header === undefined) === (cookie === undefined) || typeof name !== 'string' || !TOKEN.test(name)) {
    throw wrong(`${at}.when: names either one header or one cookie`);
  }
  if (typeof equals !== 'string' || equals.length > LONGEST_TEXT)
    throw wrong(`${at}.when.equals: must be text`);
  return { when: header === undefined ? { cookie: name, equals } : { header: name, equals }, version };
}

function checkDestinations(
  value: unknown,
  split: Record<string, number>,
  at: string,
): Record<string, Destination> {
  const entries = Object.entries(object(value, at));
  const missing = Object.keys(split).find((version) => !entries.some(([key]) => key === version));
  if (missing !== undefined) throw wrong(`${at}: ${missing} has no destination`);
  return Object.fromEntries(
    entries.map(([version, destination]) => {
      if (!Object.hasOwn(split, version)) throw wrong(`${at}: ${show(version)} is not in the split`);
      const { fn, source, endpoint } = object(destination, `${at}.${version}`);
      if (typeof fn !== 'string' || fn === '') throw wrong(`${at}.${version}.fn: must be a fn's name`);
      if (typeof source !== 'string' || !source.startsWith('/')) {
        throw wrong(`${at}.${version}.source: must start with /`);
      }
      if (endpoint === undefined) return [version, { fn, source }];
      if (typeof endpoint !== 'string' || !isEndpoint(endpoint)) {
        throw wrong(
          `${at}.${version}.endpoint: ${show(endpoint)} is no http(s) URL in its normal form, without user, query and #`,
        );
      }
      return [version, { fn, source, endpoint }];
    }),
  );
}

/** A URL that every reader takes apart in the same way (WHATWG URL, as it is serialised). */
function isEndpoint(text: string): boolean {
  if (text.length > LONGEST_URL || /[?#]/.test(text) || !URL.canParse(text)) return false;
  const url = new URL(text);
  return /^https?:$/.test(url.protocol) && url.username + url.password === '' && url.href === text;
}

function checkReason(value: unknown): Reason {
  const { verb, by, message, undoes, to } = object(value, 'reason');
  if (typeof verb !== 'string' || !VERBS.includes(verb))
    throw wrong(`reason.verb: must be one of ${VERBS.join(', ')}`);
  if (typeof by !== 'string' || by === '' || by.length > LONGEST_TEXT) throw wrong('reason.by: must be text');
  if (message !== undefined && (typeof message !== 'string' || message.length > LONGEST_TEXT)) {
    throw wrong(`reason.message: must be text of ${LONGEST_TEXT} characters at most`);
  }
  for (const [key, number] of Object.entries({ undoes, to })) {
    if (number !== undefined && !Number.isSafeInteger(number))
      throw wrong(`reason.${key}: must be a change's number`);
  }
  return {
    verb: verb as Reason['verb'],
    by,
    ...(message !== undefined && { message }),
    ...(undoes !== undefined && { undoes: undoes as number }),
    ...(to !== undefined && { to: to as number }),
  };
}

function object(value: unknown, at: string): Unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(`${at}: must be an object`);
  return value as Unknown;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function wrong(message: string): FnmeshError {
  return new FnmeshError('usage', message);
}
