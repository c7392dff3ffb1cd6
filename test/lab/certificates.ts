// Certificates and keys of one lab, made by openssl: an authority, the API server's, and one for each client that is asked for.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Who a client certificate stands for, as RBAC reads it. */
export type Identity = { user: string; groups?: readonly string[] };

/** Makes the authority, the API server's certificate and the key that signs ServiceAccount tokens, in `dir`. */
export function makeAuthority(dir: string): void {
  newKey(join(dir, 'ca.key'));
  openssl(['req', '-x509', '-new', '-key', join(dir, 'ca.key'), '-subj', '/CN=fnmesh-lab', '-days', '2'], {
    out: join(dir, 'ca.crt'),
  });
  sign(dir, 'server', '/CN=kube-apiserver', 'subjectAltName=IP:127.0.0.1,IP:10.98.0.1,DNS:localhost');
  newKey(join(dir, 'accounts.key'));
  openssl(['pkey', '-in', join(dir, 'accounts.key'), '-pubout'], { out: join(dir, 'accounts.pub') });
}

/** A kubeconfig for a client certificate of this user and these groups, with everything inside it. `name` names its files. */
export function certificateKubeconfig(dir: string, name: string, who: Identity, namespace?: string): string {
  const groups = (who.groups ?? []).map((group) => `/O=${group.replaceAll('/', '\\/')}`).join('');
  sign(dir, name, `${groups}/CN=${who.user.replaceAll('/', '\\/')}`, 'extendedKeyUsage=clientAuth');
  return writeKubeconfig(
    dir,
    name,
    {
      'client-certificate-data': base64(join(dir, `${name}.crt`)),
      'client-key-data': base64(join(dir, `${name}.key`)),
    },
    namespace,
  );
}

/** A kubeconfig whose user has these fields. Gives its path. */
export function writeKubeconfig(
  dir: string,
  name: string,
  user: Record<string, string>,
  namespace?: string,
): string {
  const path = join(dir, `${name}.kubeconfig`);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'lab',
    clusters: [
      {
        name: 'lab',
        cluster: {
          server: 'https://127.0.0.1:6443',
          'certificate-authority-data': base64(join(dir, 'ca.crt')),
        },
      },
    ],
    users: [{ name, user }],
    contexts: [
      { name: 'lab', context: { cluster: 'lab', user: name, ...(namespace !== undefined && { namespace }) } },
    ],
  };
  // JSON is YAML.
  writeFileSync(path, JSON.stringify(config, null, 2), { mode: 0o600 });
  return path;
}

function sign(dir: string, name: string, subject: string, extension: string): void {
  newKey(join(dir, `${name}.key`));
  const request = openssl(['req', '-new', '-key', join(dir, `${name}.key`), '-subj', subject]);
  writeFileSync(join(dir, `${name}.ext`), `${extension}\n`);
  openssl(
    ['x509', '-req', '-days', '2', '-CA', join(dir, 'ca.crt'), '-CAkey', join(dir, 'ca.key')].concat(
      '-set_serial',
      `0x${Buffer.from(name).toString('hex').slice(0, 30)}01`,
      '-extfile',
      join(dir, `${name}.ext`),
    ),
    { input: request, out: join(dir, `${name}.crt`) },
  );
}

function newKey(path: string): void {
  openssl(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], { out: path });
}

function openssl(args: string[], { input, out }: { input?: Buffer; out?: string } = {}): Buffer {
  const output = execFileSync('openssl', args, { input: input ?? '', stdio: ['pipe', 'pipe', 'pipe'] });
  if (out !== undefined) writeFileSync(out, output, { mode: 0o600 });
  return output;
}

function base64(path: string): string {
  return readFileSync(path).toString('base64');
}
