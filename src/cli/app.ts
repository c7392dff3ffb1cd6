import { FnmeshError } from '../errors.js';
import type { Emit } from '../events.js';

/**
 * The app that a command means: its `--app`, else that of the folder one stands in.
 * @throws FnmeshError `config` when there is no app.yaml here or above, or it is wrong.
 */
export async function appName(flag: string | undefined, emit: Emit): Promise<string> {
  if (flag !== undefined) return flag;
  const { readAppName } = await import('../project/app-name.js');
  return (await readAppName(process.cwd(), emit)).name;
}

/** The app that `status` is about: `--app`, else the folder's, else undefined for all. */
export async function statusApp(flag: string | undefined, emit: Emit): Promise<string | undefined> {
  try {
    return await appName(flag, emit);
  } catch (error) {
    if (error instanceof FnmeshError && error.code === 'not_found') return undefined;
    throw error;
  }
}
