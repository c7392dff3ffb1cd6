// Which cluster, and as whom: kubeconfig files by kubectl's rules, else the service account of the Pod that fnmesh runs in.
import { readFile } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import type { ClusterSettings } from '../target/cluster.js';
import { FnmeshError, messageOf } from '../errors.js';
import type { ClusterIdentity } from './cluster.js';

/** A credential plugin (Kubernetes, client.authentication.k8s.io/v1), as a kubeconfig names it. */
export type ExecPlugin = {
  apiVersion: string;
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  installHint?: string;
  interactive: 'Never' | 'IfAvailable' | 'Always';
  /** Whether it is told which cluster it is for. */
  provideClusterInfo: boolean;
};

/** How someone proves who they are, besides a client certificate. */
type Login =
  | { kind: 'none' }
  | { kind: 'token'; token: string }
  /** The file is read again from time to time: what is in it expires. */
  | { kind: 'token-file'; file: string }
  | { kind: 'password'; username: string; password: string }
  | { kind: 'exec'; plugin: ExecPlugin }
  /** One of the old `auth-provider`s, as it stands in the file: the library knows them. */
  | { kind: 'provider'; provider: Record<string, unknown> };

/** Everything that is needed to speak to an API server. Holds secrets: never printed. */
export type Access = ClusterIdentity & {
  /** Where it was read, for messages. */
  from: string;
  /** PEM. */
  tls: { ca?: Buffer; cert?: Buffer; key?: Buffer; servername?: string; rejectUnauthorized?: false };
  login: Login;
  /** Headers by which one acts as another. */
  impersonate: Readonly<Record<string, string | string[]>>;
  /** null: the environment's. */
  proxyUrl: string | null;
};

/** Where a Pod finds its service account. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

type Entry = { name: string; body: Record<string, unknown>; file: string };
type Merged = { contexts: Entry[]; clusters: Entry[]; users: Entry[]; current: string; files: string[] };
type Asked = Pick<ClusterSettings, 'kubeconfig' | 'context' | 'namespace'>;

/**
 * Finds the cluster: `settings.kubeconfig`, else the files of KUBECONFIG, else ~/.kube/config, else the service account
 * of the Pod. Of entries with one name the first counts, and files of KUBECONFIG that are not there are passed over
 * (kubectl, "Organizing Cluster Access Using kubeconfig Files").
 * @param account The folder of the Pod's service account.
 * @throws FnmeshError `config` when there is none, or something in it is missing or cannot be read.
 */
export async function findAccess(
  settings: Asked,
  env: NodeJS.ProcessEnv,
  account = SERVICE_ACCOUNT,
): Promise<Access> {
  const merged = await readFiles(settings, env);
  if (merged !== null) return accessOf(merged, settings);
  const inside = await insideCluster(settings, env, account);
  if (inside !== null) return inside;
  throw new FnmeshError('config', 'there is no kubeconfig: neither ~/.kube/config nor KUBECONFIG', {
    try: 'fnmesh … --kubeconfig FILE, or kubeconfig: FILE under the target in fnmesh.yaml',
  });
}

async function readFiles(settings: Asked, env: NodeJS.ProcessEnv): Promise<Merged | null> {
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  const explicit = settings.kubeconfig?.value;
  const home = env['HOME'] === undefined ? [] : [join(env['HOME'], '.kube', 'config')];
  const candidates = explicit !== undefined ? [explicit] : listed.length > 0 ? listed : home;
  const merged: Merged = { contexts: [], clusters: [], users: [], current: '', files: [] };
  for (const file of candidates) {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      if (explicit === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw unread(file, error, settings.kubeconfig?.from ?? (listed.length > 0 ? 'KUBECONFIG' : null));
    }
    await merge(merged, resolve(file), text);
  }
  if (merged.files.length > 0) return merged;
  if (listed.length === 0 || explicit !== undefined) return null;
  throw new FnmeshError('config', `KUBECONFIG names no file that is there: ${listed.join(', ')}`, {
    try: 'KUBECONFIG with a file that is there, or --kubeconfig FILE',
  });
}

/** What stands in the way of a file, as its reader is told by the system's code. */
const IN_THE_WAY: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  ENOTDIR: 'is not there',
  EACCES: 'may not be read by you',
  EISDIR: 'is a folder',
};

