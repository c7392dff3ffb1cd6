// What helps when an Fn server does not answer as one, told by where its address was said. Pure.
import type { Setting } from './target.js';

/**
 * The way out of an error about a server, which knows nothing of flags, variables and files, made to fit these.
 * @param way What the error says; undefined: nothing.
 * @param api The address, and where it was said: what helps is done there.
 */
export function wayOut(way: string | undefined, { from, value }: Setting<string>): string {
  if (way === undefined) return `curl ${value}/version`;
  const url = /^export FN_API_URL=(.+)$/.exec(way)?.[1];
  if (url !== undefined) {
    if (from === 'FN_API_URL') return way;
    return from === '--api-url' ? `--api-url ${url}` : `correct ${from}: ${url}`;
  }
  // Where nothing listens the embedded server is the nearest way out, and not the one that was asked for.
  if (way === 'fnmesh start') {
    const embedded = from === 'FN_API_URL' ? 'unset FN_API_URL' : '--target local';
    const place = from.startsWith('-') || from === 'FN_API_URL' ? '' : `correct ${from}, `;
    return `start the Fn server there, ${place}or use the embedded one: ${embedded}`;
  }
  if (way.startsWith('correct --api-url')) return `correct ${from}`;
  return way.startsWith('curl ') ? `${way}, or correct ${from}` : way;
}
