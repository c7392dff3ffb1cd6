// The commands of a section of the README, run as they stand there, in one shell.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { BIN, type Workplace } from './cli.js';

// npm and vitest run where package.json lies; this file may be compiled to elsewhere.
const README = readFileSync(resolve('README.md'), 'utf8');

/** A command, the exit code that its comment names, and the lines that the README shows of its output. */
export type Step = { command: string; exit: number; shows: string[] };

/** What a command did; its lines are `usual`. */
export type RanStep = { exit: number; lines: string[] };

/** The text below a heading of the second level, up to the next. */
export function sectionOf(heading: string): string {
  return new RegExp(`^## ${heading}\\n([^]*?)^## `, 'm').exec(README)?.[1] ?? '';
}

/** The commands of a section's consoles. */
export function stepsOf(section: string): Step[] {
  const found: Step[] = [];
  for (const [, block] of section.matchAll(/^```console\n([^]*?)^```/gm)) {
    for (const line of block!.split('\n')) {
      if (line.startsWith('$ ')) {
        const exit = Number(/# exit code (\d+)(?::|$)/.exec(line)?.[1] ?? 0);
        found.push({ command: line.slice(2), exit, shows: [] });
      } else if (line.trim() !== '' && line !== '…') found.at(-1)!.shows.push(line);
    }
  }
  return found;
}

/** A line without what differs from run to run: durations, sizes, hashes, the gateway's port, how columns are filled up. */
function usual(line: string): string {
  return line
    .replace(/\b\d+(\.\d+)? (ms|s|min)\b/g, 'TIME')
    .replace(/\b\d+(\.\d+)? [kM]?B\b/g, 'SIZE')
    .replace(/\b[0-9a-f]{8,}\b/g, 'HASH')
    .replace(/localhost:\d+/g, 'localhost:PORT')
    .replace(/\s+/g, ' ')
    .trim();
}

/** The steps for `it.each`, each with its command and its place. */
export function numbered(steps: readonly Step[]): [command: string, at: number, step: Step][] {
  return steps.map((step, at) => [step.command, at, step]);
}

/** Fails unless a step ended as README says, and the lines shown are among those printed, in this order. */
export function expectStep({ exit, shows }: Step, { exit: exited, lines }: RanStep): void {
  const said = lines.join('\n');
  assert.equal(exited, exit, `exit code ${exited}, and README says ${exit}:\n${said}`);
  const wanted = shows.map(usual);
  const printed = lines.filter((line) => wanted.includes(line));
  assert.deepEqual(printed, wanted, `README shows\n${wanted.join('\n')}\nand it printed\n${said}`);
}

/**
 * Runs all commands in one shell, as they are typed: it changes folders and keeps variables.
 * @param names What the README calls things, and what they are here.
 */
export async function runSteps(
  steps: readonly Step[],
  here: Workplace,
  names: Readonly<Record<string, string>>,
): Promise<RanStep[]> {
  here.write({ 'bin/fnmesh': `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n` });
  chmodSync(join(here.dir, 'bin/fnmesh'), 0o755);
  const pairs = Object.entries(names);
  const script = steps.map(({ command }) => {
    const own = pairs.reduce((text, [name, real]) => text.replaceAll(name, real), command);
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
  const parts = pairs
    .reduce((text, [name, real]) => text.replaceAll(real, name), output)
    .split(/@exit (\d+)\n/);
  return steps.map((_, at) => ({
    exit: Number(parts[2 * at + 1]),
    lines: (parts[2 * at] ?? '').split('\n').map(usual),
  }));
}
