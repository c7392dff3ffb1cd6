// What a route object's annotations say: what its rules do not tell of the route, and its history.
import { FnmeshError } from '../../errors.js';
import type { Change } from '../../router/router.js';
import type { Destination, FunctionName, Route, Rule, Split, VersionName } from '../../routing/route.js';
import { versionsOf } from '../../routing/versions.js';
import { ANNOTATIONS } from '../names.js';
import { objectName } from '../object.js';
import type { KubeObject } from '../object.js';

/** A route with the number of its last change and its part of the last changes, oldest first. */
export type RouteRecord = { route: Route; revision: number; history: readonly Change[] };

/** A route without its weights, which are in the rules. */
export type RouteNotes = { route: Omit<Route, 'split'>; revision: number; history: Change[] };

/** How many changes are kept. */
const MOST_CHANGES = 20;
/**
 * How many bytes the annotations may have. Kubernetes takes 256 KiB for all annotations of an object
 * (apimachinery, validation.TotalAnnotationSizeLimitB); a part is left for those of others.
 */
const MOST_BYTES = 192 * 1024;

/**
 * The annotations for a route object, the same for the same record byte for byte. The oldest changes are left out
 * when they are too many or too long.
 * @throws FnmeshError `config` when the route and its last change alone are too long.
 */
export function annotationsOf({ route, revision, history }: RouteRecord): Record<string, string> {
  const notes = JSON.stringify(plainRoute(route));
  const room = MOST_BYTES - bytes(notes);
  const changes: string[] = [];
  let used = 0;
  for (const change of history.slice(-MOST_CHANGES).reverse()) {
    const text = JSON.stringify(plainChange(change, route.function));
    used += bytes(text) + 1;
    if (used > room && changes.length > 0) break;
    changes.unshift(text);
  }
  if (used > room && changes.length <= 1) {
    const { app, function: fn, destinations } = route;
    const versions = Object.keys(destinations).length;
    const size = Math.ceil((bytes(notes) + used) / 1024);
    throw new FnmeshError(
      'config',
      `${app}/${fn}: ${versions} versions and the last change need ${size} KiB of notes, and an object takes ${MOST_BYTES / 1024}`,
      {
        try: 'remove old versions, or use a shorter --message',
      },
    );
  }
  return {
    [ANNOTATIONS.route]: notes,
    [ANNOTATIONS.revision]: String(revision),
    [ANNOTATIONS.history]: `[${changes.join(',')}]`,
  };
}

/**
 * Reads the annotations of a route object again.
 * @throws FnmeshError `config` naming the object when they are missing or not fnmesh's.
 */
export function notesOf(object: KubeObject): RouteNotes {
  const annotations = object.metadata.annotations ?? {};
  const parse = (name: string): unknown => {
    const text = annotations[name];
    if (text === undefined) throw unreadable(object, `annotation ${name} is missing`);
    try {
      return JSON.parse(text);
    } catch {
      throw unreadable(object, `annotation ${name} is not JSON`);
    }
  };
  const route = parse(ANNOTATIONS.route);
  if (!isRoute(route)) throw unreadable(object, `annotation ${ANNOTATIONS.route} describes no route`);
  const revision = parse(ANNOTATIONS.revision);
  if (!isNumber(revision)) throw unreadable(object, `annotation ${ANNOTATIONS.revision} is no number`);
  const history = parse(ANNOTATIONS.history);
  if (!isList(history, isChange))
    throw unreadable(object, `annotation ${ANNOTATIONS.history} is no list of changes`);
  return { route, revision, history };
}

/** The error for a route object that does not say what it should, with the way out. */
export function unreadable(object: KubeObject, problem: string): FnmeshError {
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

/** Only what the change did to this function: the others' objects have the rest. */
function plainChange(change: Change, name: FunctionName): Change {
  const { number, at, verb, by, message, undoes, to, functions } = change;
  return {
    number,
    at,
    verb,
    by,
    ...(message !== undefined && { message }),
    ...(undoes !== undefined && { undoes }),
    ...(to !== undefined && { to }),
    functions: functions
      .filter((row) => row.function === name)
      .map(({ before, after }) => ({ function: name, before: sorted(before), after: sorted(after) })),
  };
}

function sorted(split: Split | null): Split | null {
  return split === null ? null : byVersion(split, (points) => points);
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
const isNumber = (value: unknown): value is number => Number.isSafeInteger(value);
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

function isChange(value: unknown): value is Change {
  return (
    isFields(value) &&
    isNumber(value.number) &&
    [value.at, value.verb, value.by].every(isText) &&
    isOptional(value.message, isText) &&
    isOptional(value.undoes, isNumber) &&
    isOptional(value.to, isNumber) &&
    Array.isArray(value.functions) &&
    value.functions.every(
      (row) => isFields(row) && isText(row.function) && [row.before, row.after].every(isSplitOrNull),
    )
  );
}

function isSplitOrNull(value: unknown): boolean {
  return value === null || (isFields(value) && Object.values(value).every(isNumber));
}
