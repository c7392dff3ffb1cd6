// What an image is built for, in the words of the OCI image specification.
import { FnmeshError } from '../errors.js';

/** An image's platform: `architecture` and `variant` as Go names them (OCI image-spec 1.1, config.md). */
export type Platform = { os: string; architecture: string; variant?: string };

/** The architectures that Go compiles for on Linux (go.dev/doc/install/source#environment) and images are made for. */
const ARCHITECTURES = ['386', 'amd64', 'arm', 'arm64', 'loong64', 'mips64le', 'ppc64le', 'riscv64', 's390x'];
/** What `uname -m` calls them. */
const ALIASES: Record<string, string> = { x86_64: 'amd64', aarch64: 'arm64' };

/**
 * Reads `linux/amd64`, `linux/arm64` or `linux/arm/v7`. As container tools read them (containerd, platforms.Normalize)
 * `linux/arm` means `v7`, and `v8` is what every arm64 is.
 * @throws FnmeshError `usage` for anything else; Fn's functions run on Linux only.
 */
export function parsePlatform(text: string): Platform {
  const [os = '', named = '', variant, ...rest] = text.trim().split('/');
  const architecture = ALIASES[named] ?? named;
  if (os !== 'linux' && ARCHITECTURES.includes(architecture)) {
    throw wrong(text, `Fn runs functions on Linux, not on ${os}`, `linux/${architecture}`);
  }
  if (os !== 'linux' || rest.length > 0 || !ARCHITECTURES.includes(architecture)) {
    throw wrong(text, `it is written linux/ARCHITECTURE, one of ${ARCHITECTURES.join(', ')}`, 'linux/amd64');
  }
  if (architecture === 'arm') {
    if (variant !== undefined && !/^v[567]$/.test(variant)) {
      throw wrong(text, 'the variants of arm are v5, v6 and v7', 'linux/arm/v7');
    }
    return { os, architecture, variant: variant ?? 'v7' };
  }
  if (variant !== undefined && !(architecture === 'arm64' && variant === 'v8')) {
    throw wrong(text, `${architecture} has no variants here`, `linux/${architecture}`);
  }
  return { os, architecture };
}

/** A platform as it is written: `linux/amd64`, `linux/arm/v7`. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

function wrong(text: string, why: string, better: string): FnmeshError {
  return new FnmeshError('usage', `no platform: ${JSON.stringify(text)}: ${why}`, {
    try: `--platform ${better}`,
  });
}
