// kill -9 of the real command line before or after any request that changes the cluster: the same command again ends in
// the state of a run that nobody ended. FNMESH_KILL_ALL=1 goes through all of them instead of some.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeApp } from '../helpers/cli.js';
import { type ApiProxy, startApiProxy } from './api-proxy.js';
import { changesOf, runCli, startCli, stateOf } from './cli-process.js';
import { ClusterStage } from './cli-stage.js';

/** How many places of each command are tried, unless all are. */
const PLACES = process.env['FNMESH_KILL_ALL'] ? Infinity : 2;

describe.each([
  { api: 'istio', gateway: 'istio-ingress/public', proxy: 'dedicated' },
  { api: 'gateway-api', gateway: 'istio-ingress/public-gw#http', proxy: 'shared' },
])('$api, $proxy proxies', ({ api, gateway, proxy }) => {
  let stage: ClusterStage;
  let between: ApiProxy;
  const target = ['--target', 'lab'];
  const deploy = ['deploy', '--all', ...target];

  beforeAll(async () => {
    stage = await ClusterStage.open('shop', nodeApp('shop', { shop: ['v1', 'v2'], cart: ['v1', 'v2'] }));
    stage.targets({ lab: { api, gateway, proxy, drain: '100ms' } });
    between = await startApiProxy(stage.lab.dir);
  });
  afterAll(async () => {
    await between?.close();
    await stage?.close();
  });

  const run = (args: readonly string[]) => runCli(stage, args, { KUBECONFIG: between.kubeconfig });

  async function fine(args: readonly string[]): Promise<void> {
    between.rule();
    const ran = await run(args);
    if (ran.code !== 0) throw new Error(`${args.join(' ')}: exit ${ran.code}\n${ran.stdout}${ran.stderr}`);
  }

  /** Ends the command at its n-th write; `after`: once the cluster has carried it out. Gives whether it came so far. */
  async function killedAt(args: readonly string[], at: number, after: boolean): Promise<boolean> {
    let isKilled = false;
    between.rule(({ write }) => {
      if (isKilled) return { do: 'drop-before' };
      if (write !== at) return undefined;
      isKilled = true;
      if (after) {
        setTimeout(() => running.child.kill('SIGKILL'), 30);
        return { do: 'drop-after' };
      }
      running.child.kill('SIGKILL');
      return { do: 'drop-before' };
    });
    const running = startCli(stage, args, { KUBECONFIG: between.kubeconfig });
    const { code, stdout, stderr } = await running.ended;
    if (!isKilled && code !== 0) throw new Error(`${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
    between.rule();
    return isKilled;
  }

  /** Every function answers, by a version that its route names. */
  async function answers(paths: readonly string[]): Promise<void> {
    await stage.gateway.updated();
    for (const path of paths) {
      const got = await Promise.all(Array.from({ length: 4 }, () => stage.get(path)));
      expect(got.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    }
  }

  /**
   * Ends both commands at many places, each time followed by the same command again. `second` undoes what
   * `first` does. Gives how often a command was to take effect.
   */
  async function everywhere(
    first: readonly string[],
    second: readonly string[],
    after: readonly (readonly string[])[],
    during: readonly string[] = [],
  ): Promise<number> {
    const steps = [first, second].map((args, at) => ({ args, paths: after[at]!, writes: 0, wanted: {} }));
    for (const step of steps) {
      await fine(step.args);
      step.writes = between.writes();
      step.wanted = await stateOf(stage);
      expect(step.writes).toBeGreaterThan(0);
    }
    const places = Math.min(PLACES, Math.max(...steps.map(({ writes }) => writes)));
    for (let place = 0; place < places; place++) {
      for (const { args, paths, writes, wanted } of steps) {
        const at = 1 + Math.floor((place * writes) / places);
        const isAfter = place % 2 === 1;
        const where = `${args.join(' ')}, ended ${isAfter ? 'after' : 'before'} write ${at} of ${writes}`;
        if (process.env['FNMESH_KILL_ALL']) process.stderr.write(`${where}\n`);
        expect(await killedAt(args, at, isAfter), where).toBe(true);
        await answers(during);
        await fine(args);
        expect(await stateOf(stage), where).toEqual(wanted);
        await answers(paths);
      }
    }
    return steps.length * (1 + places);
  }

  const BOTH = ['/', '/cart'];

  test('the first deploy, and destroy', async () => {
    await everywhere(deploy, ['destroy', '--all', '--yes', ...target], [BOTH, []]);
  });

  test('a shift of two functions: both or none, and one change in the history', async () => {
    await fine(deploy);
    const shift = (version: string): string[] => {
      const shifts = ['cart', 'shop'].map((fn) => `${fn}/${version}=100`);
      return ['shift', ...shifts, '--wait=none', ...target];
    };
    const newest = async () => Number.parseInt((await changesOf(stage))[0]!);
    const before = await newest();
    const runs = await everywhere(shift('v2'), shift('v1'), [BOTH, BOTH], BOTH);
    expect(await newest()).toBe(before + runs);
  });

  test('another version, and its end', async () => {
    await fine(deploy);
    stage.place.write(nodeApp('shop', { cart: ['v3'] }));
    await everywhere(deploy, ['destroy', 'cart/v3', '--yes', ...target], [BOTH, BOTH], BOTH);
  });
});
