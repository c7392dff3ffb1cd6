import { FnmeshError } from '../errors.js';

// RFC 9110, section 5.6.2 (token) and 5.5 (field values without control characters).
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Reads `-H 'Name: value'` flags. @throws FnmeshError `usage` for anything that is no header. */
export function parseHeaders(flags: readonly string[] = []): [name: string, value: string][] {
  return flags.map((flag) => {
    const colon = flag.indexOf(':');
    const name = flag.slice(0, Math.max(colon, 0));
    const value = flag.slice(colon + 1).trim();
    if (!NAME.test(name) || !VALUE.test(value)) {
      throw new FnmeshError('usage', `'${flag}' is no header: write -H 'Name: value'`, {
        try: "-H 'Accept: text/plain'",
      });
    }
    return [name, value];
  });
}
