// The flags of deploy and diff: what is built, where its images go, and what else is done.
import { Flags } from '@oclif/core';
import { FnmeshError } from '../errors.js';
import type { BasisPoints } from '../routing/route.js';
import { dryRunFlag, fnPortFlag, gatewayPortFlag, messageFlag, targetFlags, yesFlag } from './flags.js';
import { readShare } from './share.js';

const group = 'IMAGES (REAL FN SERVERS)';

/** Which versions, how they are built, and how their images are made. */
export const buildFlags = {
  all: Flags.boolean({ char: 'a', description: 'every version of the app', default: false }),
  as: Flags.string({
    description: 'deploy the one folder as a new version, v3 or `next`, with 0 % of the traffic',
    helpValue: 'VERSION',
  }),
  registry: Flags.string({
    description: 'where images go (env FN_REGISTRY)',
    helpValue: 'HOST/PATH',
    helpGroup: group,
  }),
  platform: Flags.string({
    description: 'what images are built for (default linux/amd64)',
    helpValue: 'OS/ARCH',
    helpGroup: group,
  }),
  builder: Flags.option({
    options: ['docker', 'podman', 'buildah'] as const,
    description: 'what builds images of other languages than Go (default: the first found)',
    helpGroup: group,
  })(),
  tag: Flags.string({
    description: "instead of func.yaml's version and a hash of the content",
    helpValue: 'TAG',
    helpGroup: group,
  }),
  image: Flags.string({
    description: 'an image that exists, for one version: nothing is built',
    helpValue: 'REF',
    helpGroup: group,
  }),
  load: Flags.boolean({
    description: 'into the Docker or Podman of this machine instead of a registry',
    default: false,
    helpGroup: group,
  }),
  insecure: Flags.boolean({
    description: 'plain http and untrusted certificates also for registries on other machines',
    default: false,
    helpGroup: group,
  }),
};

/** All flags of deploy. */
export const deployFlags = {
  ...targetFlags,
  ...buildFlags,
  shift: Flags.string({
    description: 'with --as: the share that the new version then gets, in percent',
    helpValue: 'SHARE',
  }),
  output: Flags.string({
    description: 'write the images there and deploy nothing: oci-layout=DIR or docker-archive=FILE',
    helpValue: 'KIND=PATH',
    exclusive: ['load', 'image', 'as'],
  }),
  force: Flags.boolean({ description: 'build although nothing changed', default: false }),
  bump: Flags.boolean({
    description: 'then add one to the patch version in func.yaml of what changed',
    default: false,
  }),
  prune: Flags.boolean({
    description: 'remove versions whose folder is gone and that have no traffic; asks',
    default: false,
  }),
  'in-place': Flags.boolean({
    description: 'change also what shares traffic with other versions, on a real Fn server',
    default: false,
  }),
  'allow-older': Flags.boolean({
    description: 'deploy although what is live was made from a newer commit',
    default: false,
  }),
  jobs: Flags.integer({
    char: 'j',
    description: 'how many builds at a time (default: one per core)',
    min: 1,
    helpValue: 'N',
  }),
  message: messageFlag,
  yes: yesFlag,
  'fn-port': fnPortFlag,
  'gateway-port': gatewayPortFlag,
  'dry-run': dryRunFlag,
};

/**
 * What the version that `--as` makes then gets; undefined: nothing is said of it.
 * @throws FnmeshError `usage` for what is no share, and where no version is made that could get it.
 */
export function askedShare(flags: {
  as?: string | undefined;
  shift?: string | undefined;
}): BasisPoints | undefined {
  const { as, shift: text } = flags;
  if (text === undefined) return undefined;
  if (as === undefined) {
    throw new FnmeshError('usage', '--shift is for the new version that --as makes, and there is no --as', {
      try: '--as next --shift 5; or without it, and fnmesh shift FN/v2=5 afterwards',
    });
  }
  if (text.includes('=')) {
    const message = `--shift ${text}: the version is the one that --as makes, so only its share is said`;
    throw new FnmeshError('usage', message, { try: '--shift 5' });
  }
  return readShare(text, '--shift');
}
