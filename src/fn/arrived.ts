// Whether what is on an Fn server is what a create sent whose answer was lost. Pure.
import { isDeepStrictEqual } from 'node:util';
import type { Annotations, App, Fn, Trigger } from './model.js';
import { isServers } from './sendable.js';

/** A body of a POST, as `sendable.ts` makes them. */
type Spec = { name: string; config?: Record<string, string>; annotations?: Annotations };

/**
 * The keys in which what is there differs from what was sent; none: it is what the request made. What was not sent is
 * a default of the server's and does not count, except config and annotations.
 */
export function differencesFrom(sent: Spec, there: App | Fn | Trigger): string[] {
  const found = there as Record<string, unknown> & Spec;
  const { config = {}, annotations = {}, ...rest } = sent;
  return [
    ...Object.entries<unknown>(rest).flatMap(([key, value]) =>
      // For a limit 0 means the default, for a text '' means none.
      value === 0 || value === '' || isDeepStrictEqual(found[key], value) ? [] : [key],
    ),
    ...(isDeepStrictEqual(found.config ?? {}, config) ? [] : ['config']),
    ...(isDeepStrictEqual(own(found.annotations), own(annotations)) ? [] : ['annotations']),
  ];
}

function own(annotations: Annotations = {}): Annotations {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !isServers(key)));
}
