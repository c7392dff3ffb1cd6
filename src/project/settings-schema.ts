// What fnmesh.yaml may hold. Imported lazily, like the schemas of Fn's own files.
import * as z from 'zod/mini';
import { readAddress, readRegistry } from '../target/address.js';
import type { GatewayWord } from '../target/cluster.js';
import { DEFAULT_PROBE } from '../target/settings.js';
import { LOCAL, type Probe } from '../target/target.js';
import { AUTOSCALE_KEYS, clusterKeys, mustBe, readGateway, written } from './cluster-schema.js';
import { didYouMean } from './problems.js';
import type { KeyPath } from './yaml.js';

/** A checked fnmesh.yaml, addresses in their usable form; what is absent was not said. */
export type SettingsFile = z.infer<typeof schema>;
/** A target of it. */
export type TargetFile = z.infer<typeof target>;
/** What may stand both at the file's top and in a target. */
export type SharedFile = Pick<SettingsFile, 'registry' | 'env' | 'probe' | 'platform' | 'gateway'>;

// RFC 9110, section 5.6.2 (token) and 5.5 (field values without control characters).
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const FRAMING = /^(host|content-length|transfer-encoding|connection|upgrade|expect)$/i;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

const text = z.string(mustBe('text'));

const address = written(readAddress);
const path = text.check(
  z.minLength(1, 'is empty'),
  z.refine((value) => !value.includes('\0'), 'holds a NUL character'),
);
const token = z.pipe(
  text.check(
    z.regex(
      /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/,
      'must be ${NAME} of an environment variable: a token never stands in this file',
    ),
  ),
  z.transform((value: string) => value.slice(2, -1)),
);

const call = z.pipe(
  z.strictObject(
    {
      method: z._default(z.enum(METHODS, { error: () => `must be one of ${METHODS.join(', ')}` }), 'GET'),
      headers: z._default(
        z.record(
          text.check(
            z.regex(HEADER_NAME, 'is no header name'),
            z.refine((name) => !FRAMING.test(name), 'is a header that the connection itself sets'),
          ),
          text.check(z.regex(HEADER_VALUE, 'holds characters that no header can')),
          mustBe('a map of names and values'),
        ),
        {},
      ),
      body: z.optional(text),
    },
    mustBe('none, or a map of method, headers and body'),
  ),
  z.transform((given, context): Probe => {
    if (given.body !== undefined && (given.method === 'GET' || given.method === 'HEAD')) {
      context.issues.push({
        code: 'custom',
        message: `cannot stand with method ${given.method}: only other methods have one`,
        input: undefined,
        path: ['body'],
      });
      return z.NEVER;
    }
    const { headers: own } = DEFAULT_PROBE;
    const named = Object.keys(given.headers).map((name) => name.toLowerCase());
    const added = Object.entries(own).filter(([name]) => !named.includes(name.toLowerCase()));
    const headers = { ...Object.fromEntries(added), ...given.headers };
    return { method: given.method, headers, ...(given.body === undefined ? {} : { body: given.body }) };
  }),
);

const shared = {
  registry: z.optional(written(readRegistry)),
  env: z.optional(z.array(path, mustBe('the path of a file, or a list of them'))),
  probe: z.optional(z.union([z.literal('none'), call])),
  platform: z.optional(
    text.check(z.regex(/^linux\/[a-z0-9]+(\/v\d)?$/, 'must be such as linux/amd64 or linux/arm64')),
  ),
  gateway: z.optional(address),
};

const targetName = text.check(
  z.refine((name) => name !== LOCAL, `is taken: ${LOCAL} is the embedded server and gateway`),
  z.regex(
    /^[A-Za-z][A-Za-z0-9_-]{0,62}$/,
    'is no name for a target: letters, digits, "_" and "-", a letter first',
  ),
);

const targetKeys = {
  fn: z.optional(
    z.strictObject(
      { api: z.optional(address), invoke: z.optional(address), token: z.optional(token) },
      mustBe('a map of api, invoke and token'),
    ),
  ),
  router: z._default(
    z.enum(['embedded', 'kubernetes'], { error: () => 'must be embedded or kubernetes' }),
    'embedded',
  ),
  ...shared,
  // What it names depends on the router.
  gateway: z.optional(text),
  ...clusterKeys,
};

