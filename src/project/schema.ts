// What app.yaml and func.yaml may hold, as Fn's server takes it: the only importer of zod, itself imported lazily.
import * as z from 'zod/mini';
import { hostOf, isHost } from '../routing/match.js';
import { fnName, isTaken } from './fn-name.js';
import type { AppFile, FuncFile } from './project.js';
import type { KeyPath } from './yaml.js';

/** A value that Fn would refuse, with the path of its key. */
export type Refusal = { path: KeyPath; text: string };

/** The one layout of func.yaml that Fn's tools deploy (fnproject/cli 0.6.63, common/funcfile.go). */
const SCHEMA_VERSION = 20180708;
/** The layout of code-only functions, proposed for Fn's tools. */
const NEXT_SCHEMA_VERSION = 20260325;

// A config value becomes an environment variable, and Linux refuses a longer one (MAX_ARG_STRLEN).
const MAX_CONFIG_BYTES = 128 * 1024 - 1;

const text = z.string(mustBe('text'));
const bytes = (value: string): number => Buffer.byteLength(value);

function mustBe(what: string): { error: (issue: { input?: unknown }) => string } {
  return {
    error: ({ input }) => (input === undefined ? 'is missing' : `must be ${what}, not ${describe(input)}`),
  };
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  const shown = JSON.stringify(value) ?? String(value);
  return shown.length > 40 ? `${shown.slice(0, 40)}…` : shown;
}

function limited(max: number, unit: string) {
  return z
    .int(mustBe(`a whole number of ${unit}`))
    .check(z.gte(0, 'must not be negative'), z.lte(max, `is over Fn's limit of ${max} ${unit}`));
}

const config = z.record(
  text.check(z.regex(/^[^=\0]+$/, 'is no name for an environment variable (no "=", not empty)')),
  text.check(
    z.refine((value) => !value.includes('\0'), 'holds a NUL character, which no environment variable can'),
    z.refine(
      (value) => bytes(value) <= MAX_CONFIG_BYTES,
      'is longer than 128 KiB, the most an environment variable can hold',
    ),
  ),
  mustBe('a map of names and values'),
);

const annotations = z
  .record(
    text.check(
      z.regex(/^[!-~]{1,128}$/, 'is no annotation key: 1 to 128 printable ASCII characters without spaces'),
    ),
    z.json().check(
      z.refine((value) => value !== null && value !== '', 'is empty, which Fn refuses'),
      z.refine(
        (value) => bytes(JSON.stringify(value) ?? '') <= 512,
        'is longer than the 512 bytes Fn allows (as JSON)',
      ),
    ),
    mustBe('a map of keys and values'),
  )
  .check(z.refine((value) => Object.keys(value).length <= 100, 'has more than the 100 keys Fn allows'));

const wordName = (what: string) =>
  text.check(
    z.regex(/^[\p{L}\p{Nd}_-]+$/u, `is no ${what} name: letters, digits, "_" and "-" only`),
    z.refine((value) => bytes(value) <= 255, 'is longer than 255 bytes'),
  );

