import { FnmeshError } from '../errors.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

// RFC 9110, section 5.6.2 (token) and 5.5 (field values without control characters).
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

const FRAMING = ['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'expect'];

/** Reads a method for `-X`. @throws FnmeshError `usage` for what triggers do not take (`fnproject/fn` 0.3.753: no CONNECT). */
export function parseMethod(text: string): string {
  const method = text.toUpperCase();
  if (METHODS.includes(method)) return method;
  throw new FnmeshError('usage', `'${text}' is no method for a function: ${METHODS.join(', ')}`, {
    try: '-X POST',
  });
}

/** Reads a query, percent-encoding what a URL cannot hold. */
export function parseQuery(text: string): string {
  return new URL(`http://localhost/?${text.replace(/^\?/, '').replaceAll('#', '%23')}`).search;
}

/** Reads `-H 'Name: value'` flags. @throws FnmeshError `usage` for anything that is no header. */
export function parseHeaders(flags: readonly string[] = []): [name: string, value: string][] {
  return flags.map((flag) => {
    const colon = flag.indexOf(':');
    const name = flag.slice(0, Math.max(colon, 0));
    const value = flag.slice(colon + 1).trim();
    if (FRAMING.includes(name.toLowerCase())) {
      throw new FnmeshError('usage', `-H '${flag}': fnmesh sets ${name} by itself`, { try: "-d 'text'" });
    }
    if (!NAME.test(name) || !VALUE.test(value)) {
      throw new FnmeshError('usage', `'${flag}' is no header: write -H 'Name: value'`, {
        try: "-H 'Accept: text/plain'",
      });
    }
    return [name, value];
  });
}