const target = z.pipe(
  z.strictObject(targetKeys, mustBe('a map of keys and values')),
  z.transform(({ gateway, ...given }, context) => {
    const refuse = (key: string, message: string): typeof z.NEVER => {
      context.issues.push({ code: 'custom', message, input: undefined, path: [key] });
      return z.NEVER;
    };
    if (given.router === 'kubernetes') {
      const gatewayWord = gateway === undefined ? undefined : readGateway(gateway);
      if (gatewayWord === null)
        return refuse('gateway', 'is no gateway such as istio-ingress/public#https: NAMESPACE/NAME#LISTENER');
      return { ...given, gateway: undefined, gatewayWord };
    }
    const [alien] = Object.keys(clusterKeys).filter((key) => given[key as keyof typeof given] !== undefined);
    if (alien !== undefined) return refuse(alien, 'is only for a target with router: kubernetes');
    const read = gateway === undefined ? { value: undefined } : readAddress(gateway);
    if ('problem' in read) return refuse('gateway', read.problem);
    const gatewayWord: GatewayWord | undefined = undefined;
    return { ...given, gateway: read.value, gatewayWord };
  }),
);

const schema = z.strictObject(
  {
    target: z.optional(text.check(z.minLength(1, 'is empty'))),
    keep: z.optional(
      z
        .int(mustBe('a whole number of versions'))
        .check(z.gte(1, 'must be at least 1'), z.lte(1000, 'must be at most 1000')),
    ),
    targets: z.optional(z.record(targetName, target, mustBe('a map of names and targets'))),
    ...shared,
  },
  mustBe('a map of keys and values'),
);

const PROBE_KEYS = ['method', 'headers', 'body'];
const FN_KEYS = ['api', 'invoke', 'token'];

/** What is wrong in fnmesh.yaml: `part` says whether the key or its value is. */
export type SettingsRefusal = { path: KeyPath; part: 'key' | 'value'; text: string };

/** The values that are text although they look like a number: those that go into the ready call as they stand. */
export function isCallText(path: KeyPath): boolean {
  const at = path.indexOf('probe');
  const rest = path.slice(at + 1);
  const inProbe = at === 0 || (at === 2 && path[0] === 'targets');
  return (
    inProbe && ((rest.length === 1 && rest[0] === 'body') || (rest.length === 2 && rest[0] === 'headers'))
  );
}

/** Checks fnmesh.yaml's value; an empty value is an absent one. */
export function checkSettings(value: unknown): { settings: SettingsFile } | { refusals: SettingsRefusal[] } {
  const result = schema.safeParse(prepared(value));
  if (result.success) return { settings: result.data };
  return { refusals: result.error.issues.flatMap((issue) => refusals(issue, [])) };
}

// `env: .env` is short for a list of one, `prod:` for a target that leaves everything open.
function prepared(value: unknown, path: KeyPath = []): unknown {
  if (path.length === 0 && value === null) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, entry]: [string, unknown]): [string, unknown] => {
    const here = [...path, key];
    if (entry === null && path.length === 1 && path[0] === 'targets') return [key, {}];
    const isList = (key === 'env' && isTop(path)) || (key === 'adminUrl' && path.length === 2);
    if (typeof entry === 'string' && isList) return [key, [entry]];
    return [key, prepared(entry, here)];
  });
  return Object.fromEntries(entries.filter(([, entry]) => entry !== null));
}

function isTop(path: KeyPath): boolean {
  return path.length === 0 || (path.length === 2 && path[0] === 'targets');
}

function refusals(issue: z.core.$ZodIssue, above: KeyPath): SettingsRefusal[] {
  const path = [...above, ...issue.path.map((key) => (typeof key === 'number' ? key : String(key)))];
  // Of `none | map` the map says what is wrong.
  if (issue.code === 'invalid_union') {
    return (issue.errors.at(-1) ?? []).flatMap((inner) => refusals(inner, path));
  }
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(path);
    return issue.keys.map((key) => ({
      path: [...path, key],
      part: 'key',
      text: `unknown key ${JSON.stringify(key.slice(0, 60))}${didYouMean(key.slice(0, 60), known) || `; the keys here are ${known.join(', ')}`}`,
    }));
  }
  const key = path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .slice(1);
  if (issue.code === 'invalid_key') {
    return [{ path, part: 'key', text: `${key} ${issue.issues[0]?.message ?? issue.message}` }];
  }
  return [{ path, part: 'value', text: `${key === '' ? 'the file' : key} ${issue.message}` }];
}

function keysAt(path: KeyPath): string[] {
  if (path.length === 0) return Object.keys(schema.def.shape);
  if (path.at(-1) === 'probe') return PROBE_KEYS;
  if (path.at(-1) === 'fn' && path.length === 3) return FN_KEYS;
  if (path.at(-1) === 'autoscale') return AUTOSCALE_KEYS;
  return Object.keys(targetKeys);
}
