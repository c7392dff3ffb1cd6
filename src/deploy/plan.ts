// Desired against observed: what a deploy will do, as data. Pure.
import type { AppChange, FnSpec } from '../fn/fn-server.js';
import type { Annotations, App, FnChange } from '../fn/model.js';
import { withoutLogin } from '../fn/login.js';
import { NOTE_FUNCTION } from '../fn/model.js';
import type { DeployStamp, KeptRelease, Release } from '../fn/releases.js';
import { isUnnoted } from '../fn/releases.js';
import type { BasisPoints } from '../routing/route.js';
import type { DesiredApp, DesiredVersion, Limit } from './desired.js';
import { DEFAULT_LIMITS } from './desired.js';
import type { FieldChange } from './diff.js';
import { diffAnnotations, diffMap, isEmpty, withoutSecrets } from './diff.js';
import type { PutKeys, VersionNotes } from '../fn/notes.js';
import { isReserved, putAnnotations, readPut, versionAnnotations } from '../fn/notes.js';
import type { ObservedFn } from '../fn/observe.js';
import type { TriggerPlan } from './plan-triggers.js';
import { planTriggers } from './plan-triggers.js';

/** What happens to something that is wanted. */
export type Action = 'create' | 'update' | 'unchanged';

/** What happens to the app. `body` is what is sent. */
export type AppPlan = {
  name: string;
  action: Action;
  changes: FieldChange[];
  body: AppChange;
  /** Keys of config and annotations that others put and that stay: `config.KEY`. */
  kept: string[];
};

/** What happens to one version. `body` is what is sent for its fn. */
export type VersionPlan = {
  function: string;
  version: string;
  fn: string;
  /** null: the fn is not there yet. */
  fnId: string | null;
  action: Action;
  changes: FieldChange[];
  body: FnChange;
  triggers: TriggerPlan[];
  /** What it serves now, in basis points: an update changes it in place. null: it is in no route. */
  share: BasisPoints | null;
  /** The number of the release that it is now, 0 before it is made, and the one that it will be. */
  release: { live: number; next: number };
  /** Keys of config and annotations that others put and that stay: `config.KEY`. */
  kept: string[];
  cannotRun?: string;
};

/** What happens to the app. */
export function planApp(desired: DesiredApp, observed: App | null): AppPlan {
  const { name, secrets = [] } = desired;
  const notes = putAnnotations({
    config: Object.keys(desired.config),
    annotations: Object.keys(desired.annotations),
    limits: [],
    secrets: [...secrets],
  });
  const put = readPut(observed?.annotations);
  const config = diffMap('config', observed?.config ?? {}, desired.config, put.config);
  const annotations = diffAnnotations(observed?.annotations ?? {}, desired.annotations, put.annotations);
  const hidden = [...secrets, ...(put.secrets ?? [])];
  const changes = withoutSecrets([...config.changes, ...annotations.changes], hidden);
  const body: AppChange = {};
  if (desired.syslog_url !== undefined && desired.syslog_url !== observed?.syslog_url) {
    const from = observed?.syslog_url ? withoutLogin(observed.syslog_url) : null;
    changes.push({ field: 'syslog_url', from, to: withoutLogin(desired.syslog_url) });
    body.syslog_url = desired.syslog_url;
  }
  const kept = observed === null ? [] : keptMaps(desired, observed, put);
  if (observed !== null && changes.length === 0) return { name, action: 'unchanged', changes, body, kept };
  // Only with a real change: the app's annotations are part of what its processes run as.
  const gone = Object.keys(observed?.annotations ?? {}).filter(
    (key) => key.startsWith('fnmesh/') && !Object.hasOwn(notes, key),
  );
  const all = { ...Object.fromEntries(gone.map((key) => [key, ''])), ...annotations.body, ...notes };
  if (!isEmpty(config.body)) body.config = config.body;
  if (!isEmpty(all)) body.annotations = all;
  return { name, action: observed === null ? 'create' : 'update', changes, body, kept };
}

/**
 * What happens to a version, given what the server has under its fn's name.
 * @param kept The earlier releases of its fn that are kept.
 * @param stamp Who deploys; it is noted with a change.
 */
