// What functions wrote, in memory and bounded: the oldest lines of those who wrote most go first.
import type { LogLine } from '../control/protocol.js';
import { Queue } from './functions/queue.js';

/** All lines together take at most about this many bytes. */
const MOST_BYTES = 8 * 1024 * 1024;
/** What a line costs beside its text, in bytes. */
const OVERHEAD = 120;

/** A line to be kept; its number and time are given to it. */
type NewLine = Omit<LogLine, 'seq' | 'at'>;

/** The lines of all functions. */
export interface Logs {
  write(line: NewLine): void;
  /** The last `count` lines of these fns, oldest first. */
  tail(fnIds: readonly string[], count: number): LogLine[];
  /** Calls back with each line of these fns from now on. @returns Ends it. */
  follow(fnIds: readonly string[], listener: (line: LogLine) => void): () => void;
  /** The number that the next line will have. */
  nextSeq(): number;
}

/** As kept: the time is made readable only when somebody reads it. */
type Kept = NewLine & { seq: number; ms: number };
type Source = { lines: Queue<Kept>; bytes: number };

/**
 * Logs within `mostBytes`. When they are full and a fn has more than its equal share, its own oldest line makes
 * room; else the oldest line of the fn that has most. So no fn can flood out the others.
 */
export function createLogs(mostBytes = MOST_BYTES): Logs {
  const sources = new Map<string, Source>();
  const followers = new Set<{ fnIds: Set<string>; listener: (line: LogLine) => void }>();
  let bytes = 0;
  let seq = 1;

  function dropOldest(fnId: string, source: Source): void {
    const line = source.lines.shift();
    if (line) {
      source.bytes -= cost(line);
      bytes -= cost(line);
    }
    if (source.lines.length === 0) sources.delete(fnId);
  }

  function makeRoom(writer: string): void {
    while (bytes > mostBytes) {
      const own = sources.get(writer);
      if (own && own.bytes * sources.size >= bytes) {
        dropOldest(writer, own);
        continue;
      }
      let most: [string, Source] | undefined;
      for (const entry of sources) if (!most || entry[1].bytes > most[1].bytes) most = entry;
      if (!most) return;
      dropOldest(...most);
    }
  }

  return {
    write(line) {
      const kept: Kept = { ...line, seq: seq++, ms: Date.now() };
      let source = sources.get(line.fnId);
      if (!source) sources.set(line.fnId, (source = { lines: new Queue(), bytes: 0 }));
      source.lines.push(kept);
      source.bytes += cost(kept);
      bytes += cost(kept);
      makeRoom(line.fnId);
      for (const { fnIds, listener } of followers) if (fnIds.has(line.fnId)) listener(readable(kept));
    },
    tail(fnIds, count) {
      const found = [...new Set(fnIds)].flatMap((id) => sources.get(id)?.lines.last(count) ?? []);
      found.sort((a, b) => a.seq - b.seq);
      return (count > 0 ? found.slice(-count) : []).map(readable);
    },
    follow(fnIds, listener) {
      const follower = { fnIds: new Set(fnIds), listener };
      followers.add(follower);
      return () => followers.delete(follower);
    },
    nextSeq: () => seq,
  };
}

function cost(line: Kept): number {
  return line.text.length + OVERHEAD;
}

function readable({ ms, ...line }: Kept): LogLine {
  return { ...line, at: new Date(ms).toISOString() };
}
