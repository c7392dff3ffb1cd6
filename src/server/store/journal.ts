// The journal: one line per transaction, on disk before it is acknowledged.
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { FORMAT, PRIVATE } from './files.js';

/** One document's part of a transaction. Documents are JSON and never changed in place. */
export type Write =
  | readonly ['put', collection: string, id: string, document: object]
  | readonly ['delete', collection: string, id: string];

/** What is applied together or not at all. */
export type Transaction = readonly Write[];

/** What a journal file holds. */
export type JournalContent = {
  transactions: Transaction[];
  /** The length of the readable part; what follows was never acknowledged, or is damaged. */
  goodBytes: number;
  /** The line that does not match its checksum, if there is one. */
  damagedLine?: number;
};

/** Opens a file; tests put a failing disk here. */
export type Open = (path: string, flags: string, mode: number) => Promise<FileHandle>;

/** A transaction as its line: checksum, a space, JSON. */
export function encode(transaction: Transaction): Buffer {
  return line(JSON.stringify(transaction));
}

/**
 * Reads a journal up to its end or to the first damaged line. A last line without its newline was being written
 * when the process or the machine stopped: it was never acknowledged and does not count.
 */
export async function readJournal(path: string): Promise<JournalContent> {
  const bytes = await readFile(path);
  const transactions: Transaction[] = [];
  let goodBytes = 0;
  for (let number = 1; ; number++) {
    const end = bytes.indexOf(0x0a, goodBytes);
    if (end < 0) return { transactions, goodBytes };
    const value = decode(bytes.subarray(goodBytes, end));
    const isHeader = number === 1;
    if (value === undefined || Array.isArray(value) === isHeader)
      return { transactions, goodBytes, damagedLine: number };
    if (!isHeader) transactions.push(value as Transaction);
    goodBytes = end + 1;
  }
}

/** A journal open for appending. */
export class Journal {
  private constructor(
    private readonly handle: FileHandle,
    readonly path: string,
    private bytes: number,
    /** Whether bytes beyond `bytes` may lie in the file. */
    private torn: boolean,
  ) {}

  /** Opens a journal to append after its first `goodBytes` bytes, cutting off the rest; 0 begins it. */
  static async open(
    path: string,
    generation: number,
    goodBytes: number,
    opened: Open = open,
  ): Promise<Journal> {
    const handle = await opened(path, goodBytes === 0 ? 'w' : 'r+', PRIVATE);
    const journal = new Journal(handle, path, goodBytes, true);
    try {
      if (goodBytes === 0) await journal.append(line(JSON.stringify({ format: FORMAT, generation })));
      else await journal.trim();
    } catch (error) {
      await handle.close();
      throw error;
    }
    return journal;
  }

  /** The length of what was acknowledged. */
  get size(): number {
    return this.bytes;
  }

  /**
   * Writes the lines and waits until they are on disk. On failure nothing of them remains: what the disk took is cut
   * off, at the latest before the next append.
   */
  async append(lines: Buffer): Promise<void> {
    if (this.torn) await this.trim();
    this.torn = true;
    try {
      for (let done = 0; done < lines.length;) {
        const { bytesWritten } = await this.handle.write(lines, done, lines.length - done, this.bytes + done);
        done += bytesWritten;
      }
      await this.handle.datasync();
    } catch (error) {
      await this.trim().catch(() => undefined); // `torn` stays, so the next append tries again.
      throw error;
    }
    this.torn = false;
    this.bytes += lines.length;
  }

  /** Closes the file. */
  close(): Promise<void> {
    return this.handle.close();
  }

  private async trim(): Promise<void> {
    await this.handle.truncate(this.bytes);
    await this.handle.datasync();
    this.torn = false;
  }
}

function line(json: string): Buffer {
  return Buffer.from(`${checksum(json)} ${json}\n`);
}

function decode(bytes: Buffer): unknown {
  const json = bytes.toString('utf8', 9);
  if (bytes.toString('latin1', 0, 9) !== `${checksum(bytes.subarray(9))} `) return undefined;
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function checksum(data: string | Buffer): string {
  return crc32(data).toString(16).padStart(8, '0');
}
