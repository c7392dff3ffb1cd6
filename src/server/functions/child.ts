// A program with everything it starts itself: its own process group, whose output is read until nothing is left.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { BuildRegistration } from '../../control/protocol.js';
import { OutputReader } from './output.js';
import type { OnLine } from './output.js';

/** After a process has ended, how long what it wrote may take to arrive, in milliseconds. */
const FLUSH_MS = 200;

/** What a child tells its owner. */
export type ChildEvents = {
  /** It could not be started, or not be signalled. */
  error(error: Error): void;
  exit(code: number | null, signal: NodeJS.Signals | null): void;
  /** A line that it wrote, with the call id of the frame it stands in, if any. */
  line(stream: 'stdout' | 'stderr', ...args: Parameters<OnLine>): void;
};

/** The process group of one function process. */
export class ProcessGroup {
  readonly #child: ChildProcess;

  /** Starts the build's command in its folder. @throws what spawn throws for an environment that none can have. */
  constructor({ dir, command }: BuildRegistration, env: Record<string, string>, events: ChildEvents) {
    const [program = '', ...args] = command;
    this.#child = spawn(programIn(dir, program), args, {
      cwd: dir,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Its own process group, so that what it starts can be ended with it.
      detached: true,
    });
    this.#child.on('error', (error) => events.error(error));
    this.#child.on('exit', (code, signal) => events.exit(code, signal));
    for (const stream of ['stdout', 'stderr'] as const) {
      const reader = new OutputReader((text, callId) => events.line(stream, text, callId));
      const source = this.#child[stream];
      source?.on('data', (bytes: Buffer) => reader.push(bytes));
      source?.on('close', () => reader.end());
      source?.on('error', () => {});
    }
  }

  /** The leader's process id, which is the group's; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Signals all that is left of the group. */
  kill(signal: NodeJS.Signals): void {
    if (this.pid === undefined) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // Nothing of the group is left.
    }
  }

  /** Calls back when all output has been read; a child that left the group may hold it open, so not for long. */
  flushed(then: () => void): void {
    const timer = setTimeout(() => {
      this.#child.stdout?.destroy();
      this.#child.stderr?.destroy();
    }, FLUSH_MS);
    this.#child.once('close', () => {
      clearTimeout(timer);
      then();
    });
  }
}

/** A program of the build's folder, or else one to be found on the PATH. */
function programIn(dir: string, program: string): string {
  if (isAbsolute(program)) return program;
  const inDir = resolve(dir, program);
  return program.includes('/') || existsSync(inDir) ? inDir : program;
}
