// What happens to a version's triggers. Pure.
import type { Annotations, Trigger } from '../fn/model.js';
import { NOTE_FUNCTION } from '../fn/model.js';
import type { DesiredVersion } from './desired.js';
import { diffNotes } from './diff.js';
import { memberAnnotations } from '../fn/notes.js';

/** What happens to one trigger. `remove`: fnmesh had made it, and func.yaml names it no more. */
export type TriggerPlan = {
  name: string;
  source: string;
  /** null: it is not there yet. */
  id: string | null;
  action: 'create' | 'update' | 'remove' | 'unchanged';
  /** The source that it has now, where that changes. */
  from?: string;
  /** What is sent of its annotations. */
  annotations: Annotations;
};

/** What happens to the triggers of an fn; the first desired one carries the version's notes. */
export function planTriggers(
  desired: DesiredVersion,
  observed: readonly Trigger[],
  notes: Annotations,
): TriggerPlan[] {
  const wanted = desired.triggers.map(({ name, source }, index): TriggerPlan => {
    const after = index === 0 ? notes : memberAnnotations(desired);
    const there = observed.find((trigger) => trigger.name === name);
    if (there === undefined) return { name, source, id: null, action: 'create', annotations: after };
    const annotations = diffNotes(there.annotations, after);
    const moved = there.source !== source;
    return {
      name,
      source,
      id: there.id,
      action: moved || annotations !== null ? 'update' : 'unchanged',
      ...(moved && { from: there.source }),
      annotations: annotations ?? {},
    };
  });
  const names = new Set(desired.triggers.map(({ name }) => name));
  const gone = observed.filter(
    (trigger) => !names.has(trigger.name) && trigger.annotations?.[NOTE_FUNCTION] !== undefined,
  );
  return [
    ...wanted,
    ...gone.map(({ name, source, id }): TriggerPlan => ({
      name,
      source,
      id,
      action: 'remove',
      annotations: {},
    })),
  ];
}
