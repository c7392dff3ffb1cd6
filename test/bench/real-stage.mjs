// An app of many Go versions that is deployed to a registry and an Fn API on loopback, and the script that it is held
// against.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { FnLoop, goBuild, imageOf } from './fn-loop.mjs';
import { startRegistry } from './registry.mjs';
import { Workplace } from './workplace.mjs';

const APP = 'many';

export class RealStage {
  #salt = Date.now();

  /** Versions v1, v2, … of one function, as the template makes them, all deployed. */
  static async open(scope, count) {
    const stage = new RealStage();
    stage.place = new Workplace(scope);
    stage.registry = await startRegistry(scope);
    stage.out = join(stage.place.dir, 'out');
    stage.versions = Array.from({ length: count }, (_, n) => `v${n + 1}`);
    const api = await startFnApi(scope);
    const at = `${stage.registry.host}/team`;
    stage.loop = new FnLoop(api, at, APP);
    const list = stage.versions.join(',');
    await stage.place.run(['init', APP, '--runtime', 'go', '--versions', list, '--no-git']);
    const target = `fn: { api: '${api}' }, registry: ${at}, probe: none`;
    stage.place.write({ [`${APP}/fnmesh.yaml`]: `target: real\ntargets:\n  real: { ${target} }\n` });
    await stage.deploy(['--all']);
    return stage;
  }

  /** Seconds that `fnmesh deploy ARGS` takes. */
  deploy(args) {
    return timed(() => this.place.run(['deploy', ...args], APP));
  }

  /** Makes the sources of versions others that take as long to compile; what the script had built is gone. */
  renew(versions) {
    this.clear();
    for (const version of versions) {
      const path = join(this.place.dir, APP, version, 'func.go');
      const source = readFileSync(path, 'utf8').replace(/\nconst salt = .*\n/, '');
      writeFileSync(path, `${source}\nconst salt = ${++this.#salt}\n`);
    }
  }

  /** Removes what the script had built. */
  clear() {
    rmSync(this.out, { recursive: true, force: true });
    mkdirSync(this.out);
  }

  /** Adds a megabyte that does not compress to a version's program. */
  enlarge(version) {
    this.place.write({
      [`${APP}/${version}/ballast`]: randomBytes(1 << 20),
      [`${APP}/${version}/ballast.go`]: `package main

import _ "embed"

//go:embed ballast
var ballast string

func init() { size = len(ballast) }

var size int
`,
    });
  }

  /** The script's `go build` of a version. */
  build(version) {
    return goBuild(this.place, join(APP, version), join(this.out, version));
  }

  /** The image of what `build` made. */
  image(version) {
    return imageOf(join(this.out, version));
  }

  /** Seconds that the script takes for versions; `make` gives the image of each. */
  script(versions, make) {
    return timed(() => this.loop.run(versions, `t${++this.#salt}`, make));
  }
}

/** Seconds. */
export async function timed(work) {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** The URL of an Fn API that runs no functions, in a process of its own. */
function startFnApi(scope) {
  const program = join(import.meta.dirname, 'fn-api-process.mjs');
  const options = { stdio: ['ignore', 'pipe', 'inherit'] };
  const child = scope.start(process.execPath, [program, scope.tempDir()], options);
  return new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').once('data', (url) => resolve(url.trim()));
    child.once('exit', (code) => reject(new Error(`the Fn API ended with ${code}`)));
  });
}
