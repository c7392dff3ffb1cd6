// At most one server per state folder.
import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { cannot, lockFile } from '../control/home.js';
import { FnmeshError } from '../errors.js';

/** Another server has the state folder. */
export class StateHeldError extends FnmeshError {
  constructor(message: string) {
    super('conflict', message, { try: 'fnmesh stop' });
  }
}

/**
 * Takes the state folder, which is made when absent, for this process; a lock that an ended process left is
 * replaced. The returned function gives it back.
 * @throws StateHeldError naming the process that has it; FnmeshError `failed` when the folder cannot be written.
 */
export function lockState(dir: string): () => void {
  const lock = lockFile(dir);
  const mine = `${lock}.${process.pid}`;
  const text = `${process.pid} ${startOf(process.pid) ?? ''}\n`;
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeFileSync(mine, text, { mode: 0o600 });
  } catch (error) {
    // On a full disk it may be there, with nothing in it.
    if (existsSync(mine)) rmSync(mine);
    throw cannot('write to', dir, error);
  }
  try {
    for (let tries = 0; tries < 10; tries++) {
      try {
        linkSync(mine, lock);
        return () => {
          if (read(lock) === text) rmSync(lock, { force: true });
        };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const held = read(lock);
      if (held === undefined) continue;
      const [pid = '', start = ''] = held.trim().split(/ (.*)/);
      if (held !== text && /^\d+$/.test(pid) && isSame(Number(pid), start)) {
        throw new StateHeldError(`another embedded server (pid ${pid}) uses ${dir}`);
      }
      takeAway(lock, held);
    }
    throw new StateHeldError(`several embedded servers want to use ${dir} at once`);
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Removes a stale lock, unless another process has replaced it in between. */
function takeAway(lock: string, stale: string): void {
  const aside = `${lock}.${process.pid}.stale`;
  try {
    renameSync(lock, aside);
    if (read(aside) !== stale) linkSync(aside, lock);
  } catch {
    // Someone else was quicker: the next try sees what they left.
  }
  rmSync(aside, { force: true });
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whether the process runs and is the one that wrote the lock: pids are used again. */
function isSame(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return start === '' || startOf(pid) === start;
}

/** When a process started, in a form that only compares; undefined when it is not to be had. */
function startOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      return (
        execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
      );
    }
    // The 22nd field of proc(5)'s stat; the second, the name in parentheses, may hold spaces.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended; nobody has asked for its exit code yet.
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
