// Route APIs match no cookies, only the Cookie header: a pattern for it that finds what the embedded gateway finds.

/** What may be a cookie's name: an RFC 9110 token. */
const NAME = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;
/** What may be its value, without quotes: RFC 6265, cookie-octet. */
const VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/;

/** Whether a rule may ask for this cookie. */
export function isCookie(name: string, value: string): boolean {
  return NAME.test(name) && VALUE.test(value);
}

/**
 * An anchored RE2 pattern for a Cookie header whose first cookie of this name has this value, quoted or not
 * (RFC 6265, 4.2.1). RE2 has no lookahead, so the cookies before it are told to differ character by character.
 */
export function cookiePattern(name: string, value: string): string {
  const letters = [...name].map(escaped);
  const other = letters.reduceRight(
    (rest, letter, index) => `(?:|[^;${index === 0 ? ' \\t' : ''}${letter}][^;]*|${letter}${rest})`,
    '[ \\t]*(?:|[^;= \\t][^;]*)',
  );
  const wanted = [...value].map(escaped).join('');
  return `^(?:[ \\t]*${other};)*[ \\t]*${letters.join('')}[ \\t]*=[ \\t]*(?:"${wanted}"|${wanted})[ \\t]*(?:;.*)?$`;
}

/** The cookie that `cookiePattern` made the pattern for; null: the pattern is somebody else's. */
export function cookieIn(pattern: string): { cookie: string; equals: string } | null {
  const found = /\)\*\[ \\t\]\*((?:\\.|\w)+)\[ \\t\]\*=\[ \\t\]\*\(\?:"((?:\\.|\w)*)"\|/.exec(pattern);
  const [cookie, equals] = [found?.[1], found?.[2]].map((text) => text?.replace(/\\(.)/g, '$1'));
  if (cookie === undefined || equals === undefined) return null;
  return cookiePattern(cookie, equals) === pattern ? { cookie, equals } : null;
}

function escaped(letter: string): string {
  return /[A-Za-z0-9_]/.test(letter) ? letter : `\\${letter}`;
}
