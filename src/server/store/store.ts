// The server's memory on disk: documents in a snapshot plus a journal, safe against kill -9, power cuts and full disks.
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot } from '../../control/home.js';
import { messageOf } from '../../errors.js';
import { journalName, prepareFolder, storeFiles, syncFolder } from './files.js';
import { encode, Journal, type Open, type Transaction } from './journal.js';
import { apply, load, type Documents } from './load.js';
import { writeSnapshot, type Entry } from './snapshot.js';

/** How a store is opened. */
export type StoreOptions = {
  /** The journal's length in bytes that starts a new generation; default 4 MiB, or the snapshot's when that is more. */
  compactAt?: number;
  /** Opens the journal; tests put a failing disk here. */
  open?: Open;
};

type Waiting = {
  transaction: Transaction;
  line: Buffer;
  resolve: () => void;
  reject: (error: unknown) => void;
};

const COMPACT_AT = 4 * 1024 * 1024;

/** A crash-safe store of JSON documents, each with a collection and an id. One process at a time may have it open. */
export class Store {
  /** What the user should know, such as a file that was restored from its previous copy. */
  readonly warnings: string[];
  private readonly queue: Waiting[] = [];
  private flushing: Promise<void> | undefined;
  private compacting: Promise<void> | undefined;
  private compactAt: number;

  private constructor(
    private readonly dir: string,
    private readonly options: StoreOptions,
    private readonly documents: Documents,
    private journal: Journal,
    private generation: number,
    snapshotBytes: number,
    warnings: string[],
  ) {
    this.warnings = warnings;
    this.compactAt = threshold(options, snapshotBytes);
  }

  /**
   * Opens the store in a folder, which is made when absent.
   * @throws FnmeshError `failed` when the folder cannot be used, a newer fnmesh wrote it, or nothing in it can be read.
   */
  static async open(dir: string, options: StoreOptions = {}): Promise<Store> {
    const loaded = await load(dir);
    const { documents, goodBytes, snapshotBytes, warnings } = loaded;
    await prepareFolder(dir);
    const generation = Math.max(loaded.generation, 1);
    try {
      await loaded.repair();
      // The first generation's snapshot comes before its journal, so a journal alone means a lost snapshot.
      if (loaded.generation === 0) await writeSnapshot(dir, 1, []);
      const path = join(dir, journalName(generation));
      const journal = await Journal.open(path, generation, goodBytes, options.open ?? open);
      await syncFolder(dir);
      const store = new Store(dir, options, documents, journal, generation, snapshotBytes, warnings);
      // After a repair there is one good copy less: make a new one before anything else happens.
      if (warnings.length > 0) {
        await store.rotate();
        await store.compacting;
      }
      return store;
    } catch (error) {
      throw cannot('write to', dir, error);
    }
  }

  /** A collection's documents by id, as committed. Not to be changed. */
  collection(name: string): ReadonlyMap<string, object> {
    return this.documents.get(name) ?? new Map<string, object>();
  }

  /**
   * Applies a transaction whole or not at all; resolves when it is on disk. Those that wait at the same time share
   * one write.
   * @throws FnmeshError `failed` when the disk did not take it: then nothing has changed.
   */
  commit(transaction: Transaction): Promise<void> {
    const line = encode(transaction);
    return new Promise((resolve, reject) => {
      this.queue.push({ transaction, line, resolve, reject });
      this.flushing ??= this.flush();
    });
  }

  /** Waits for what is under way and closes the files. */
  async close(): Promise<void> {
    await this.flushing;
    await this.compacting;
    await this.journal.close();
  }

  private async flush(): Promise<void> {
    // The turn's other commits join the first write.
    await Promise.resolve();
    while (this.queue.length > 0) {
      const batch = this.queue.splice(0);
      try {
        await this.journal.append(Buffer.concat(batch.map(({ line }) => line)));
      } catch (cause) {
        const error = cannot('write to', this.dir, cause);
        for (const { reject } of batch) reject(error);
        continue;
      }
      for (const { transaction, resolve } of batch) {
        apply(this.documents, transaction);
        resolve();
      }
      if (this.journal.size >= this.compactAt) await this.rotate();
    }
    // In the same turn in which the queue was seen empty: nobody can join in between.
    this.flushing = undefined;
  }

  /** Turns to the next journal at once and writes the snapshot it starts from behind the scenes. */
  private async rotate(): Promise<void> {
    if (this.compacting) return;
    const next = this.generation + 1;
    const path = join(this.dir, journalName(next));
    let journal: Journal | undefined;
    try {
      journal = await Journal.open(path, next, 0, this.options.open ?? open);
      await syncFolder(this.dir);
    } catch (error) {
      this.postpone(error);
      await journal?.close().catch(() => undefined);
      await rm(path, { force: true }).catch(() => undefined);
      return;
    }
    await this.journal.close().catch(() => undefined); // All of it is on disk already.
    this.journal = journal;
    this.generation = next;
    const entries = [...this.documents].flatMap(([collection, byId]) =>
      [...byId].map(([id, document]): Entry => [collection, id, document]),
    );
    this.compacting = this.snapshot(next, entries).finally(() => (this.compacting = undefined));
  }

  private async snapshot(generation: number, entries: readonly Entry[]): Promise<void> {
    try {
      this.compactAt = threshold(this.options, await writeSnapshot(this.dir, generation, entries));
      await this.removeBefore(generation);
    } catch (error) {
      // The journals since the last snapshot stay, so nothing is lost.
      this.postpone(error);
    }
  }

  /** Keeps this generation and everything since the snapshot before it. */
  private async removeBefore(generation: number): Promise<void> {
    const files = await storeFiles(this.dir);
    const earlier = files.filter((file) => file.kind === 'snapshot' && file.generation < generation);
    const previous = earlier.at(-1)?.generation ?? 0;
    for (const file of files)
      if (file.generation < previous) await rm(join(this.dir, file.name), { force: true });
  }

  private postpone(error: unknown): void {
    this.compactAt = Math.max(this.compactAt, this.journal.size) * 2;
    // Said once, with the newest reason.
    const text = `The state in ${this.dir} could not be compacted and will grow: `;
    const said = this.warnings.findIndex((warning) => warning.startsWith(text));
    this.warnings.splice(said < 0 ? this.warnings.length : said, 1, text + messageOf(error));
  }
}

function threshold(options: StoreOptions, snapshotBytes: number): number {
  return options.compactAt ?? Math.max(COMPACT_AT, snapshotBytes);
}
