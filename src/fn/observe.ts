// What is on the Fn server.
import type { FnServer } from './fn-server.js';
import type { App, Fn, Trigger } from './model.js';
import type { VersionNotes } from './notes.js';
import { readNotes } from './notes.js';
import type { KeptRelease } from './releases.js';
import { keptRelease, LOCK_NAME } from './releases.js';

/** An fn with its triggers, and what fnmesh noted of it; `notes` null: somebody else's. */
export type ObservedFn = { fn: Fn; triggers: Trigger[]; notes: VersionNotes | null };

/**
 * An app as the server has it; `app` null: there is none. Ordered by fn name. `releases`: earlier ones that are kept.
 * `locked`: a deploy changes it just now, or was broken off.
 */
export type Observed = { app: App | null; fns: ObservedFn[]; releases: KeptRelease[]; locked?: true };

/** What a server has that is not running yet. */
export const NOTHING: Observed = { app: null, fns: [], releases: [] };

/**
 * Reads an app with all its fns and triggers.
 * @throws FnmeshError as FnServer does.
 */
export async function observe(server: FnServer, appName: string): Promise<Observed> {
  const app = await server.app(appName);
  if (app === undefined) return NOTHING;
  const [fns, triggers] = await Promise.all([server.fns(app.id), server.triggers(app.id)]);
  const byFn = new Map<string, Trigger[]>();
  for (const trigger of triggers) byFn.set(trigger.fn_id, [...(byFn.get(trigger.fn_id) ?? []), trigger]);
  const found: Observed = { app, fns: [], releases: [] };
  for (const fn of fns) {
    const own = byFn.get(fn.id) ?? [];
    const release = own.length === 0 ? keptRelease(fn) : undefined;
    if (release !== undefined) found.releases.push(release);
    else if (fn.name === LOCK_NAME) found.locked = true;
    else found.fns.push(observed(fn, own));
  }
  return found;
}

/** An fn with its triggers, read apart. */
export function observed(fn: Fn, triggers: Trigger[]): ObservedFn {
  return { fn, triggers, notes: readNotes(fn, triggers) };
}
