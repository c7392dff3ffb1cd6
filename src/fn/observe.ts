// What is on the Fn server.
import type { FnServer } from './fn-server.js';
import type { App, Fn, Trigger } from './model.js';
import type { VersionNotes } from './notes.js';
import { readNotes } from './notes.js';

/** An fn with its triggers, and what fnmesh noted of it; `notes` null: somebody else's. */
export type ObservedFn = { fn: Fn; triggers: Trigger[]; notes: VersionNotes | null };

/** An app as the server has it; `app` null: there is none. Ordered by fn name. */
export type Observed = { app: App | null; fns: ObservedFn[] };

/** What a server has that is not running yet. */
export const NOTHING: Observed = { app: null, fns: [] };

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
  return { app, fns: fns.map((fn) => observed(fn, byFn.get(fn.id) ?? [])) };
}

/** An fn with its triggers, read apart. */
export function observed(fn: Fn, triggers: Trigger[]): ObservedFn {
  return { fn, triggers, notes: readNotes(fn, triggers) };
}
