// Logins for registries, from where `docker login` and `podman login` leave them.
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { FnmeshError, messageOf } from '../errors.js';
import { run, which } from '../process/run.js';

/** A login; never printed. An identity token stands for a user who logged in elsewhere. */
export type Credentials = { username: string; password: string } | { identityToken: string };

type Auth = { auth?: unknown; username?: unknown; password?: unknown; identitytoken?: unknown };
type Config = {
  auths?: Record<string, Auth>;
  credHelpers?: Record<string, string>;
  credsStore?: string;
};

/** Docker Hub's key, since the days of its first API. */
const HUB = 'https://index.docker.io/v1/';
const HELPER = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;
const HELPER_TIMEOUT_MS = 60_000;

/**
 * The login for a registry, or null: none is known, so it is spoken to without one. Read from
 * $DOCKER_CONFIG/config.json (default ~/.docker), else from Podman's $XDG_RUNTIME_DIR/containers/auth.json. As
 * in docker/cli (cli/config/configfile), a helper of the host counts over the common store.
 * @param host With its port where it has one; `docker.io` for Docker Hub.
 * @throws FnmeshError `config` for a file that cannot be read, `failed` for a helper that is missing or fails.
 */
export async function credentialsFor(host: string): Promise<Credentials | null> {
  const docker = join(process.env['DOCKER_CONFIG'] || join(homedir(), '.docker'), 'config.json');
  const runtime = process.env['XDG_RUNTIME_DIR'];
  const files = runtime ? [docker, join(runtime, 'containers', 'auth.json')] : [docker];
  for (const file of files) {
    const config = await readConfig(file);
    const found = config && (await lookUp(config, host, file));
    if (found) return found;
  }
  return null;
}

async function readConfig(file: string): Promise<Config | null> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    // What a JSON error quotes may be a password.
    const what = error instanceof SyntaxError ? 'it is not valid JSON' : messageOf(error);
    throw new FnmeshError('config', `cannot read the registry logins in ${file}: ${what}`, {
      try: `repair ${file}, or move it away and run docker login again`,
    });
  }
  throw new FnmeshError('config', `${file} is no Docker configuration: it is not a JSON object`, {
    try: `repair ${file}, or move it away and run docker login again`,
  });
}

async function lookUp(config: Config, host: string, file: string): Promise<Credentials | null> {
  const key = host === 'docker.io' ? HUB : host;
  const helper = config.credHelpers?.[key] ?? config.credHelpers?.[host] ?? config.credsStore;
  if (helper) {
    const found = await askHelper(helper, key, file);
    if (found) return found;
  }
  const auths = Object.entries(config.auths ?? {});
  const entry = auths.find(([name]) => name === key) ?? auths.find(([name]) => hostOf(name) === hostOf(key));
  return entry ? decoded(entry[1], host, file) : null;
}

/** Old entries are URLs: `https://reg.example.com/v1/`. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').split('/')[0] ?? '';
}

function decoded(entry: Auth, host: string, file: string): Credentials | null {
  if (typeof entry.identitytoken === 'string' && entry.identitytoken !== '') {
    return { identityToken: entry.identitytoken };
  }
  if (typeof entry.auth === 'string' && entry.auth !== '') {
    const text = Buffer.from(entry.auth, 'base64').toString().replace(/\0+$/, '');
    const colon = text.indexOf(':');
    if (colon > 0) return { username: text.slice(0, colon), password: text.slice(colon + 1) };
    throw new FnmeshError('config', `${file}: the login for ${host} cannot be read`, {
      try: `docker login ${host}`,
    });
  }
  const { username, password } = entry;
  return typeof username === 'string' && username !== '' && typeof password === 'string'
    ? { username, password }
    : null;
}

/** The protocol of github.com/docker/docker-credential-helpers: the key on stdin, JSON on stdout. */
async function askHelper(name: string, key: string, file: string): Promise<Credentials | null> {
  if (typeof name !== 'string' || !HELPER.test(name)) {
    throw new FnmeshError(
      'config',
      `${file} names a credential helper that is none: ${JSON.stringify(name)}`,
      {
        try: `correct credsStore or credHelpers in ${file}`,
      },
    );
  }
  const program = `docker-credential-${name}`;
  if ((await which(program)) === undefined) {
    throw new FnmeshError('failed', `${file} keeps logins in ${program}, which is not on the PATH`, {
      try: `install ${program}, or take it out of ${file} and run docker login ${hostOf(key)}`,
    });
  }
  const failed = (why: string): FnmeshError =>
    new FnmeshError('failed', `${program} does not give the login for ${hostOf(key)}: ${why}`, {
      try: `docker login ${hostOf(key)}`,
    });
  const answer = await run(program, ['get'], {
    input: key,
    timeoutMs: HELPER_TIMEOUT_MS,
    allowFailure: true,
  }).catch(() => {
    // Its output may be half a login: the error that has it goes no further.
    throw failed(`it was killed, or gave no answer within ${HELPER_TIMEOUT_MS / 1000} s`);
  });
  if (answer.exitCode !== 0) {
    if (/credentials not found/i.test(answer.all)) return null;
    throw failed(firstLine(answer.all) ?? `it exited with ${answer.exitCode}`);
  }
  const login = helperLogin(answer.stdout);
  if (login === null) throw failed('its answer has no Username and Secret');
  return login;
}

/** What a helper says of its failure, unless it may hold a login. */
function firstLine(output: string): string | null {
  const line = output.split('\n')[0]?.trim().slice(0, 200) ?? '';
  return line === '' || /["{]|secret|passw|token/i.test(output) ? null : line;
}

function helperLogin(stdout: string): Credentials | null {
  try {
    const { Username, Secret } = JSON.parse(stdout) as { Username?: unknown; Secret?: unknown };
    if (typeof Username !== 'string' || typeof Secret !== 'string' || Secret === '') return null;
    return Username === '<token>' ? { identityToken: Secret } : { username: Username, password: Secret };
  } catch {
    return null;
  }
}
