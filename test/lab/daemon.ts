// A process that runs until it is ended, with its output in a file.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

/** A running process. */
export type Daemon = {
  name: string;
  pid: number;
  /** Throws with the end of its output when it has ended. */
  check(): void;
  /** kill -9: nothing of it is kept. */
  stop(): Promise<void>;
};

/** Starts a program; what it prints goes to `log`. */
export function startDaemon(name: string, command: string, args: string[], log: string): Daemon {
  const output = openSync(log, 'a');
  const child = spawn(command, args, { stdio: ['ignore', output, output] });
  closeSync(output);
  let failure: Error | null = null;
  const ended = new Promise<void>((resolve) => {
    child.on('error', (error) => {
      failure = error;
      resolve();
    });
    child.on('exit', () => resolve());
  });
  const over = (): boolean => failure !== null || child.exitCode !== null || child.signalCode !== null;
  return {
    name,
    pid: child.pid ?? -1,
    check: () => {
      if (!over()) return;
      const how = failure?.message ?? `exit ${child.exitCode ?? child.signalCode}`;
      throw new Error(`${name} has ended (${how}): ${readFileSync(log, 'utf8').slice(-2_000)}`);
    },
    stop: async () => {
      if (over()) return;
      child.kill('SIGKILL');
      await ended;
    },
  };
}
