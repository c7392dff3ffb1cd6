// What would be on the server after a deploy: only what routes depend on. Pure.
import type { Fn, Trigger } from '../fn/model.js';
import { HTTP_ENDPOINT } from '../fn/model.js';
import type { DesiredVersion } from './desired.js';
import { versionAnnotations } from '../fn/notes.js';
import type { Observed, ObservedFn } from '../fn/observe.js';
import { observed } from '../fn/observe.js';

/** The server's fns with the desired ones in place of, or besides, what is there. */
export function afterwards(before: Observed, desired: readonly DesiredVersion[]): Observed {
  const names = new Set(desired.map(({ fn }) => fn));
  const kept = before.fns.filter(({ fn }) => !names.has(fn.name));
  return {
    app: before.app,
    fns: [...kept, ...desired.map((version) => asObserved(version, triggerBase(before)))],
    releases: before.releases,
  };
}

function asObserved(version: DesiredVersion, base: string | undefined): ObservedFn {
  const stamps = { created_at: '', updated_at: '' };
  const fn: Fn = {
    ...stamps,
    id: '',
    name: version.fn,
    app_id: '',
    image: version.image ?? '',
    memory: 0,
    timeout: 0,
    idle_timeout: 0,
    config: {},
  };
  const put = { config: [], annotations: [], limits: [] };
  const [first] = version.triggers;
  const notes = { ...version, put, image: undefined };
  if (first === undefined) return { fn, triggers: [], notes };
  const annotations = versionAnnotations(notes);
  if (base !== undefined) annotations[HTTP_ENDPOINT] = base + first.source;
  const trigger: Trigger = { ...stamps, ...first, id: '', app_id: '', fn_id: '', type: 'http', annotations };
  return observed(fn, [trigger]);
}

/** What stands before the sources of the app's triggers in their URLs; a server that has none does not tell. */
function triggerBase({ fns }: Observed): string | undefined {
  for (const { source, annotations } of fns.flatMap(({ triggers }) => triggers)) {
    const endpoint = annotations?.[HTTP_ENDPOINT];
    if (typeof endpoint === 'string' && endpoint.endsWith(source)) return endpoint.slice(0, -source.length);
  }
  return undefined;
}
