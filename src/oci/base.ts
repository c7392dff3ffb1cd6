// The layer under every function: what a static program expects of a system, and nothing else.
import type { Layer } from './layer.js';
import { layerOf } from './layer.js';

/** Who functions run as in the image; Fn runs every container as this user and group. */
export const USER = 1000;

// Only /tmp can be written under Fn, so it is the home.
const PASSWD = `root:x:0:0:root:/root:/sbin/nologin\nfn:x:${USER}:${USER}:fn:/tmp:/sbin/nologin\n`;
const GROUP = `root:x:0:\nfn:x:${USER}:\n`;

let base: Promise<Layer> | undefined;

/**
 * CA certificates, the users root and fn (1000), and /tmp. It is the same for all functions, so a registry keeps
 * it once, and it is packed once per process.
 *
 * The certificates are Mozilla's, as Node brings them: there on every machine and renewed with Node, where the
 * system's differ from one machine to the next. With another Node release the layer may be another one.
 */
export function baseLayer(): Promise<Layer> {
  return (base ??= make());
}

async function make(): Promise<Layer> {
  const { rootCertificates } = await import('node:tls');
  return layerOf(
    [
      folder('etc'),
      file('etc/passwd', PASSWD),
      file('etc/group', GROUP),
      folder('etc/ssl'),
      folder('etc/ssl/certs'),
      // Where Go's crypto/x509 looks first.
      file('etc/ssl/certs/ca-certificates.crt', `${[...rootCertificates].sort().join('\n')}\n`),
      { path: 'tmp', mode: 0o1777 },
    ],
    'fnmesh: CA certificates, users, /tmp',
  );
}

function folder(path: string): { path: string; mode: number } {
  return { path, mode: 0o755 };
}

function file(path: string, text: string): { path: string; mode: number; content: Buffer } {
  return { path, mode: 0o644, content: Buffer.from(text) };
}
