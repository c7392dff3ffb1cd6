// The flags that deploy and diff share: what is built, and where its images go.
import { Flags } from '@oclif/core';

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
