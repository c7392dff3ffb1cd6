// Fills ${NAME} and ${route:FN} into one text. Pure.
import type { Variables } from './env-file.js';
import { didYouMean } from './problems.js';

/** What stands behind the names in config values. */
export type Sources = {
  variables: Variables;
  /** The address of a function's route on the target, such as `http://shop.localhost:8082/cart`; undefined: none. */
  routeAddress: (fn: string) => string | undefined;
};

/** What is wrong in a text, without its place, and one edit that helps. */
type FillProblem = { text: string; try: string };

/** A text with its names filled in; `secret`: a variable is in it, so that it is never printed. */
export type Filled = { text: string; secret: boolean; problems: FillProblem[] };

// `$${` stands for `${`; whatever else starts with `${` is a name, up to the next `}`.
const MARK = /\$\$\{|\$\{([^}]*)(\}?)/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const ROUTE = /^route:(.*)$/s;
const MEANT = 'for the text itself write $${';
// A config value becomes an environment variable, and Linux refuses a longer one (MAX_ARG_STRLEN).
const MAX_BYTES = 128 * 1024 - 1;

/**
 * Replaces `${NAME}` by a variable, `${route:FN}` by a route's address and `$${` by `${`; what is filled in is not
 * looked at again.
 * @param known The app's functions, for suggestions.
 * @returns the text, or what is wrong with it; no variable's value is ever in a problem.
 */
export function fill(text: string, sources: Sources, known: readonly string[]): Filled {
  const filled: Filled = { text: '', secret: false, problems: [] };
  filled.text = text.replace(MARK, (_mark, name: string | undefined, end: string | undefined) => {
    if (name === undefined) return '${';
    const found =
      end === ''
        ? {
            text: `"\${" is not closed; ${MEANT}`,
            try: 'close it with "}", or write $${ for the text itself',
          }
        : lookUp(name, sources, known);
    if (typeof found !== 'string') filled.problems.push(found);
    filled.secret ||= NAME.test(name);
    return typeof found === 'string' ? found : '';
  });
  if (Buffer.byteLength(filled.text) > MAX_BYTES) {
    const long = 'is longer than 128 KiB, the most an environment variable can hold';
    filled.problems.push({ text: long, try: 'fill in less' });
  }
  return filled;
}

function lookUp(
  name: string,
  { variables, routeAddress }: Sources,
  known: readonly string[],
): string | FillProblem {
  const shown = `\${${name.slice(0, 60)}}`;
  const fn = ROUTE.exec(name)?.[1];
  if (fn !== undefined) {
    const address = routeAddress(fn);
    if (address !== undefined) return address;
    if (known.includes(fn))
      return { text: `${shown}: ${fn} has no route`, try: `give ${fn} an http trigger` };
    return {
      text: `${shown}: there is no function of that name${didYouMean(fn.slice(0, 60), known)}`,
      try: `write \${route:FN} with one of ${known.join(', ')}`,
    };
  }
  if (!NAME.test(name)) {
    return {
      text: `${shown} holds no name of a variable; ${MEANT}`,
      try: `write $${shown} for the text itself`,
    };
  }
  if (Object.hasOwn(variables, name)) return variables[name]!;
  return {
    text: `the variable ${name} is not set; ${MEANT}`,
    try: `export ${name}=…, or list a file with ${name}=… under env in fnmesh.yaml`,
  };
}
