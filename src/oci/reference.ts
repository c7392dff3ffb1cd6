// Image references: `registry.example.com/team/cart:1.2@sha256:…` (github.com/distribution/reference). Pure.
import { FnmeshError } from '../errors.js';

/** The parts of an image's name, as they were written: nothing is filled in. */
export type ImageReference = {
  /** Host, with `:port` where one is given; null: none was written. */
  readonly registry: string | null;
  /** Path inside the registry, such as `team/cart`. */
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:…` or `sha512:…`. */
  readonly digest?: string;
};

const LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const HOST = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:]+\\])(?::(\\d+))?$`);
const PART = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
const MAX_NAME = 255;

/**
 * Reads a reference. The first part is a registry when it has a `.`, a `:` or an upper-case letter, or is
 * `localhost`, as for Docker.
 * @throws FnmeshError `usage` that says what is wrong with it.
 */
export function parseReference(text: string): ImageReference {
  const bad = (what: string, help?: string): FnmeshError =>
    new FnmeshError('usage', `${JSON.stringify(masked(text))} is no image name: ${what}`, {
      try: help ?? 'write it as registry.example.com/team/name:tag',
    });
  if (text === '') throw bad('it is empty');
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0];
  if (scheme !== undefined) {
    throw bad('an image name has no scheme', `write it without ${scheme}`);
  }
  const odd = /[^\w.:/@[\]-]/.exec(text)?.[0];
  if (odd !== undefined) throw bad(`it holds ${odd === ' ' ? 'a space' : JSON.stringify(odd)}`);

  const [beforeDigest = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) {
    throw bad('after @ stands sha256: and 64 hex digits, or nothing');
  }
  const colon = beforeDigest.indexOf(':', beforeDigest.lastIndexOf('/') + 1);
  const name = colon < 0 ? beforeDigest : beforeDigest.slice(0, colon);
  const tag = colon < 0 ? undefined : beforeDigest.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) {
    throw bad('a tag has up to 128 letters, digits, _, . and -, and does not start with . or -');
  }

  const { registry, repository } = splitName(name);
  const port = registry === null ? undefined : HOST.exec(registry);
  if (port === null || Number(port?.[1] ?? 1) > 65_535 || Number(port?.[1] ?? 1) === 0) {
    throw bad(`${JSON.stringify(registry)} is no host name with a port`);
  }
  if (name.length > MAX_NAME) throw bad(`it is longer than ${MAX_NAME} characters`);
  for (const part of repository.split('/')) {
    if (PART.test(part)) continue;
    if (part === '') throw bad('it has an empty part between its slashes, or none at all');
    if (/[A-Z]/.test(part)) {
      throw bad(`${JSON.stringify(part)} has upper-case letters`, `write ${part.toLowerCase()}`);
    }
    throw bad(
      `${JSON.stringify(part)} must be lower-case letters and digits, with single . or _, __ or dashes between them`,
    );
  }
  if (registry === null && /^[0-9a-f]{64}$/.test(repository)) throw bad('64 hex digits are an image id');
  return {
    registry,
    repository,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
  };
}

function splitName(name: string): { registry: string | null; repository: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isHost = /[.:A-Z]/.test(first) || first === 'localhost';
  return isHost
    ? { registry: first, repository: name.slice(slash + 1) }
    : { registry: null, repository: name };
}

/** The text of a reference; parsing it gives the same reference. */
export function formatReference({ registry, repository, tag, digest }: ImageReference): string {
  return (
    (registry === null ? '' : `${registry}/`) +
    repository +
    (tag === undefined ? '' : `:${tag}`) +
    (digest === undefined ? '' : `@${digest}`)
  );
}

/** Where a reference is pushed to: a host with or without port, and the path there. */
export type Repository = { readonly host: string; readonly repository: string };

/**
 * Fills in what Docker fills in (distribution/reference, normalize.go): no registry is `docker.io`, and a
 * single name there is in `library/`.
 */
export function registryOf({ registry, repository }: ImageReference): Repository {
  const host = registry?.toLowerCase() ?? 'docker.io';
  if (host !== 'docker.io' && host !== 'index.docker.io') return { host, repository };
  return { host: 'docker.io', repository: repository.includes('/') ? repository : `library/${repository}` };
}

/**
 * The image's name of a function, without a tag: `[registry/]name`, where a name that has a `/` stands for
 * itself (fnproject/cli 0.6.63, common/funcfile.go).
 * @param registry FN_REGISTRY, `--registry` or a context's registry, such as `registry.example.com/team`.
 * @param funcName The `name` of func.yaml.
 * @throws FnmeshError `usage` for a registry, `config` for a name, that cannot stand in an image's name.
 */
export function imageName(registry: string | null, funcName: string): string {
  const parsed = parsedName(funcName);
  if (registry === null || registry === '' || funcName.includes('/')) return formatReference(parsed);
  const prefix = registry.replace(/\/$/, '');
  // A lone host is no image's name, so the registry is read with a name behind it.
  return formatReference(parseReference(`${prefix}/${funcName}`));
}

function parsedName(funcName: string): ImageReference {
  try {
    const parsed = parseReference(funcName);
    if (parsed.tag === undefined && parsed.digest === undefined) return parsed;
  } catch (error) {
    if (!(error instanceof FnmeshError)) throw error;
    throw new FnmeshError('config', `${error.message} (the name of func.yaml)`, {
      try: error.try ?? 'change name: in func.yaml',
      cause: error,
    });
  }
  throw new FnmeshError('config', `${JSON.stringify(funcName)}: name: of func.yaml holds a tag or digest`, {
    try: 'write the name alone; the tag comes from version: in func.yaml',
  });
}

/** A login that was written into the name is not shown. */
function masked(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?[^/@]*:[^@]*@(?!sha\d+:)/i, '$1***@');
}
