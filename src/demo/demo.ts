// The README's workflow with the real commands, in a temporary folder and on free ports.
import { spawn } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FnmeshError } from '../errors.js';
import { WHOLE, type Split } from '../routing/route.js';

/** One command of the demo, and the split that must be asked for after it. */
type Step = { args: string[]; in: 'folder' | 'app'; split?: Split };

/** What was done. */
export type DemoResult = {
  steps: { command: string; exitCode: number; ms: number }[];
  /** Set with `keep`: how to go on. */
  kept: { folder: string; home: string } | null;
};

/** How the demo runs. */
export type DemoOptions = {
  /** The fnmesh script to run with this Node. */
  bin: string;
  keep: boolean;
  /** Shows a command line or a command's output as it comes. */
  show: (text: string) => void;
  signal: AbortSignal;
};

const HALF = WHOLE / 2;

/** Each probe exits 1 by itself when what it observed does not fit what was asked. */
const STEPS: Step[] = [
  { args: ['init', 'hello-app'], in: 'folder' },
  { args: ['deploy', '--all'], in: 'app', split: { v1: WHOLE, v2: 0 } },
  { args: ['probe', '-n', '200'], in: 'app' },
  { args: ['shift', 'v2=50', '--message', 'half to v2'], in: 'app', split: { v1: HALF, v2: HALF } },
  { args: ['probe', '-n', '1000'], in: 'app' },
  { args: ['shift', 'v2=100', '--message', 'all to v2'], in: 'app', split: { v1: 0, v2: WHOLE } },
  { args: ['probe', '-n', '200'], in: 'app' },
  { args: ['undo'], in: 'app', split: { v1: HALF, v2: HALF } },
  { args: ['probe', '-n', '1000'], in: 'app' },
  { args: ['history'], in: 'app' },
  { args: ['status'], in: 'app' },
];

/**
 * Runs the steps and cleans up after them, unless `keep` is set.
 * @throws FnmeshError `failed` naming the step whose exit code or split is wrong, `interrupted` when aborted.
 */
export async function demo(options: DemoOptions): Promise<DemoResult> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'fnmesh-demo-')));
  const home = join(folder, 'state');
  const run = runner(options, home);
  const steps: DemoResult['steps'] = [];
  let done = false;
  try {
    for (const step of STEPS) {
      const cwd = step.in === 'app' ? join(folder, 'hello-app') : folder;
      const command = ['fnmesh', ...step.args].map(quoted).join(' ');
      options.show(`\n$ ${command}\n`);
      const started = performance.now();
      const { exitCode } = await run(step.args, cwd, options.show);
      steps.push({ command, exitCode, ms: Math.round(performance.now() - started) });
      if (options.signal.aborted) throw new FnmeshError('interrupted', 'the demo was stopped');
      if (exitCode !== 0) throw new FnmeshError('failed', `\`${command}\` ended with exit code ${exitCode}`);
      if (step.split) expectSplit(await run(['status', '--json'], cwd), step.split, command);
    }
    done = true;
    return { steps, kept: options.keep ? { folder: join(folder, 'hello-app'), home } : null };
  } finally {
    if (!(options.keep && done)) {
      await run(['stop'], folder);
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

/** @throws FnmeshError `failed` when status says another split. */
function expectSplit(answer: { stdout: string }, expected: Split, command: string): void {
  const { result } = JSON.parse(answer.stdout) as {
    result: { apps: { functions: { versions: { version: string; weight: number | null }[] }[] }[] };
  };
  const versions = result.apps[0]?.functions[0]?.versions ?? [];
  const found = Object.fromEntries(versions.map(({ version, weight }) => [version, weight]));
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    const message = `after \`${command}\` the split is ${JSON.stringify(found)} (basis points), not ${JSON.stringify(expected)}`;
    throw new FnmeshError('failed', message);
  }
}

/** Runs fnmesh itself as a user would, without FN_* variables that would steer it elsewhere. */
function runner(options: DemoOptions, home: string) {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('FN_') && !name.startsWith('FNMESH_')),
  );
  const settings = { ...env, FNMESH_HOME: home, FNMESH_FN_PORT: '0', FNMESH_GATEWAY_PORT: '0' };
  return (
    args: string[],
    cwd: string,
    show?: (text: string) => void,
  ): Promise<{ exitCode: number; stdout: string }> =>
    new Promise((resolve, reject) => {
      const stderr = show ? 'inherit' : 'ignore';
      const child = spawn(process.execPath, [options.bin, ...args], {
        cwd,
        env: settings,
        stdio: ['ignore', 'pipe', stderr],
      });
      let stdout = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
        show?.(text);
      });
      child.on('error', reject);
      child.on('close', (code) => resolve({ exitCode: code ?? 1, stdout }));
    });
}

function quoted(word: string): string {
  return /^[\w./=+-]+$/.test(word) ? word : `'${word}'`;
}
