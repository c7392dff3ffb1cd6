// SECRET/KEY as a flag's value.
import { FnmeshError } from '../errors.js';

/**
 * Takes `SECRET/KEY` apart.
 * @param flag Such as `--database`, for messages.
 * @throws FnmeshError `usage` for anything else.
 */
export function parseSecretKey(text: string, flag: string): { name: string; key: string } {
  const [, name, key] = /^([^/]+)\/([^/]+)$/.exec(text) ?? [];
  if (name !== undefined && key !== undefined) return { name, key };
  throw new FnmeshError('usage', `${flag} ${text}: it takes the name of a Secret and a key in it`, {
    try: `${flag} fn-database/url`,
  });
}
