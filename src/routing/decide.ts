// Which version a request goes to.
import type { Draw } from './draw.js';
import type { Route, Rule, VersionName } from './route.js';

/** The request header that sends one request to a version of its choice. */
const PIN_HEADER = 'fnmesh-version';

/** What `decide` looks at. */
export type RequestHead = {
  /** A header's value. The name is asked for in lower case; several values of one name are joined as HTTP does. */
  header(name: string): string | undefined;
};

/** The version, and whether the request asked for it by header (such requests do not draw). */
export type Decision = { version: VersionName; pinned: boolean };

/**
 * The version for a request: the one it names in `Fnmesh-Version`, else the first rule's that matches, else the
 * draw's. A pin or a rule that names no version of the route is passed over.
 */
export function decide(route: Pick<Route, 'rules' | 'split'>, head: RequestHead, draw: Draw): Decision {
  const pin = head.header(PIN_HEADER);
  if (pin !== undefined && Object.hasOwn(route.split, pin)) return { version: pin, pinned: true };
  for (const rule of route.rules) {
    if (matches(rule, head) && Object.hasOwn(route.split, rule.version)) {
      return { version: rule.version, pinned: false };
    }
  }
  return { version: draw.next(), pinned: false };
}

function matches({ when }: Rule, head: RequestHead): boolean {
  if ('header' in when) return head.header(when.header.toLowerCase()) === when.equals;
  return cookie(head.header('cookie') ?? '', when.cookie) === when.equals;
}

/** The value of the first cookie of this name, without the quotes that RFC 6265 allows around it. */
function cookie(header: string, name: string): string | undefined {
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name)
      return pair
        .slice(at + 1)
        .trim()
        .replace(/^"(.*)"$/, '$1');
  }
  return undefined;
}
