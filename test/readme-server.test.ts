// README's section "On a real Fn server", command by command as it stands there, against what `npm run lab` starts.
import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { which } from '../src/process/run.js';
import { Workplace } from './helpers/cli.js';
import { hasRegistry } from './helpers/docker-registry.js';
import { expectStep, numbered, type RanStep, runSteps, sectionOf, stepsOf } from './helpers/readme-steps.js';

const ROOT = resolve(import.meta.dirname, '..');
const SERVER = 'http://fn.example.com:8080';
const REGISTRY = 'registry.example.com/team';
const hasGo = process.env['CI'] !== undefined || (await which('go')) !== undefined;

const steps = stepsOf(sectionOf('On a real Fn server'));

describe.skipIf(!hasRegistry || !hasGo)('README on a real Fn server (needs go and docker-registry)', () => {
  const here = new Workplace();
  let lab: ChildProcess;
  let said = '';
  let ran: RanStep[];

  beforeAll(async () => {
    // A process group of its own: Ctrl-C reaches every process of it.
    lab = spawn('npm', ['run', '--silent', 'lab'], { cwd: ROOT, env: here.env, detached: true });
    await new Promise<void>((ready, fail) => {
      const hear = (text: string): void => {
        said += text;
        if (/^export FN_REGISTRY=.+\n/m.test(said)) ready();
      };
      for (const stream of [lab.stdout!, lab.stderr!]) stream.setEncoding('utf8').on('data', hear);
      lab.once('exit', (code) => fail(new Error(`npm run lab ended with ${code}: ${said}`)));
    });
    const [url, registry] = [/FN_API_URL=(\S+)/, /FN_REGISTRY=(\S+)/].map((name) => name.exec(said)![1]!);
    ran = await runSteps(steps, here, { [SERVER]: url!, [REGISTRY]: registry! });
  }, 180_000);

  afterAll(async () => {
    if (lab.exitCode === null && lab.signalCode === null) process.kill(-lab.pid!, 'SIGKILL');
    await here.close();
  });

  it('has commands', () => {
    expect(steps.filter(({ command }) => command.startsWith('fnmesh ')).length).toBeGreaterThan(8);
  });

  it.each(numbered(steps))('%s', (_, at, step) => expectStep(step, ran[at]!));

  it('ends with Ctrl-C, and nothing was sent that a real server would not stand', async () => {
    const ended = new Promise((done) => lab.once('exit', done));
    process.kill(-lab.pid!, 'SIGINT');
    await ended;
    expect(said).not.toContain('would not stand');
    await expect(fetch(/FN_API_URL=(\S+)/.exec(said)![1]!)).rejects.toThrow('fetch failed');
  });
});