const trigger = z.object(
  {
    name: wordName('trigger'),
    type: z.literal('http', {
      error: (issue) => (issue.input === undefined ? 'is missing' : 'must be http, the only type Fn has'),
    }),
    source: text.check(
      z.regex(/^\//, 'must start with "/"'),
      z.regex(/^[^\s\p{Cc}?#]*$/u, 'must not hold spaces, "?" or "#"'),
    ),
  },
  mustBe('a map with name, type and source'),
);

const appSchema = z.object(
  {
    name: wordName('app').check(
      z.refine((name) => isHost(hostOf(name)), {
        error: ({ input }) =>
          `cannot be part of the host ${hostOf(String(input))}: ASCII letters, digits, "_" and "-" only, no "-" at either end, at most 63`,
      }),
    ),
    config: z.optional(config),
    annotations: z.optional(annotations),
    syslog_url: z.optional(text),
  },
  mustBe('a map of keys and values'),
);

const funcSchema = z.object(
  {
    schema_version: z.literal([SCHEMA_VERSION, NEXT_SCHEMA_VERSION], {
      error: (issue) =>
        issue.input === undefined
          ? `is missing; Fn deploys only files with schema_version: ${SCHEMA_VERSION}`
          : `must be ${SCHEMA_VERSION}, not ${describe(issue.input)}`,
    }),
    // What survives Go's url.PathEscape unchanged, the server's rule, without the ":" that an image tag would be. Before
    // it may stand a registry and a path there, which are the image's and not the fn's.
    name: text.check(
      z.regex(
        /^(?:[A-Za-z0-9._-]+(?::\d+)?\/)?(?:[A-Za-z0-9._-]+\/)*[A-Za-z0-9._~$&+=@-]{1,255}$/,
        'is no fn name: letters, digits and -._~ only, at most 255, with a registry and its path before it if need be',
      ),
      z.refine(
        (name) => !isTaken(fnName({ name })),
        'is what fnmesh calls a kept release or its deploy lock: no "~" there',
      ),
    ),
    version: z.optional(text),
    runtime: z.optional(text),
    build_image: z.optional(text),
    run_image: z.optional(text),
    entrypoint: z.optional(text),
    cmd: z.optional(text),
    memory: z.optional(limited(8192, 'MiB')),
    timeout: z.optional(limited(300, 'seconds')),
    idle_timeout: z.optional(limited(3600, 'seconds')),
    config: z.optional(config),
    annotations: z.optional(annotations),
    build: z.optional(z.array(text, mustBe('a list of commands'))),
    triggers: z.optional(z.array(trigger, mustBe('a list of triggers'))),
  },
  mustBe('a map of keys and values'),
);

/** Keys of app.yaml. */
export const APP_KEYS: readonly string[] = Object.keys(appSchema.def.shape);
/** Keys of func.yaml: Fn's own, and those proposed for code-only functions. */
export const FUNC_KEYS: readonly string[] = [
  ...Object.keys(funcSchema.def.shape),
  ...['content_type', 'type', 'deploy', 'signing_details', 'expects'],
  ...['code_only', 'runtime_config', 'handler'],
];

/** True for the values of app.yaml and func.yaml that are text whatever they look like. */
export function isTextual(path: KeyPath): boolean {
  const [top] = path;
  if (path.length === 1) return typeof top === 'string' && TEXT_KEYS.has(top);
  return (path.length === 2 && top === 'config') || (path.length === 3 && top === 'triggers');
}

const TEXT_KEYS = new Set([
  ...['name', 'version', 'runtime', 'build_image', 'run_image', 'entrypoint', 'cmd', 'syslog_url'],
]);

/** Checks app.yaml's value. */
export function checkApp(value: unknown): { app: AppFile } | { refusals: Refusal[] } {
  const result = appSchema.safeParse(withoutEmpty(value));
  if (!result.success) return { refusals: result.error.issues.map(refusal) };
  const { config = {}, annotations = {}, ...app } = result.data;
  return { app: { ...app, config, annotations } };
}

/** Checks func.yaml's value; `defaultName` is the fn's name where the file has none, as in Fn the folder's. */
export function checkFunc(value: unknown, defaultName: string): { func: FuncFile } | { refusals: Refusal[] } {
  const filled = withoutEmpty(value);
  const named = isRecord(filled) ? { name: defaultName, ...filled } : filled;
  const result = funcSchema.safeParse(named);
  if (!result.success) return { refusals: result.error.issues.map(refusal) };
  const { version = '0.0.1', config = {}, annotations = {}, triggers = [], ...func } = result.data;
  return { func: { ...func, version, config, annotations, triggers } };
}

// An empty value (`config:`) is an absent one, as Fn reads it.
function withoutEmpty(value: unknown): unknown {
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([key, entry]) => entry !== null && !(TEXT_KEYS.has(key) && entry === '')),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refusal(issue: z.core.$ZodIssue): Refusal {
  const path = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
  // A refused key of a map carries its own issues.
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  const key = path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
  return { path, text: key === '' ? `the file ${message}` : `${key} ${message}` };
}
