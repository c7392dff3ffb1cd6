// Guesses what was meant by a shift that cannot be read, from the ways other tools write weights.
import { isVersionName } from './versions.js';

/** Each spelling that is not fnmesh's, and how fnmesh writes it. The order matters. */
const SPELLINGS: readonly (readonly [RegExp, string])[] = [
  // v2:50, v2 = 50, and wrangler's v2@50%
  [/\s*[=:@]\s*/g, '='],
  // v2=50 %
  [/\s+%/g, '%'],
  // v2=12,5
  [/(\d),(\d{1,2}%?)(?=\s|$)/g, '$1.$2'],
  // gcloud's and kn's v1=90,v2=10
  [/\s*[,;]\s*/g, ' '],
  // rest=v1
  [/(^|[\s/])rest=(\S+)/gi, '$1$2=rest'],
  // V2=50 and 2=50
  [/(^|[\s/])[vV]?(\d+(?:-[a-z0-9-]+)?)=/g, '$1v$2='],
  // v2 50
  [/(^|[\s/])(v\d[a-z0-9-]*)\s+([+-]?\d[\d.]*%?|rest)(?=\s|$)/g, '$1$2=$3'],
  // v2 with no weight: 10 is what most people try first
  [/(^|[\s/])(v\d[a-z0-9-]*)(?=\s|$)/g, '$1$2=10'],
];

/** The words that were probably meant; they may be unreadable still. */
export function repairShift(args: readonly string[]): string[] {
  const text = SPELLINGS.reduce((repaired, [wrong, right]) => repaired.replace(wrong, right), args.join(' '));
  const words = text.split(/\s+/).filter((word) => word !== '');
  const firstChange = words.findIndex((word) => word.includes('='));
  const functions = words.slice(0, firstChange);
  const changes = words.slice(firstChange).map((word) => word.replace(/^([\w.*-]+)=/, fixName));
  // cart price v2=10
  return functions.length > 1
    ? functions.flatMap((fn) => changes.map((change) => `${fn}/${change}`))
    : [...functions, ...changes];
}

/** `cart=10` names a function where a version belongs. */
function fixName(assign: string, name: string): string {
  return isVersionName(name) ? assign : `${name}/v2=`;
}