/** `from`: who named the file; null: nobody, it is the usual one. */
function unread(file: string, error: unknown, from: string | null): FnmeshError {
  const why =
    IN_THE_WAY[(error as NodeJS.ErrnoException).code ?? ''] ?? `cannot be read: ${messageOf(error)}`;
  const by = from === null ? '' : ` (${from})`;
  const where = from === null ? '--kubeconfig' : /^[A-Z-]+$/i.test(from) ? from : `kubeconfig:${by}`;
  return new FnmeshError('config', `the kubeconfig ${file}${by} ${why}`, {
    try: `${where} with a file that can be read`,
  });
}

async function merge(into: Merged, file: string, text: string): Promise<void> {
  const { parse } = await import('yaml');
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    const at = (error as { linePos?: [{ line: number }] }).linePos?.[0].line;
    // The message's first line only: what follows shows the file's text, which may hold a token.
    const what = messageOf(error)
      .split('\n')[0]!
      .replace(/ at line \d+.*$/, '');
    throw new FnmeshError(
      'config',
      `${file}${at === undefined ? '' : `:${at}`}: the kubeconfig is no YAML: ${what}`,
      {
        try: `correct ${file}`,
      },
    );
  }
  if (!isRecord(content) && content !== null) {
    throw new FnmeshError('config', `${file} is no kubeconfig`, { try: '--kubeconfig with the right file' });
  }
  into.files.push(file);
  const { contexts, clusters, users, 'current-context': current } = content ?? {};
  if (into.current === '' && typeof current === 'string') into.current = current;
  into.contexts.push(...entries(contexts, 'context', file));
  into.clusters.push(...entries(clusters, 'cluster', file));
  into.users.push(...entries(users, 'user', file));
}

function entries(list: unknown, field: string, file: string): Entry[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((each: unknown) => {
    if (!isRecord(each) || typeof each['name'] !== 'string') return [];
    const body = each[field];
    return [{ name: each['name'], body: isRecord(body) ? body : {}, file }];
  });
}

async function accessOf(merged: Merged, settings: Asked): Promise<Access> {
  const from = merged.files.join(', ');
  const names = merged.contexts.map(({ name }) => name);
  const wanted = settings.context?.value ?? merged.current;
  const context = merged.contexts.find(({ name }) => name === wanted);
  if (context === undefined) {
    const what = wanted === '' ? `${from} names no current context` : `${from} has no context ${wanted}`;
    const said = settings.context === null ? '' : ` (${settings.context.from})`;
    const there = names.length === 0 ? 'none' : names.join(', ');
    throw new FnmeshError('config', `${what}${said}; there is ${there}`, {
      try: names.length === 0 ? '--kubeconfig FILE with a context' : `--context ${names[0]}`,
    });
  }
  const broken = (what: string): FnmeshError =>
    new FnmeshError('config', `${context.file}: ${what}`, {
      try: `correct ${context.file}, or name another --context`,
    });
  const clusterName = text(context.body, 'cluster');
  const cluster = merged.clusters.find(({ name }) => name === clusterName);
  if (cluster === undefined)
    throw broken(`context ${wanted} names the cluster ${clusterName ?? ''}, which is not there`);
  const server = text(cluster.body, 'server')?.replace(/\/+$/, '');
  if (server === undefined || !/^https?:\/\/[^/\s]+/.test(server)) {
    throw broken(`cluster ${cluster.name} has no server with http:// or https://`);
  }
  const userName = text(context.body, 'user') ?? '';
  const user = merged.users.find(({ name }) => name === userName);
  if (user === undefined && userName !== '')
    throw broken(`context ${wanted} names the user ${userName}, which is not there`);
  const person = user ?? { name: '', body: {}, file: context.file };
  const ca = await pem(cluster, 'certificate-authority');
  const cert = await pem(person, 'client-certificate');
  const key = await pem(person, 'client-key');
  const servername = text(cluster.body, 'tls-server-name');
  return {
    context: wanted,
    server,
    namespace: settings.namespace?.value ?? text(context.body, 'namespace') ?? 'default',
    user: userName,
    from,
    tls: {
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
      ...(servername !== undefined && { servername }),
      ...(cluster.body['insecure-skip-tls-verify'] === true && { rejectUnauthorized: false as const }),
    },
    login: loginOf(person),
    impersonate: impersonation(person.body),
    proxyUrl: text(cluster.body, 'proxy-url') ?? null,
  };
}

