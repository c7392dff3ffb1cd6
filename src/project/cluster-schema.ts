// What a target of fnmesh.yaml may say of its cluster. Imported lazily, with the schema it is a part of.
import * as z from 'zod/mini';
import { isIP } from 'node:net';
import { isHost } from '../routing/match.js';
import type { GatewayWord } from '../target/cluster.js';
import { readAddress, type Written } from '../target/address.js';

type Issue = { input?: unknown };

const kind = (input: unknown): string =>
  input === null ? 'nothing' : Array.isArray(input) ? 'a list' : typeof input === 'object' ? 'a map' : 'this';

/** What a value that is missing, or of another type, is told: it is not repeated, as a secret may stand where it does not belong. */
export const mustBe = (what: string) => ({
  error: ({ input }: Issue) => (input === undefined ? 'is missing' : `must be ${what}, not ${kind(input)}`),
});
const text = z.string(mustBe('text'));

/** Text that `read` turns into its usable form. */
export function written(read: (text: string) => Written) {
  return z.pipe(
    text,
    z.transform((value: string, context) => {
      const answer = read(value);
      if ('value' in answer) return answer.value;
      context.issues.push({ code: 'custom', message: answer.problem, input: undefined });
      return z.NEVER;
    }),
  );
}

// Kubernetes: RFC 1123 labels and subdomains.
const LABEL = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const GATEWAY = new RegExp(`^(?:(${LABEL})/)?(${SUBDOMAIN})(?:#(${SUBDOMAIN}))?$`);
// What distribution/reference 0.6 takes as a name with host, path, tag and digest.
const IMAGE =
  /^[a-z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:\d{1,5})?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/;
const SIZES: Record<string, number> = {
  '': 1,
  Ki: 1 << 10,
  Mi: 1 << 20,
  Gi: 1 << 30,
  k: 1e3,
  M: 1e6,
  G: 1e9,
};

/** `NAMESPACE/NAME#LISTENER`, of which only the name is needed; null: it is none. */
export function readGateway(word: string): GatewayWord | null {
  const parts = GATEWAY.exec(word);
  if (parts === null) return null;
  // The groups of LABEL count as well.
  const [, rest = '', listener = null] = /^([^#]*)(?:#(.*))?$/.exec(word) ?? [];
  const slash = rest.indexOf('/');
  return {
    namespace: slash < 0 ? null : rest.slice(0, slash),
    name: rest.slice(slash + 1),
    listener,
  };
}

const named = (pattern: RegExp, what: string) => text.check(z.regex(pattern, what));
const label = named(new RegExp(`^${LABEL}$`), 'is no name of a namespace: a-z, 0-9 and "-", 63 at most');
const oneOf = <const T extends readonly [string, ...string[]]>(words: T) =>
  z.enum(words, { error: () => `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}` });
const count = (min: number, max: number) =>
  z
    .int(mustBe('a whole number'))
    .check(z.gte(min, `must be at least ${min}`), z.lte(max, `must be at most ${max}`));

const bytes = z.pipe(
  z.unknown(),
  z.transform((value, context): number => {
    const [, digits, unit = ''] = /^(\d{1,12})([KMG]i|[kMG])?$/.exec(String(value)) ?? [];
    const size = Number(digits) * (SIZES[unit] ?? NaN);
    if (size >= 1 && size <= 10 * 2 ** 30) return size;
    context.issues.push({
      code: 'custom',
      message: 'must be a size from 1 to 10Gi, such as 64Mi',
      input: undefined,
    });
    return z.NEVER;
  }),
);
const drain = z.pipe(
  text,
  z.transform((value: string, context): number => {
    const [, digits, unit = 's'] = /^(\d{1,6})(ms|s|m)$/.exec(value) ?? [];
    const ms = Number(digits) * { ms: 1, s: 1000, m: 60_000 }[unit as 'ms' | 's' | 'm'];
    if (ms >= 0 && ms <= 3_600_000) return ms;
    context.issues.push({
      code: 'custom',
      message: 'must be a time up to 60m, such as 30s',
      input: undefined,
    });
    return z.NEVER;
  }),
);
// A port may stand without a scheme, a bare word may not: it would be taken for a host until somebody waits for it.
const admin = written((value) =>
  /^[a-z][a-z0-9+.-]*:\/\/|:\d+$/i.test(value.trim())
    ? readAddress(value)
    : { problem: 'must be an http:// or https:// URL, such as http://127.0.0.1:15000' },
);

/** The keys that only a target with `router: kubernetes` has, apart from `gateway`. */
export const clusterKeys = {
  kubeconfig: z.optional(text.check(z.minLength(1, 'is empty'))),
  context: z.optional(text.check(z.minLength(1, 'is empty'))),
  namespace: z.optional(label),
  host: z.optional(
    text.check(z.refine(isHost, 'is no host such as hello.example.com: lower case, no scheme, port or path')),
  ),
  api: z.optional(oneOf(['istio', 'gateway-api'])),
  makeGateway: z.optional(z.boolean(mustBe('true or false'))),
  address: z.optional(written(readAddress)),
  proxy: z.optional(oneOf(['dedicated', 'shared'])),
  mesh: z.optional(z.boolean(mustBe('true or false'))),
  pin: z.optional(oneOf(['secret', 'on', 'off'])),
  clusterDomain: z.optional(named(new RegExp(`^${SUBDOMAIN}$`), 'is no domain such as cluster.local')),
  dns: z.optional(text.check(z.refine((value) => isIP(value) !== 0, 'is no IP address such as 10.96.0.10'))),
  image: z.optional(named(IMAGE, 'is no image such as registry.example.com/nginx:1.27@sha256:…')),
  replicas: z.optional(count(1, 100)),
  autoscale: z.optional(
    z
      .strictObject(
        { min: count(1, 100), max: count(1, 1000), cpuPercent: z._default(count(1, 100), 70) },
        mustBe('a map of min, max and cpuPercent'),
      )
      .check(z.refine(({ min, max }) => min <= max, 'has a min above its max')),
  ),
  networkPolicy: z.optional(z.boolean(mustBe('true or false'))),
  bodyLimit: z.optional(bytes),
  drain: z.optional(drain),
  adminUrl: z.optional(
    z.array(admin, mustBe('a URL or a list of them')).check(z.minLength(1, 'names no URL')),
  ),
};

/** The keys of `autoscale`, for messages. */
export const AUTOSCALE_KEYS = ['min', 'max', 'cpuPercent'];
