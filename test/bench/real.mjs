// Deploys of Go versions to a real registry and an Fn API on loopback, against a script that does the same for one
// version after the other, as the plain Fn CLI does.
import { join } from 'node:path';
import { RealStage, timed } from './real-stage.mjs';
import { alone, compared, notMeasured } from './row.mjs';
import { interleaved } from './stats.mjs';
import { missing } from './tools.mjs';

const GROUP = { 'real-changed': changed, 'real-push': pushed, 'real-unchanged': unchanged, image };

export const rows = Object.keys(GROUP);

const ALL = 200;
const CHANGED = 50;
const ROUNDS = 3;
const IMAGE_ROUNDS = 7;

/** The Fn API runs no functions, so no version is called (`probe: none`). */
export async function run({ scope, wanted }) {
  const names = rows.filter(wanted);
  const why = missing('go', 'docker-registry');
  if (why) return names.map((name) => notMeasured(name, 'Go versions to a registry and an Fn API', why));
  // Only one row needs all of them, and each has to be built first.
  const stage = await RealStage.open(scope, names.includes('real-unchanged') ? ALL : CHANGED);
  const found = [];
  for (const name of names) found.push(...(await GROUP[name](stage)));
  return found;
}

async function changed(stage) {
  const versions = stage.versions.slice(0, CHANGED);
  const taken = await interleaved(ROUNDS, {
    fnmesh: () => {
      stage.renew(versions);
      return stage.deploy(versions);
    },
    script: () => {
      stage.renew(versions);
      return stage.script(versions, buildAndPack(stage));
    },
  });
  return [
    compared({
      name: 'real-changed',
      what: `\`deploy\` of ${CHANGED} changed Go versions to a registry and an Fn API`,
      measured: taken.fnmesh,
      against: taken.script,
      side: 'one after the other',
      unit: 's',
      by: 'inverse',
      reach: { atLeast: 1.5 },
      note: "the Fn API is the embedded server's in a process of its own, which runs no functions (probe: none)",
    }),
  ];
}

async function pushed(stage) {
  const versions = stage.versions.slice(0, CHANGED);
  const built = async () => {
    stage.renew(versions);
    for (const version of versions) await stage.build(version);
  };
  const taken = await interleaved(ROUNDS, {
    fnmesh: async () => {
      stage.renew(versions);
      await stage.deploy([...versions, '--output', `oci-layout=${join(stage.out, 'images')}`]);
      return stage.deploy(versions);
    },
    script: async () => {
      await built();
      return stage.script(versions, (version) => stage.image(version));
    },
    packed: async () => {
      await built();
      const images = new Map();
      for (const version of versions) images.set(version, await stage.image(version));
      return stage.script(versions, (version) => images.get(version));
    },
  });
  const row = { name: 'real-push', measured: taken.fnmesh, unit: 's', by: 'inverse' };
  return [
    compared({
      ...row,
      what: 'push and API calls of the same, built before',
      against: taken.script,
      side: 'one after the other, each packed',
      reach: { atLeast: 3 },
      note: 'fnmesh keeps a build with its packed layer (here from `deploy --output`), the script only the binary',
    }),
    compared({ ...row, what: 'the same', against: taken.packed, side: 'one after the other, packed before' }),
  ];
}

async function unchanged(stage) {
  const some = stage.versions.slice(0, CHANGED);
  await stage.deploy(['--all']);
  const requests = [];
  const taken = await interleaved(ROUNDS, {
    fnmesh: async () => {
      const before = stage.registry.requests();
      const seconds = await stage.deploy(['--all']);
      requests.push(stage.registry.requests() - before);
      return seconds;
    },
    script: async () => {
      stage.clear();
      return (ALL / CHANGED) * (await stage.script(some, buildAndPack(stage)));
    },
  });
  return [
    compared({
      name: 'real-unchanged',
      what: `\`deploy --all\` of ${ALL} unchanged Go versions`,
      measured: taken.fnmesh,
      against: taken.script,
      side: 'built and pushed one after the other',
      unit: 's',
      by: 'inverse',
      reach: { atLeast: 20 },
      note: `the other side was run over ${CHANGED} versions and is reckoned for ${ALL}; Go has compiled them before, its layers are in the registry`,
    }),
    alone({
      name: 'real-unchanged',
      what: 'what the registry gets of it',
      measured: requests,
      unit: 'requests',
      reach: { atMost: 0 },
    }),
  ];
}

/** In memory, as a push takes it; then as a whole process that also compiles and writes it. */
async function image(stage) {
  const [version] = stage.versions;
  stage.enlarge(version);
  const taken = await interleaved(IMAGE_ROUNDS, {
    image: async () => {
      stage.renew([version]);
      await stage.build(version);
      return timed(() => stage.image(version));
    },
    fnmesh: () => {
      stage.renew([version]);
      return stage.deploy([version, '--output', `oci-layout=${join(stage.out, 'images')}`]);
    },
    go: () => {
      stage.renew([version]);
      return timed(() => stage.build(version));
    },
  });
  const row = { name: 'image', unit: 's' };
  return [
    alone({
      ...row,
      what: 'the image of a Go program of 7 MB',
      measured: taken.image,
      reach: { atMost: 0.4 },
    }),
    compared({
      ...row,
      what: '`deploy --output` of it, a whole process',
      measured: taken.fnmesh,
      against: taken.go,
      side: '`go build`',
      by: 'difference',
    }),
  ];
}

/** What the script does for the image of a version. */
function buildAndPack(stage) {
  return async (version) => {
    await stage.build(version);
    return stage.image(version);
  };
}
