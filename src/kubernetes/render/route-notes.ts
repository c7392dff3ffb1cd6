// What a route object's annotations say: what its rules do not tell of the route, and its history.
import { FnmeshError } from '../../errors.js';
import type { Destination, Route, Rule, VersionName } from '../../routing/route.js';
import { versionsOf } from '../../routing/versions.js';
import { ANNOTATIONS } from '../names.js';
import { objectName } from '../object.js';
import type { KubeObject } from '../object.js';
import { entriesOf, KEPT_ENTRIES } from '../route-record.js';
import type { Entry } from '../route-record.js';

/** A route with the number of its last change and its part of the last changes, oldest first. */
export type RouteRecord = { route: Route; revision: number; history: readonly Entry[] };

/** A route without its weights, which are in the rules. */
export type RouteNotes = { route: Omit<Route, 'split'>; revision: number; history: Entry[] };

/**
 * How many bytes these annotations may have. Kubernetes takes 256 KiB for all annotations of an object
 * (apimachinery, validation.TotalAnnotationSizeLimitB); a part is left for others.
 */
const MOST_BYTES = 128 * 1024;

/**
 * The annotations for a route object, the same for the same record byte for byte. The oldest changes are left out
 * when they are too many or too long.
 * @throws FnmeshError `config` when the route and its last change alone are too long.
 */
export function annotationsOf({ route, revision, history }: RouteRecord): Record<string, string> {
  const notes = JSON.stringify(plainRoute(route));
  const last = history.slice(-KEPT_ENTRIES).map((entry) => JSON.stringify(entry));
  const size = () => bytes(notes) + last.reduce((sum, text) => sum + bytes(text) + 1, 2);
  while (last.length > 1 && size() > MOST_BYTES) last.shift();
  if (size() > MOST_BYTES) {
    const { app, function: fn, destinations } = route;
    const problem = `${Object.keys(destinations).length} versions need ${Math.ceil(size() / 1024)} KiB of notes`;
    throw new FnmeshError('config', `${app}/${fn}: ${problem}, and its object takes ${MOST_BYTES / 1024}`, {
      try: 'remove versions that nobody calls any more',
    });
  }
  return {
    [ANNOTATIONS.route]: notes,
    [ANNOTATIONS.revision]: String(revision),
    [ANNOTATIONS.history]: `[${last.join(',')}]`,
  };
}

/**
 * Reads the annotations of a route object again. One without a revision and a history was made by other hands from
 * what `fnmesh render` wrote: it is at revision 0.
 * @throws FnmeshError `config` naming the object when they are garbled, or do not tell the route.
 */
export function notesOf(object: KubeObject): RouteNotes {
  const annotations = object.metadata.annotations ?? {};
  const parse = (name: string, absent?: string): unknown => {
    const text = annotations[name] ?? absent;
    if (text === undefined) throw unreadable(object, `annotation ${name} is missing`);
    try {
      return JSON.parse(text);
    } catch {
      throw unreadable(object, `annotation ${name} is not JSON`);
    }
  };
  const route = parse(ANNOTATIONS.route);
  if (!isRoute(route)) throw unreadable(object, `annotation ${ANNOTATIONS.route} describes no route`);
  const revision = parse(ANNOTATIONS.revision, String(newestOf(object)));
  if (!Number.isSafeInteger(revision))
    throw unreadable(object, `annotation ${ANNOTATIONS.revision} is no number`);
  if (!Array.isArray(parse(ANNOTATIONS.history, '[]')))
    throw unreadable(object, `annotation ${ANNOTATIONS.history} is no list`);
  return { route, revision: revision as number, history: entriesOf(object) };
}

/** What is left of garbled annotations; `route` null: nothing that describes one. */
export function remainsOf(
  object: KubeObject,
): Pick<RouteNotes, 'revision' | 'history'> & { route: RouteNotes['route'] | null } {
  const { [ANNOTATIONS.route]: text = '', [ANNOTATIONS.revision]: number = '' } =
    object.metadata.annotations ?? {};
  let route: unknown = null;
  try {
    route = JSON.parse(text);
  } catch {
    // It is what somebody garbled.
  }
  const revision = /^\d{1,15}$/.test(number) ? Number(number) : newestOf(object);
  return { route: isRoute(route) ? route : null, revision, history: entriesOf(object) };
}

const newestOf = (object: KubeObject): number => entriesOf(object).at(-1)?.number ?? 0;

/** The error for a route object that does not say what it should, with the way out. */
function unreadable(object: KubeObject, problem: string): FnmeshError {
  return new FnmeshError('config', `${objectName(object)}: ${problem}; somebody else has changed it`, {
    try: 'fnmesh wire, which writes it anew',
  });
}

const bytes = (text: string) => Buffer.byteLength(text);

function plainRoute({ app, function: fn, host, path, rules, destinations }: Route): Omit<Route, 'split'> {
  return {
    app,
    function: fn,
    host,
    path,
    rules: rules.map(({ when, version }): Rule => {
      const { equals } = when;
      return {
        when: 'header' in when ? { header: when.header, equals } : { cookie: when.cookie, equals },
        version,
      };
    }),
    destinations: byVersion(destinations, ({ fn: name, source, endpoint }): Destination => ({
      fn: name,
      source,
      ...(endpoint !== undefined && { endpoint }),
    })),
  };
}

function byVersion<In, Out>(
  record: Readonly<Record<VersionName, In>>,
  map: (value: In) => Out,
): Record<VersionName, Out> {
  return Object.fromEntries(versionsOf(record).map((version) => [version, map(record[version]!)]));
}

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isOptional = (value: unknown, is: (value: unknown) => boolean) => value === undefined || is(value);

function isList<Item>(value: unknown, isItem: (item: unknown) => item is Item): value is Item[] {
  return Array.isArray(value) && value.every(isItem);
}

function isRoute(value: unknown): value is Omit<Route, 'split'> {
  return (
    isFields(value) &&
    [value.app, value.function, value.host, value.path].every(isText) &&
    isList(value.rules, isRule) &&
    isFields(value.destinations) &&
    Object.keys(value.destinations).length > 0 &&
    Object.values(value.destinations).every(isDestination)
  );
}

function isRule(value: unknown): value is Rule {
  if (!isFields(value) || !isText(value.version) || !isFields(value.when)) return false;
  const { header, cookie, equals } = value.when;
  return isText(equals) && isText(header) !== isText(cookie);
}

function isDestination(value: unknown): value is Destination {
  return isFields(value) && isText(value.fn) && isText(value.source) && isOptional(value.endpoint, isText);
}
