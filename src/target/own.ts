// What fnmesh.yaml says of one target.
import { FnmeshError } from '../errors.js';
import { nearest } from '../routing/near.js';
import type { Settings, TargetSettings } from './settings.js';
import { LOCAL, type Setting } from './target.js';

/**
 * What a target says of itself, else what stands at fnmesh.yaml's top, else null. A target's env files take the
 * place of the top's. `local` cannot be in the file: for it the top alone counts.
 * @throws FnmeshError for an unknown name: `not_found` when it was `named` by a flag or variable, else `config`.
 */
export function ownSettings(
  name: Setting<string>,
  named: boolean,
  settings: Settings | null,
): TargetSettings {
  const targets = settings?.targets ?? {};
  const target = Object.hasOwn(targets, name.value) ? targets[name.value] : undefined;
  if (target === undefined && name.value !== LOCAL) throw unknown(name, named, Object.keys(targets));
  return {
    fn: target?.fn ?? { api: null, invoke: null, token: null },
    registry: target?.registry ?? settings?.registry ?? null,
    env: target?.env ?? settings?.env ?? null,
    probe: target?.probe ?? settings?.probe ?? null,
    platform: target?.platform ?? settings?.platform ?? null,
    gateway: target?.gateway ?? settings?.gateway ?? null,
    cluster: target?.cluster ?? null,
  };
}

function unknown(name: Setting<string>, named: boolean, others: readonly string[]): FnmeshError {
  const known = [LOCAL, ...others];
  const near = nearest(name.value, known);
  const hint = near.length === 0 ? '' : ` (did you mean ${near.join(' or ')}?)`;
  return new FnmeshError(
    named ? 'not_found' : 'config',
    `${name.from}: there is no target ${JSON.stringify(name.value)}${hint}; there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}`,
    { try: `--target ${near[0] ?? LOCAL}, or add it to targets in fnmesh.yaml` },
  );
}
