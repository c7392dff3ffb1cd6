// Runs a kubeconfig's credential plugin (Kubernetes, "client-go credential plugins", client.authentication.k8s.io/v1).
import { spawn } from 'node:child_process';
import { isatty } from 'node:tty';
import { FnmeshError } from '../errors.js';
import type { Emit } from '../events.js';
import type { Access, ExecPlugin } from './client-kubeconfig.js';
import { withoutSecrets } from './client-secrets.js';

/** What a plugin gave. `expires` is in milliseconds since 1970; null: good until it is refused. */
export type PluginCredential = { token?: string; cert?: Buffer; key?: Buffer; expires: number | null };

/** A person may have to sign in on a web page; longer than this nobody waits. */
const LONGEST_MS = 300_000;

/**
 * Runs the plugin once. What it says on stderr, such as where to sign in, is passed on as notes.
 * @throws FnmeshError `config` when it is not installed, fails, gives no credential or takes longer than five minutes.
 */
export async function runPlugin(
  plugin: ExecPlugin,
  access: Pick<Access, 'server' | 'tls' | 'user' | 'from'>,
  env: NodeJS.ProcessEnv,
  emit: Emit,
): Promise<PluginCredential> {
  const terminal = plugin.interactive !== 'Never' && isatty(0);
  const name = `the credential plugin ${plugin.command} of user ${access.user}`;
  if (plugin.interactive === 'Always' && !terminal) {
    throw new FnmeshError('config', `${name} wants a terminal, and there is none`, {
      try: `run ${plugin.command} on a terminal first, or use a token`,
    });
  }
  const { code, stdout, stderr } = await run(plugin, infoOf(plugin, access, terminal), {
    env,
    terminal,
    emit,
    name,
  });
  if (code !== 0) {
    const said = withoutSecrets(stderr.trim().split('\n').slice(-5).join('\n'));
    throw new FnmeshError('config', `${name} failed (${code})${said === '' ? '' : `: ${said}`}`, {
      try: `${[plugin.command, ...plugin.args].join(' ')}, to see why`,
    });
  }
  const credential = credentialOf(stdout);
  if (credential !== null) return credential;
  throw new FnmeshError('config', `${name} gave no ExecCredential with a token or a certificate`, {
    try: `a newer ${plugin.command}, or another user in ${access.from}`,
  });
}

/** KUBERNETES_EXEC_INFO: what a plugin may know. */
function infoOf(
  plugin: ExecPlugin,
  { server, tls }: Pick<Access, 'server' | 'tls'>,
  interactive: boolean,
): string {
  const cluster = {
    server,
    ...(tls.ca && { 'certificate-authority-data': tls.ca.toString('base64') }),
    ...(tls.servername !== undefined && { 'tls-server-name': tls.servername }),
    ...(tls.rejectUnauthorized === false && { 'insecure-skip-tls-verify': true }),
  };
  return JSON.stringify({
    apiVersion: plugin.apiVersion,
    kind: 'ExecCredential',
    spec: { interactive, ...(plugin.provideClusterInfo && { cluster }) },
  });
}

type Run = { env: NodeJS.ProcessEnv; terminal: boolean; emit: Emit; name: string };
type Ran = { code: number | string; stdout: string; stderr: string };

function run(plugin: ExecPlugin, info: string, { env, terminal, emit, name }: Run): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(plugin.command, [...plugin.args], {
      env: { ...env, ...plugin.env, KUBERNETES_EXEC_INFO: info },
      stdio: [terminal ? 'inherit' : 'ignore', 'pipe', 'pipe'],
      timeout: LONGEST_MS,
    });
    let [stdout, stderr, line] = ['', '', ''];
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (stdout += piece));
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      stderr = (stderr + piece).slice(-4096);
      const lines = (line + piece).split('\n');
      line = lines.pop()!;
      for (const text of lines) if (text.trim() !== '') emit({ type: 'note', text: withoutSecrets(text) });
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'ENOENT' ? 'is not installed, or not on the PATH' : `cannot be run: ${error.message}`;
      reject(
        new FnmeshError('config', `${name} ${why}`, {
          try: plugin.installHint?.trim().split('\n')[0] ?? `install ${plugin.command}`,
        }),
      );
    });
    child.on('close', (code, signal) => resolve({ code: code ?? signal ?? 'ended', stdout, stderr }));
  });
}

function credentialOf(stdout: string): PluginCredential | null {
  let status: Record<string, unknown> | undefined;
  try {
    status = (JSON.parse(stdout) as { status?: Record<string, unknown> }).status;
  } catch {
    return null;
  }
  const of = (field: string): string | undefined => {
    const value = status?.[field];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [token, cert, key] = [of('token'), of('clientCertificateData'), of('clientKeyData')];
  if (token === undefined && (cert === undefined || key === undefined)) return null;
  const expires = Date.parse(of('expirationTimestamp') ?? '');
  return {
    ...(token !== undefined && { token }),
    ...(cert !== undefined && key !== undefined && { cert: Buffer.from(cert), key: Buffer.from(key) }),
    expires: Number.isNaN(expires) ? null : expires,
  };
}
