// One thing that a flag, a variable or the Fn context says: checked, with where it was said.
import { FnmeshError } from '../errors.js';
import { readAddress, type Written } from './address.js';
import type { FnContext } from './settings.js';
import type { Setting } from './target.js';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The usable form of what was said; null when nothing was.
 * @throws FnmeshError `usage` for a flag, else `config`, naming `from` and never repeating the text.
 */
export function said(
  text: string | undefined,
  from: string,
  read: (text: string) => Written,
): Setting<string> | null {
  if (text === undefined) return null;
  const answer = read(text);
  if ('value' in answer) return { value: answer.value, from };
  const way = from.startsWith('FN_') ? `unset ${from}, or correct it` : `correct ${from}`;
  throw new FnmeshError(from.startsWith('--') ? 'usage' : 'config', `${from} ${answer.problem}`, {
    try: way,
  });
}

/**
 * The token in the variable that is named; null when none is named.
 * @throws FnmeshError `config` when the variable is not set, or holds what no header can.
 */
export function secret(variable: Setting<string> | null, env: Env): Setting<string> | null {
  if (variable === null) return null;
  const { value: name, from } = variable;
  const text = env[name]?.trim();
  const where = from === name ? name : `${from}: ${name}`;
  if (!text) {
    throw new FnmeshError('config', `${where}, the token of the Fn server, is not set`, {
      try: `export ${name}=…`,
    });
  }
  // A header takes more, but a token (RFC 6750, section 2.1) does not: a stray quote or line end stands in it.
  if (/^[\x21-\x7e]+$/.test(text)) return { value: text, from };
  throw new FnmeshError(
    'config',
    `${where} holds characters that no token has, such as spaces or line ends`,
    {
      try: `set ${name} again, without quotes, spaces and line ends in it`,
    },
  );
}

/** How messages name a context. */
export function contextName(context: FnContext | null): string {
  return `Fn context ${context?.name ?? ''}`;
}

/**
 * The Fn server of a context; null when it names none.
 * @throws FnmeshError `config` for a context of Oracle's cloud, or one whose address cannot be used.
 */
export function contextApi(context: FnContext | null): Setting<string> | null {
  if (context === null) return null;
  if (context.provider === 'default') return said(context.apiUrl, contextName(context), readAddress);
  throw new FnmeshError(
    'config',
    `${contextName(context)} (${context.file}) is of provider ${context.provider}: fnmesh speaks to open-source Fn servers only`,
    { try: 'export FN_CONTEXT=default, or --api-url http://HOST:8080' },
  );
}

/**
 * What to say when a variable and the target's own value differ: which of them is `chosen`. Nothing when a flag is,
 * or when the target leaves it open.
 */
export function differing(
  variable: string,
  env: Env,
  read: (text: string) => Written,
  own: Setting<string> | null,
  chosen: Setting<string> | null,
): string[] {
  const text = env[variable];
  if (!text || own === null || chosen?.from.startsWith('--')) return [];
  const answer = read(text);
  if ('value' in answer && answer.value === own.value) return [];
  // What cannot be read is not shown: it may hold a password.
  const name = 'value' in answer ? `${variable}=${answer.value}` : variable;
  return chosen?.from === variable
    ? [`${name} counts, and not ${own.value} (${own.from})`]
    : [`${name} does not count: ${own.value} (${own.from}) does`];
}
