// Which of a version's triggers counts, by fnmesh's notes on them.
import { NOTE_BUILD, NOTE_FUNCTION, type Trigger } from './model.js';

/** The trigger that a version's route leads to, or undefined. */
export function firstTrigger(triggers: readonly Trigger[]): Trigger | undefined {
  const own = triggers.filter(({ annotations }) => annotations?.[NOTE_FUNCTION] !== undefined);
  return own.find(({ annotations }) => annotations?.[NOTE_BUILD] !== undefined) ?? own[0];
}
