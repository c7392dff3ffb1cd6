// One builder at a time for a build folder, across processes.
import { readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;
const HEARTBEAT_MS = 2_000;
// Several missed heartbeats, watched by the one who waits: clocks and pauses of others do not count.
const SILENT_MS = 15_000;

/** Lets go of a lock. */
export type Release = () => void;

/**
 * Waits for the lock file and takes it, unless `done` says meanwhile that there is nothing left to do: then null.
 * A lock whose process is gone, or has been silent for 15 s, is taken over.
 */
export async function lock(path: string, done: () => boolean): Promise<Release | null> {
  let seen = { beat: 0, at: Date.now() };
  for (;;) {
    if (done()) return null;
    const release = take(path);
    if (release !== null) return release;
    const beat = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (beat !== seen.beat) seen = { beat, at: Date.now() };
    if (abandoned(path) || Date.now() - seen.at > SILENT_MS) {
      const taken = await takeOver(path);
      if (taken !== null) return taken;
    }
    await sleep(POLL_MS);
  }
}

function take(path: string): Release | null {
  const owner = ownerText();
  try {
    writeFileSync(path, owner, { flag: 'wx' });
    return keep(path, owner);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return null;
    throw error;
  }
}

/** Of several that take over at once the last to rename has it; the pause lets all of them see who that is. */
async function takeOver(path: string): Promise<Release | null> {
  const owner = ownerText();
  const own = `${path}.${owner.replace(' ', '-')}`;
  writeFileSync(own, owner);
  renameSync(own, path);
  await sleep(2 * POLL_MS);
  return read(path) === owner ? keep(path, owner) : null;
}

function keep(path: string, owner: string): Release {
  const beat = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch {
      // Taken away by hand: the build goes on, its folder is still guarded by the marker.
    }
  }, HEARTBEAT_MS);
  beat.unref();
  return () => {
    clearInterval(beat);
    if (read(path) === owner) rmSync(path, { force: true });
  };
}

/** Whether the lock's process is gone. */
export function abandoned(path: string): boolean {
  const pid = Number(read(path)?.split(' ')[0]);
  // An empty file is one that is being written just now.
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function ownerText(): string {
  return `${process.pid} ${Math.random().toString(36).slice(2)}`;
}
