// Desired against observed: what a deploy will do, as data. Pure.
import type { AppChange, FnSpec } from '../fn/fn-server.js';
import type { App, FnChange } from '../fn/model.js';
import type { BasisPoints } from '../routing/route.js';
import type { DesiredApp, DesiredVersion, Limit } from './desired.js';
import { DEFAULT_LIMITS } from './desired.js';
import type { FieldChange } from './diff.js';
import { diffAnnotations, diffMap, isEmpty } from './diff.js';
import type { PutKeys } from '../fn/notes.js';
import { putAnnotations, readPut, versionAnnotations } from '../fn/notes.js';
import type { ObservedFn } from '../fn/observe.js';
import type { TriggerPlan } from './plan-triggers.js';
import { planTriggers } from './plan-triggers.js';

/** What happens to something that is wanted. */
export type Action = 'create' | 'update' | 'unchanged';

/** What happens to the app. `body` is what is sent. */
export type AppPlan = { name: string; action: Action; changes: FieldChange[]; body: AppChange };

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
  cannotRun?: string;
};

/** What happens to the app. */
export function planApp(desired: DesiredApp, observed: App | null): AppPlan {
  const { name } = desired;
  const notes = putAnnotations({
    config: Object.keys(desired.config),
    annotations: Object.keys(desired.annotations),
    limits: [],
  });
  const put = readPut(observed?.annotations);
  const config = diffMap('config', observed?.config ?? {}, desired.config, put.config);
  const annotations = diffAnnotations(observed?.annotations ?? {}, desired.annotations, put.annotations);
  const changes = [...config.changes, ...annotations.changes];
  const body: AppChange = {};
  if (desired.syslog_url !== undefined && desired.syslog_url !== observed?.syslog_url) {
    changes.push({ field: 'syslog_url', from: observed?.syslog_url ?? null, to: desired.syslog_url });
    body.syslog_url = desired.syslog_url;
  }
  if (observed !== null && changes.length === 0) return { name, action: 'unchanged', changes, body };
  // Only with a real change: the app's annotations are part of what its processes run as.
  const gone = Object.keys(observed?.annotations ?? {}).filter(
    (key) => key.startsWith('fnmesh/') && !Object.hasOwn(notes, key),
  );
  const all = { ...Object.fromEntries(gone.map((key) => [key, ''])), ...annotations.body, ...notes };
  if (!isEmpty(config.body)) body.config = config.body;
  if (!isEmpty(all)) body.annotations = all;
  return { name, action: observed === null ? 'create' : 'update', changes, body };
}

/** What happens to a version, given what the server has under its fn's name. */
export function planVersion(
  desired: DesiredVersion,
  observed: ObservedFn | undefined,
  share: BasisPoints | null,
): VersionPlan {
  const { function: fn, version, cannotRun } = desired;
  const put: PutKeys = {
    config: Object.keys(desired.config),
    annotations: Object.keys(desired.annotations),
    limits: Object.keys(desired.limits),
  };
  const notes = versionAnnotations({ ...desired, put });
  const { changes, body } = fnChange(desired, observed);
  // Without a trigger the notes have no other place; they go along with a real change.
  if (desired.triggers.length === 0 && (observed === undefined || changes.length > 0)) {
    body.annotations = { ...body.annotations, ...notes };
  }
  const triggers = planTriggers(desired, observed?.triggers ?? [], notes);
  const same = changes.length === 0 && triggers.every(({ action }) => action === 'unchanged');
  return {
    function: fn,
    version,
    fn: desired.fn,
    fnId: observed?.fn.id ?? null,
    action: observed === undefined ? 'create' : same ? 'unchanged' : 'update',
    changes,
    body,
    triggers,
    share,
    ...(cannotRun !== undefined && { cannotRun }),
  };
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