/** In kubectl's order: what is named by a file counts over what stands in the kubeconfig. */
function loginOf({ name, body, file }: Entry): Login {
  const tokenFile = text(body, 'tokenFile');
  if (tokenFile !== undefined) return { kind: 'token-file', file: beside(file, tokenFile) };
  const token = text(body, 'token');
  if (token !== undefined) return { kind: 'token', token };
  const [username, password] = [text(body, 'username'), text(body, 'password')];
  if (username !== undefined) return { kind: 'password', username, password: password ?? '' };
  if (isRecord(body['auth-provider'])) return { kind: 'provider', provider: body['auth-provider'] };
  const exec = body['exec'];
  if (!isRecord(exec)) return { kind: 'none' };
  const command = text(exec, 'command');
  if (command === undefined) {
    throw new FnmeshError('config', `${file}: user ${name} has an exec plugin without command`, {
      try: `correct ${file}`,
    });
  }
  const hint = text(exec, 'installHint');
  const env = (Array.isArray(exec['env']) ? exec['env'] : []).filter(isRecord);
  const mode = text(exec, 'interactiveMode');
  return {
    kind: 'exec',
    plugin: {
      apiVersion: text(exec, 'apiVersion') ?? 'client.authentication.k8s.io/v1',
      // A command with a slash is relative to the file, one without is looked for on the PATH.
      command: command.includes('/') ? beside(file, command) : command,
      args: (Array.isArray(exec['args']) ? exec['args'] : []).map(String),
      env: Object.fromEntries(env.map((each) => [String(each['name']), String(each['value'])])),
      ...(hint !== undefined && { installHint: hint }),
      interactive: mode === 'Never' || mode === 'Always' ? mode : 'IfAvailable',
      provideClusterInfo: exec['provideClusterInfo'] === true,
    },
  };
}

/** The headers of `as`, `as-uid`, `as-groups` and `as-user-extra` (Kubernetes, "User impersonation"). */
function impersonation(body: Record<string, unknown>): Record<string, string | string[]> {
  const [as, uid, groups, extra] = [
    text(body, 'as'),
    text(body, 'as-uid'),
    body['as-groups'],
    body['as-user-extra'],
  ];
  const headers: Record<string, string | string[]> = {};
  if (as !== undefined) headers['Impersonate-User'] = as;
  if (uid !== undefined) headers['Impersonate-Uid'] = uid;
  if (Array.isArray(groups) && groups.length > 0) headers['Impersonate-Group'] = groups.map(String);
  for (const [key, values] of Object.entries(isRecord(extra) ? extra : {})) {
    headers[`Impersonate-Extra-${encodeURIComponent(key)}`] = Array.isArray(values)
      ? values.map(String)
      : String(values);
  }
  return headers;
}

/** `FIELD-data` in base64, else the file that `FIELD` names. */
async function pem({ name, body, file }: Entry, field: string): Promise<Buffer | undefined> {
  const data = text(body, `${field}-data`);
  if (data !== undefined) return Buffer.from(data, 'base64');
  const path = text(body, field);
  if (path === undefined) return undefined;
  try {
    return await readFile(beside(file, path));
  } catch (error) {
    throw new FnmeshError('config', `${file}: ${field} of ${name} cannot be read: ${messageOf(error)}`, {
      try: `correct ${field} in ${file}`,
    });
  }
}

async function insideCluster(
  settings: Asked,
  env: NodeJS.ProcessEnv,
  account: string,
): Promise<Access | null> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port) return null;
  const read = (name: string): Promise<Buffer | null> => readFile(join(account, name)).catch(() => null);
  const [token, ca, namespace] = await Promise.all([read('token'), read('ca.crt'), read('namespace')]);
  if (token === null) return null;
  return {
    context: 'in-cluster',
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: settings.namespace?.value ?? namespace?.toString().trim() ?? 'default',
    user: 'service account',
    from: account,
    tls: { ...(ca && { ca }) },
    login: { kind: 'token-file', file: join(account, 'token') },
    impersonate: {},
    proxyUrl: null,
  };
}

function beside(file: string, path: string): string {
  return isAbsolute(path) ? path : join(dirname(file), path);
}

function text(record: Record<string, unknown>, field: string): string | undefined {
  const value = record[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
