// The first deploy of many Go versions against the same `go build`s run by a shell.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { compared, notMeasured } from './row.mjs';
import { interleaved } from './stats.mjs';
import { missing } from './tools.mjs';
import { CORES, Workplace } from './workplace.mjs';

export const rows = ['deploy-go'];

const VERSIONS = 50;
const ROUNDS = 3;
const WHAT = `\`deploy --all\` of ${VERSIONS} Go versions, none built yet`;
/** What fnmesh gives to `go build`, so that the shell makes the same binaries. */
const BUILD = "go build -trimpath '-ldflags=-s -w' -o";
const BUILD_ENV = { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false', GOWORK: 'off' };

/** Both build sources that Go has never seen (a number in them is new each time), with a warm standard library. */
export async function run({ scope }) {
  const why = missing('go');
  if (why) return [notMeasured('deploy-go', WHAT, why)];
  const place = new Workplace(scope);
  const versions = Array.from({ length: VERSIONS }, (_, n) => `v${n + 1}`).join(',');
  await place.run(['init', 'many', '--runtime', 'go', '--versions', versions, '--no-git']);
  // Warms the standard library as each of the two compiles it, and the server is there.
  await place.run(['deploy', 'v1'], 'many');
  const folders = readdirSync(join(place.dir, 'many')).filter((name) => /^v\d+$/.test(name));
  let salt = Date.now();
  const timed = async (work) => {
    for (const folder of folders) renew(join(place.dir, 'many', folder, 'func.go'), ++salt);
    const started = performance.now();
    await work();
    return (performance.now() - started) / 1000;
  };
  const script = `printf '%s\\n' v* | xargs -P ${CORES} -I % sh -c "cd % && ${BUILD} '${place.dir}'/out/% ."`;
  const taken = await interleaved(ROUNDS, {
    fnmesh: async () => {
      await place.run(['destroy', '--all', '--yes'], 'many');
      rmSync(join(place.dir, 'many/.fnmesh'), { recursive: true });
      return timed(() => place.run(['deploy', '--all'], 'many'));
    },
    shell: () => {
      rmSync(join(place.dir, 'out'), { recursive: true, force: true });
      return timed(() => place.exec('sh', ['-c', script], 'many', BUILD_ENV));
    },
  });
  return [
    compared({
      name: 'deploy-go',
      what: WHAT,
      measured: taken.fnmesh,
      against: taken.shell,
      side: `xargs -P ${CORES}`,
      unit: 's',
      by: 'ratio',
      reach: { atMost: 1.15 },
    }),
  ];
}

/** Makes a source another one that takes as long to compile. */
function renew(path, salt) {
  const source = readFileSync(path, 'utf8').replace(/\nconst salt = .*\n/, '');
  writeFileSync(path, `${source}\nconst salt = ${salt}\n`);
}
