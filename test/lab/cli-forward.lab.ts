// `forward` until Ctrl-C, and fnmesh as a plugin of real kubectl.
import { mkdirSync, symlinkSync } from 'node:fs';
import { request } from 'node:http';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BIN, nodeApp } from '../helpers/cli.js';
import { startCli } from './cli-process.js';
import { ClusterStage } from './cli-stage.js';

let stage: ClusterStage;

beforeAll(async () => {
  stage = await ClusterStage.open('shop', nodeApp('shop', { shop: ['v1'] }));
  stage.targets();
  await stage.ok('deploy', '--all', '--target', 'lab');
  await stage.gateway.updated();
});
afterAll(() => stage?.close());

test.each(['SIGINT', 'SIGTERM'] as const)('the gateway is here until %s', async (signal) => {
  const running = startCli(stage, ['forward', '--target', 'lab', '--port', '0', '--json']);
  await expect.poll(() => running.stdout(), { timeout: 20_000 }).toContain('\n}');
  const { result } = JSON.parse(running.stdout()) as { result: { url: string; host: string } };
  const url = new URL(result.url);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const options = {
      host: url.hostname,
      port: url.port,
      path: '/',
      headers: { host: result.host },
      agent: false,
    };
    const asked = request(options, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode));
    });
    asked.on('error', reject).end();
  });
  expect(status).toBe(200);
  running.child.kill(signal);
  const { code, stderr } = await running.ended;
  expect([code, stderr]).toEqual([0, '']);
});

test('kubectl fnmesh is fnmesh', async () => {
  const folder = join(stage.place.dir, 'plugins');
  mkdirSync(folder, { recursive: true });
  symlinkSync(BIN, join(folder, 'kubectl-fnmesh'));
  const env = { ...stage.place.env, PATH: `${folder}:${process.env['PATH']}` };
  const child = spawn('kubectl', ['fnmesh', 'status', '--target', 'lab'], {
    cwd: join(stage.place.dir, stage.app),
    env,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect([code, said]).toEqual([0, expect.stringContaining('shop')]);
});
