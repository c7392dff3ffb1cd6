// README's section "On a real Fn server", command by command as it stands there, against what `npm run lab` starts.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { which } from '../src/process/run.js';
import { BIN, Workplace } from './helpers/cli.js';
import { hasRegistry } from './helpers/docker-registry.js';

const ROOT = resolve(import.meta.dirname, '..');
const SERVER = 'http://fn.example.com:8080';
const REGISTRY = 'registry.example.com/team';
const hasGo = process.env['CI'] !== undefined || (await which('go')) !== undefined;

/** A command of the README, the exit code that its comment names, and the lines that it shows of the output. */
type Step = { command: string; exit: number; shows: string[] };
type Ran = { exit: number; lines: string[] };

const steps = stepsOf(readFileSync(join(ROOT, 'README.md'), 'utf8'));

function stepsOf(readme: string): Step[] {
  const section = /^## On a real Fn server\n([^]*?)^## /m.exec(readme)?.[1] ?? '';
  const found: Step[] = [];
  for (const [, block] of section.matchAll(/^```console\n([^]*?)^```/gm)) {
    for (const line of block!.split('\n')) {
      if (line.startsWith('$ ')) {
        const exit = Number(/# exit code (\d+)/.exec(line)?.[1] ?? 0);
        found.push({ command: line.slice(2), exit, shows: [] });
      } else if (line.trim() !== '' && line !== '…') found.at(-1)!.shows.push(line);
    }
  }
  return found;
}

/** What differs from run to run: durations, sizes, hashes, the gateway's port, and how columns are filled up. */
function usual(line: string): string {
  return line
    .replace(/\b\d+(\.\d+)? (ms|s|min)\b/g, 'TIME')
    .replace(/\b\d+(\.\d+)? [kM]?B\b/g, 'SIZE')
    .replace(/\b[0-9a-f]{8,}\b/g, 'HASH')
    .replace(/localhost:\d+/g, 'localhost:PORT')
    .replace(/\s+/g, ' ')
    .trim();
}

describe.skipIf(!hasRegistry || !hasGo)('README on a real Fn server (needs go and docker-registry)', () => {
  const here = new Workplace();
  let lab: ChildProcess;
  let said = '';
  let ran: Ran[];

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
    ran = await runAll();
  }, 180_000);

  afterAll(async () => {
    if (lab.exitCode === null && lab.signalCode === null) process.kill(-lab.pid!, 'SIGKILL');
    await here.close();
  });

  /** All commands in one shell, as they are typed: it changes folders and keeps variables. */
  async function runAll(): Promise<Ran[]> {
    here.write({ 'bin/fnmesh': `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n` });
    chmodSync(join(here.dir, 'bin/fnmesh'), 0o755);
    const [url, registry] = [/FN_API_URL=(\S+)/, /FN_REGISTRY=(\S+)/].map((name) => name.exec(said)![1]!);
    const script = steps.map(({ command }) => {
      const own = command.replaceAll(SERVER, url!).replaceAll(REGISTRY, registry!);
      return `${own}\necho "@exit $?"\n`;
    });
    const PATH = `${join(here.dir, 'bin')}${delimiter}${here.env['PATH']}`;
    const shell = spawn('bash', ['-c', `exec 2>&1\n${script.join('')}`], {
      cwd: here.dir,
      env: { ...here.env, PATH },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    shell.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    await new Promise((done) => shell.once('close', done));
    const parts = output
      .replaceAll(url!, SERVER)
      .replaceAll(registry!, REGISTRY)
      .split(/@exit (\d+)\n/);
    return steps.map((_, at) => ({
      exit: Number(parts[2 * at + 1]),
      lines: (parts[2 * at] ?? '').split('\n').map(usual),
    }));
  }

  it('has commands', () => {
    expect(steps.filter(({ command }) => command.startsWith('fnmesh ')).length).toBeGreaterThan(8);
  });

  it.each(steps.map((step, at) => [step.command, at, step] as const))('%s', (_, at, { exit, shows }) => {
    const { lines, exit: exited } = ran[at]!;
    expect(exited, lines.join('\n')).toBe(exit);
    // The lines shown are among those printed, in this order.
    const printed = lines.filter((line) => shows.map(usual).includes(line));
    expect(printed, lines.join('\n')).toEqual(shows.map(usual));
  });

  it('ends with Ctrl-C, and nothing was sent that a real server would not stand', async () => {
    const ended = new Promise((done) => lab.once('exit', done));
    process.kill(-lab.pid!, 'SIGINT');
    await ended;
    expect(said).not.toContain('would not stand');
    await expect(fetch(/FN_API_URL=(\S+)/.exec(said)![1]!)).rejects.toThrow('fetch failed');
  });
});
