// Notes on disk of the processes that run, so that a server after a crash can end what the one before left behind.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { listenerUrl } from './environment.js';
import { isSocketDir, removeSocketDir } from './socket-dir.js';

/** The notes of one server. */
export interface ProcessRecords {
  /** Notes the socket directory of a process that is about to start: killed between the two, it would be unknown. */
  add(socketDir: string): void;
  /** Forgets the process with this socket directory. */
  remove(socketDir: string): void;
}

/** A process as far as ending it goes. */
type Seen = { group: number; listener: boolean };

/**
 * Opens the notes in the state directory, after ending by force every process group noted there by a server before.
 * A group is ended only when a process in it has the FN_LISTENER that was made for that one and no other: process ids
 * are used again, random directory names are not. Only one server may have the directory.
 */
export function openRecords(stateDir: string): ProcessRecords {
  const dir = join(stateDir, 'processes');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(dir)) {
    endLeftover(join(dir, name));
    rmSync(join(dir, name), { force: true });
  }
  return {
    add: (socketDir) => {
      try {
        writeFileSync(join(dir, basename(socketDir)), JSON.stringify({ socketDir }), { mode: 0o600 });
      } catch {
        // A full disk must not keep a function from running; only a crash of this server would leave it behind.
      }
    },
    remove: (socketDir) => {
      try {
        rmSync(join(dir, basename(socketDir)), { force: true });
      } catch {
        // The next server finds that the process is no more.
      }
    },
  };
}

function endLeftover(file: string): void {
  const socketDir = readRecord(file);
  if (socketDir === undefined) return;
  const ours = processes(listenerUrl(socketDir)).filter(({ group, listener }) => listener && group > 1);
  for (const group of new Set(ours.map((each) => each.group))) {
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
  removeSocketDir(socketDir);
}

function readRecord(file: string): string | undefined {
  try {
    const { socketDir } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    return typeof socketDir === 'string' && isSocketDir(socketDir) ? socketDir : undefined;
  } catch {
    return undefined; // Half written when the server died: the process is not known, so it stays.
  }
}

/** All processes that we may see, with whether this FN_LISTENER is in their environment. */
function processes(listener: string): Seen[] {
  return process.platform === 'linux' ? fromProc(listener) : fromPs(listener);
}

function fromProc(listener: string): Seen[] {
  const seen: Seen[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // After the command in parentheses: state, parent, group.
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const group = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1').split('\0');
      seen.push({ group, listener: environment.includes(`FN_LISTENER=${listener}`) });
    } catch {
      continue; // It has ended, or is another user's.
    }
  }
  return seen;
}

/** macOS: `ps -E` shows the environment of the user's own processes after the command. */
function fromPs(listener: string): Seen[] {
  try {
    const text = execFileSync('ps', ['-axEww', '-o', 'pgid=,command='], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return text.split('\n').map((line) => {
      const group = Number(line.trim().split(/\s+/, 1)[0]);
      const found = line.split(' ').includes(`FN_LISTENER=${listener}`);
      return { group, listener: found };
    });
  } catch {
    return [];
  }
}
