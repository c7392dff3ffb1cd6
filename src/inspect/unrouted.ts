import { FnmeshError } from '../errors.js';
import type { FnServer } from '../fn/fn-server.js';
import { firstTrigger } from '../fn/first-trigger.js';
import { observe } from '../fn/observe.js';

/**
 * Runs `find`, which looks a function up among the routes. Where it finds none, but the function is deployed, the
 * error says why no route leads to it.
 * @param word What the user typed: `cart`, `cart/v2`, `v2`, `cart/v2=10`.
 */
export async function orUnrouted<T>(
  server: FnServer,
  app: string,
  word: string | undefined,
  find: () => T,
): Promise<T> {
  try {
    return find();
  } catch (error) {
    const name = word?.split(/[/=]/)[0];
    if (!(error instanceof FnmeshError) || error.code !== 'not_found') throw error;
    const version = /^[^/=]+\/([^/=]+)/.exec(word ?? '')?.[1];
    const { fns } = await observe(server, app);
    const found = fns.find(
      ({ notes }) => notes?.function === name && (version === undefined || notes?.version === version),
    );
    if (!found?.notes) throw error;
    const { notes, triggers } = found;
    // Another machine may have deployed it to a server that both use.
    const unknown = 'this gateway was not told of it';
    const why = notes.cannotRun ?? (firstTrigger(triggers) ? unknown : 'it has no http trigger');
    throw new FnmeshError(
      'not_found',
      `${notes.function}/${notes.version} is deployed, but no route leads to it: ${why}`,
      {
        try: why === unknown ? 'fnmesh wire' : 'fnmesh status',
        cause: error,
      },
    );
  }
}