export function planVersion(
  desired: DesiredVersion,
  observed: ObservedFn | undefined,
  share: BasisPoints | null,
  kept: readonly KeptRelease[] = [],
  stamp?: DeployStamp,
): VersionPlan {
  const { function: fn, version, cannotRun, image, tag } = desired;
  const { changes, body } = fnChange(desired, observed);
  const release = releaseNumbers(observed, kept, changes.length > 0);
  const noted = observed?.notes?.release;
  const note: Release | undefined =
    release.next === noted?.number ? noted : stamp && { ...stamp, number: release.next };
  const notes = versionAnnotations({
    ...desired,
    put: {
      config: Object.keys(desired.config),
      annotations: Object.keys(desired.annotations),
      limits: Object.keys(desired.limits),
      secrets: [...(desired.secrets ?? [])],
    },
    image: tag === undefined ? previousImage(desired, observed) : { ref: image ?? '', tag },
    release: note,
  });
  // Without a trigger the notes have no other place; they go along with a real change.
  if (desired.triggers.length === 0 && (observed === undefined || changes.length > 0)) {
    body.annotations = { ...body.annotations, ...notes };
  }
  const triggers = planTriggers(desired, observed?.triggers ?? [], notes);
  const same = changes.length === 0 && triggers.every(({ action }) => action === 'unchanged');
  const hidden = [...(desired.secrets ?? []), ...(observed?.notes?.put.secrets ?? [])];
  return {
    function: fn,
    version,
    fn: desired.fn,
    fnId: observed?.fn.id ?? null,
    action: observed === undefined ? 'create' : same ? 'unchanged' : 'update',
    changes: [
      ...withoutSecrets(changes, hidden),
      ...(observed === undefined ? [] : triggerChanges(triggers)),
    ],
    body,
    triggers,
    share,
    release,
    kept: observed === undefined ? [] : keptKeys(desired, observed),
    ...(cannotRun !== undefined && { cannotRun }),
  };
}

/**
 * The number of the release that an fn is, and of the one it will be. A kept copy of the present number with another
 * content shows that a deploy was broken off between the change and its note.
 */
export function releaseNumbers(
  observed: ObservedFn | undefined,
  kept: readonly KeptRelease[],
  isChanged: boolean,
): VersionPlan['release'] {
  // There are copies without their fn when others removed it.
  const newest = Math.max(0, ...kept.map(({ number }) => number));
  if (observed === undefined) return { live: 0, next: newest + 1 };
  const noted = observed.notes?.release?.number;
  const live = noted === undefined || isUnnoted(observed.fn, noted, kept) ? newest + 1 : noted;
  return { live, next: isChanged ? Math.max(live, newest) + 1 : live };
}

/** Without a new tag the image is as it was; so is what was noted of it. */
function previousImage(desired: DesiredVersion, observed: ObservedFn | undefined): VersionNotes['image'] {
  const image = observed?.notes?.image;
  return image?.ref === desired.image ? image : undefined;
}

/** What stays although the folder does not name it, since fnmesh did not put it. */
function keptKeys(desired: DesiredVersion, { fn, triggers, notes }: ObservedFn): string[] {
  const names = new Set(desired.triggers.map(({ name }) => name));
  const theirs = triggers.filter(
    ({ name, annotations }) => !names.has(name) && annotations?.[NOTE_FUNCTION] === undefined,
  );
  return [...keptMaps(desired, fn, notes?.put), ...theirs.map(({ name }) => `trigger.${name}`)];
}

type Maps = { config?: Record<string, string>; annotations?: Annotations };

function keptMaps(
  desired: Required<Maps>,
  observed: Maps,
  put: PutKeys = { config: [], annotations: [], limits: [] },
): string[] {
  return (['config', 'annotations'] as const).flatMap((name) =>
    Object.keys(observed[name] ?? {})
      .filter((key) => !Object.hasOwn(desired[name], key) && !put[name].includes(key) && !isReserved(key))
      .map((key) => `${name}.${key}`),
  );
}

/** What changes of the triggers of an fn that is there: their sources. */
function triggerChanges(triggers: readonly TriggerPlan[]): FieldChange[] {
  return triggers.flatMap(({ name, source, action, from }): FieldChange[] => {
    const field = `trigger.${name}`;
    if (action === 'create') return [{ field, from: null, to: source }];
    if (action === 'remove') return [{ field, from: source, to: null }];
    return from === undefined ? [] : [{ field, from, to: source }];
  });
}

/** What creates the fn of a plan. */
export function fnSpec(plan: VersionPlan, appId: string, image: string): FnSpec {
  return { ...plan.body, app_id: appId, name: plan.fn, image };
}

function fnChange(
  desired: DesiredVersion,
  observed: ObservedFn | undefined,
): { changes: FieldChange[]; body: FnChange } {
  const fn = observed?.fn;
  const put = observed?.notes?.put ?? { config: [], annotations: [], limits: [] };
  const changes: FieldChange[] = [];
  const body: FnChange = {};
  const built = `build ${desired.hash.slice(0, 12)}`;
  if (desired.image === null ? observed?.notes?.hash !== desired.hash : fn?.image !== desired.image) {
    changes.push({ field: 'image', from: fn?.image ?? null, to: desired.image ?? built });
    if (desired.image !== null) body.image = desired.image;
  }
  for (const name of Object.keys(DEFAULT_LIMITS) as Limit[]) {
    const to = desired.limits[name] ?? (put.limits.includes(name) ? DEFAULT_LIMITS[name] : undefined);
    if (to === undefined || to === fn?.[name]) continue;
    changes.push({ field: name, from: fn?.[name] ?? null, to });
    body[name] = to;
  }
  const config = diffMap('config', fn?.config ?? {}, desired.config, put.config);
  const annotations = diffAnnotations(fn?.annotations ?? {}, desired.annotations, put.annotations);
  if (!isEmpty(config.body)) body.config = config.body;
  if (!isEmpty(annotations.body)) body.annotations = annotations.body;
  return { changes: [...changes, ...config.changes, ...annotations.changes], body };
}
