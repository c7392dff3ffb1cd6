// What can happen to the state folder and around the server's start: full and read-only disks, damaged files, other
// processes, clocks that jump.
import { execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ServerInfo } from '../../src/control/protocol.js';
import { BIN, nodeApp, Workplace } from '../helpers/cli.js';
import { lives } from '../helpers/data-plane.js';
import { expectSerial, killed, routerOf, started } from './stage.js';

let place: Workplace;
const at = { cwd: 'hello' };
const mounted: string[] = [];
const canMount = process.platform === 'linux' && process.getuid?.() === 0;

beforeEach(() => void (place = new Workplace()));
afterEach(async () => {
  await place.run(['stop']);
  for (const dir of mounted.splice(0)) execFileSync('umount', [dir]);
  await place.close();
});

function mount(dir: string, size: string): void {
  mkdirSync(dir, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', dir]);
  mounted.push(dir);
}

async function deployed(): Promise<void> {
  place.write(nodeApp('hello', { hello: ['v1', 'v2'] }));
  expect((await place.run(['deploy', '--all'], at)).code).toBe(0);
}

const split = async () => (await routerOf(place).read('hello')).routes[0]!.route.split;
const shift = (share: number) => place.run(['shift', `v2=${share}`], at);
/** Takes all the room that is left, but for what is asked to be spared. */
function fill(dir: string): string {
  const filler = join(dir, 'filler');
  const chunk = Buffer.alloc(4096);
  try {
    for (;;) appendFileSync(filler, chunk);
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
  }
  return filler;
}

describe.skipIf(!canMount)('a full disk', () => {
  test('while the server runs: changes are refused whole and clearly, requests go on, room makes it well', async () => {
    mount(place.home, '2m');
    await deployed();
    expect((await shift(30)).code).toBe(0);
    const { gatewayUrl, pid } = await place.server();
    const filler = fill(place.home);
    // What is left of the last block takes some changes more.
    let refused = await shift(31);
    let kept = 30;
    for (let share = 32; refused.code === 0 && share < 60; share++) {
      kept = share - 1;
      refused = await shift(share);
    }
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain(
      `Cannot write to the state in ${place.home}: no space is left on its disk`,
    );
    expect(refused.stderr).toContain(`try: df -h ${place.home}`);
    expect((await split())['v2']).toBe(kept * 100);
    for (const version of ['v1', 'v2'])
      expect((await fetch(gatewayUrl, { headers: { 'Fnmesh-Version': version } })).status).toBe(200);
    place.write({ 'hello/v2/func.js': `${readFileSync(join(place.dir, 'hello/v2/func.js'), 'utf8')}\n` });
    const deploy = await place.run(['deploy', 'v2'], at);
    expect(deploy.code).toBe(1);
    expect(`${deploy.stdout}${deploy.stderr}`).toContain('no space is left on its disk');

    rmSync(filler);
    expect((await shift(70)).code).toBe(0);
    expect((await place.run(['deploy', 'v2'], at)).code).toBe(0);
    const changes = await routerOf(place).history('hello');
    expectSerial(changes);
    await killed(pid);
    expect((await started(place)).warnings).toEqual([]);
    expect(await routerOf(place).history('hello')).toEqual(changes);
    expect((await split())['v2']).toBe(7000);
  });

  test('when the server is to start: it says so, and starts once there is room', async () => {
    mount(place.home, '256k');
    const filler = fill(place.home);
    const ran = await place.run(['start', '-d']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/no space is left|no space left/i);
    expect(ran.stderr).toContain(place.home);
    expect(ran.stderr).toContain('try: df -h');
    expect(ran.stderr).not.toContain('bug in fnmesh');
    rmSync(filler);
    await started(place);
  });
});

describe('a state folder that cannot be written', () => {
  test.skipIf(!canMount)('read-only from the start', async () => {
    mount(place.home, '256k');
    execFileSync('mount', ['-o', 'remount,ro', place.home]);
    for (const command of [['start', '-d'], ['start']]) {
      const ran = await place.run(command);
      expect(ran.code).toBe(1);
      expect(ran.stderr).toMatch(/read-only/);
      expect(ran.stderr).toContain(place.home);
      expect(ran.stderr).not.toContain('bug in fnmesh');
    }
    execFileSync('mount', ['-o', 'remount,rw', place.home]);
    await started(place);
  });

  test.each([
    ['a file in its place', ''],
    ['a file in the place of a folder above it', 'below/it'],
  ])('%s', async (_what, below) => {
    const file = join(place.dir, 'in-the-way');
    writeFileSync(file, 'mine');
    const env = { FNMESH_HOME: join(file, below) };
    for (const command of [['start', '-d'], ['start'], ['status'], ['stop']]) {
      const ran = await place.run(command, { env });
      expect(ran.stderr).not.toContain('bug in fnmesh');
      if (command[0] !== 'start') continue;
      expect(ran.code).toBe(1);
      expect(ran.stderr).toContain(file);
      expect(ran.stderr).toMatch(/try: /);
    }
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  test('a link that leads nowhere', async () => {
    symlinkSync(join(place.dir, 'nowhere', 'at', 'all'), place.home);
    const ran = await place.run(['start', '-d']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(place.home);
    expect(ran.stderr).not.toContain('bug in fnmesh');
    rmSync(place.home);
  });
});

describe('a damaged state file', () => {
  const newest = (kind: string) => {
    const names = readdirSync(place.home).filter((name) =>
      new RegExp(`^${kind}-\\d+\\.(nd)?json$`).test(name),
    );
    const number = (name: string) => Number(/\d+/.exec(name)![0]);
    return join(place.home, names.sort((a, b) => number(b) - number(a))[0]!);
  };
  const flip = (path: string, position: number) => {
    const bytes = readFileSync(path);
    const index = position < 0 ? bytes.length + position : position;
    bytes[index] = bytes[index]! ^ 1;
    writeFileSync(path, bytes);
  };

  /** Starts on what is there; the user must be told by `start` and by `status` alike. */
  async function restored(says: RegExp): Promise<void> {
    const ran = await place.run(['start', '-d']);
    expect(ran.code).toBe(0);
    expect(ran.stderr).toMatch(says);
    const status = await place.run(['status']);
    expect(status.stdout).toMatch(new RegExp(`warning: .*${says.source}`));
    const { gatewayUrl } = await place.server();
    expect((await fetch(gatewayUrl, { headers: { 'Fnmesh-Version': 'v2' } })).status).toBe(200);
  }

  test('the journal and each snapshot in turn: the previous good copy counts, and the user is told', async () => {
    await deployed();
    expect((await shift(30)).code).toBe(0);
    const apps = await listed();
    await place.run(['stop']);
    appendFileSync(newest('journal'), 'garbage\n');
    await restored(/journal-1\.ndjson is damaged at line \d+: what was changed before it is kept/);
    expect((await split())['v2']).toBe(3000);
    expect((await shift(40)).code).toBe(0);

    // The repair made a second generation; its snapshot goes, and the first with both journals has all of it.
    for (const damage of [(path: string) => flip(path, 60), (path: string) => truncateSync(path, 70)]) {
      await place.run(['stop']);
      const path = newest('snapshot');
      damage(path);
      await restored(
        /The state file snapshot-\d+\.json was damaged, so the state was restored from its previous copy/,
      );
      expect((await split())['v2']).toBe(4000);
      expect(await listed()).toEqual(apps);
      expectSerial(await routerOf(place).history('hello'));
      expect(readdirSync(place.home).some((name) => /\.damaged-/.test(name))).toBe(true);
    }
    // Once restored, the next start has nothing to tell.
    await place.run(['stop']);
    expect((await started(place)).warnings).toEqual([]);
  });

  test('a flipped bit in the last change: what was before it is back, the lost change is spoken of', async () => {
    await deployed();
    expect((await shift(30)).code).toBe(0);
    expect((await shift(40)).code).toBe(0);
    await place.run(['stop']);
    flip(newest('journal'), -10);
    await restored(/is damaged at line \d+: .*later changes are lost/);
    expect((await split())['v2']).toBe(3000);
    expect((await shift(50)).code).toBe(0);
  });

  test('nothing left to read: refused, left alone, and a way out', async () => {
    await deployed();
    await place.run(['stop']);
    for (let round = 0; round < 2; round++) {
      appendFileSync(newest('journal'), 'garbage\n');
      await started(place);
      await place.run(['stop']);
    }
    const names = readdirSync(place.home).filter((name) => /^(snapshot|journal)-\d+\.(nd)?json$/.test(name));
    for (const name of names) truncateSync(join(place.home, name), 20);
    const ran = await place.run(['start', '-d']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/The state in .* cannot be read: snapshot-\d+\.json .* damaged or missing/);
    expect(ran.stderr).toContain(`try: mv ${place.home}`);
    for (const name of names) expect(statSync(join(place.home, name)).size).toBe(20);
  });

  async function listed(): Promise<unknown> {
    const { fnUrl } = await place.server();
    return (await fetch(`${fnUrl}/v2/apps`)).json();
  }
});

describe('other processes', () => {
  test.each([
    ['that runs, started at another time', (pid: number) => `${pid} 1\n`],
    ['that ended long ago', () => '4194303 12345\n'],
    ['that nobody could name', () => 'garbage\n'],
    ['with nothing in it', () => ''],
  ])('a stale pid file of a process %s is taken over', async (_what, text) => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    try {
      mkdirSync(place.home, { recursive: true });
      writeFileSync(join(place.home, 'server.pid'), text(other.pid!));
      // A socket that nobody listens on, as a killed server leaves it.
      writeFileSync(join(place.home, 'control.sock'), '');
      const { pid } = await started(place);
      expect(readFileSync(join(place.home, 'server.pid'), 'utf8')).toMatch(new RegExp(`^${pid} `));
      expect((await place.run(['stop'])).code).toBe(0);
      expect(lives(other.pid!)).toBe(true);
    } finally {
      other.kill('SIGKILL');
    }
  });

  test('two servers on one state folder: the second is refused and the first does not notice', async () => {
    await deployed();
    const first = await place.server();
    const main = join(BIN, '../../dist/server/main.js');
    const second = spawn(
      process.execPath,
      [main, '--home', place.home, '--fn-port', '0', '--gateway-port', '0'],
      {
        stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      },
    );
    let said = '';
    second.stdio[3]!.on('data', (bytes: Buffer) => (said += bytes.toString()));
    expect(await new Promise((resolve) => second.once('close', resolve))).toBe(1);
    expect(JSON.parse(said)).toMatchObject({
      error: { code: 'conflict', message: `another embedded server (pid ${first.pid}) uses ${place.home}` },
    });
    expect((await place.server()).pid).toBe(first.pid);
    expect((await fetch(first.gatewayUrl)).status).toBe(200);
    expect((await shift(50)).code).toBe(0);
  });

  test('six starts and deploys at once on a new folder: one server, all of them served', async () => {
    place.write(nodeApp('hello', { hello: ['v1', 'v2'] }));
    const starts = Array.from({ length: 5 }, () => place.json<ServerInfo>(['start', '-d']));
    const [deploy, ...infos] = await Promise.all([place.run(['deploy', '--all'], at), ...starts]);
    expect(deploy.code).toBe(0);
    expect(new Set(infos.map(({ code, result }) => `${code} ${result?.pid}`)).size).toBe(1);
    expect(infos[0]!.code).toBe(0);
  });

  test.each(['FNMESH_FN_PORT', 'FNMESH_GATEWAY_PORT'])('the port that %s asks for is taken', async (name) => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const ran = await place.run(['start', '-d'], { env: { [name]: String(port) } });
    other.close();
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(new RegExp(`port ${port} for the (Fn API|gateway) is taken`));
    expect(ran.stderr).toContain('try: another port');
    // Nothing of the attempt stands in the way of the next.
    await started(place);
  });
});

test('a clock that jumps: ids stay unique, history stays ordered, calls and timeouts are not disturbed', async () => {
  const clock = join(place.dir, 'clock');
  const jump = (days: number) => writeFileSync(clock, String(days * 86_400_000));
  jump(0);
  const fixture = pathToFileURL(join(import.meta.dirname, '../fixtures/clock.mjs')).href;
  await started(place, { NODE_OPTIONS: `--import ${fixture}`, FAULT_CLOCK: clock });
  await deployed();
  const { fnUrl, gatewayUrl, pid } = await place.server();
  const { items } = (await (await fetch(`${fnUrl}/v2/apps`)).json()) as {
    items: { id: string; created_at: string }[];
  };
  const ids: string[] = [];
  const calls = new Set<string>();
  const days = [0, 400, -800, 0, -1, 1];
  for (const [step, day] of days.entries()) {
    jump(day);
    for (let count = 0; count < 20; count++) {
      const body = JSON.stringify({ name: `f-${step}-${count}`, app_id: items[0]!.id, image: 'me/x:1' });
      const made = await fetch(`${fnUrl}/v2/fns`, {
        method: 'POST',
        body,
        headers: { 'Content-Type': 'application/json' },
      });
      ids.push(((await made.json()) as { id: string }).id);
      const called = await fetch(gatewayUrl);
      expect(called.status).toBe(200);
      calls.add(called.headers.get('fn-call-id')!);
    }
    expect((await shift(10 + step)).code).toBe(0);
    const status = await place.run(['status'], at);
    expect([status.code, status.stderr]).toEqual([0, '']);
  }
  expect(new Set(ids).size).toBe(20 * days.length);
  expect([...ids].sort()).toEqual(ids);
  expect(calls.size).toBe(20 * days.length);
  const changes = await routerOf(place).history('hello');
  expectSerial(changes);
  // The fixture did shift the clock: what was written on a jumped day says so.
  expect(new Set(changes.map((change) => change.at.slice(0, 4))).size).toBeGreaterThan(1);
  expect((await place.run(['undo'], at)).code).toBe(0);
  expect((await split())['v2']).toBe(1400);

  // After a restart with the clock far behind, new ids differ all the same.
  await killed(pid);
  jump(-4000);
  await started(place, { NODE_OPTIONS: `--import ${fixture}`, FAULT_CLOCK: clock });
  expect((await shift(20)).code).toBe(0);
  const after = await routerOf(place).history('hello');
  expectSerial(after);
  expect(after.slice(0, -1).map(({ number }) => number)).toEqual([...changes.map(({ number }) => number), 8]);
});
