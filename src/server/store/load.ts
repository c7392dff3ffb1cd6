// Reading a store: which snapshot counts, which journals follow it, and what to do about damaged files.
import { copyFile, open, rename, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { FnmeshError } from '../../errors.js';
import { FORMAT, storeFiles, syncFolder, type StoreFile } from './files.js';
import { readJournal, type Transaction } from './journal.js';
import { readSnapshot, type Entry } from './snapshot.js';

/** Documents by collection and id. */
export type Documents = Map<string, Map<string, object>>;

/** What was read, before anything on disk is touched. */
export type Loaded = {
  documents: Documents;
  /** The journal to go on with; 0 when the store is new. */
  generation: number;
  /** The length of its readable part. */
  goodBytes: number;
  snapshotBytes: number;
  /** What the user should know. */
  warnings: string[];
  /** Keeps damaged files aside, so that the rest is whole. */
  repair: () => Promise<void>;
};

/**
 * Reads the store in a folder without changing it.
 * @throws FnmeshError `failed` when a newer fnmesh wrote it, or when no snapshot can be read.
 */
export async function load(dir: string): Promise<Loaded> {
  const files = await storeFiles(dir);
  await refuseNewer(dir, files);
  const warnings: string[] = [];
  const steps: (() => Promise<void>)[] = [];
  const aside = `damaged-${new Date().toISOString().replaceAll(/[:.]/g, '')}`;

  const base = await newestSnapshot(dir, files, (name) => {
    warnings.push(
      `The state file ${name} was damaged, so the state was restored from its previous copy. ` +
        `The damaged file is kept as ${name}.${aside}.`,
    );
    steps.push(() => rename(join(dir, name), join(dir, `${name}.${aside}`)));
  });

  const documents: Documents = new Map();
  for (const [collection, id, document] of base.entries)
    apply(documents, [['put', collection, id, document]]);
  let generation = base.generation;
  let goodBytes = 0;
  let stopped = false;
  for (const { name, generation: next } of files.filter((file) => file.kind === 'journal')) {
    if (next < base.generation) continue;
    const path = join(dir, name);
    if (!stopped && next > generation + (goodBytes > 0 ? 1 : 0)) {
      warnings.push(
        `A state file before ${name} is missing: the changes in ${name} and later were left out.`,
      );
      stopped = true;
    }
    if (stopped) {
      steps.push(() => rename(path, `${path}.${aside}`));
      continue;
    }
    const journal = await readJournal(path);
    for (const transaction of journal.transactions) apply(documents, transaction);
    generation = next;
    goodBytes = journal.goodBytes;
    if (journal.damagedLine === undefined) continue;
    warnings.push(
      `The state file ${name} is damaged at line ${journal.damagedLine}: what was changed before it is kept, ` +
        `later changes are lost. The damaged file is kept as ${name}.${aside}.`,
    );
    steps.push(async () => {
      await copyFile(path, `${path}.${aside}`);
      await truncate(path, journal.goodBytes);
    });
    stopped = true;
  }

  const repair = async () => {
    for (const step of steps) await step();
    if (steps.length > 0) await syncFolder(dir);
  };
  return { documents, generation, goodBytes, snapshotBytes: base.bytes, warnings, repair };
}

/** Applies a transaction to the documents. */
export function apply(documents: Documents, transaction: Transaction): void {
  for (const [verb, collection, id, document] of transaction) {
    let byId = documents.get(collection);
    if (!byId) documents.set(collection, (byId = new Map<string, object>()));
    if (verb === 'put') byId.set(id, document);
    else byId.delete(id);
  }
}

async function newestSnapshot(
  dir: string,
  files: readonly StoreFile[],
  onDamaged: (name: string) => void,
): Promise<{ generation: number; entries: readonly Entry[]; bytes: number }> {
  if (files.length === 0) return { generation: 0, entries: [], bytes: 0 };
  const damaged: string[] = [];
  for (const { kind, generation, name } of files.toReversed()) {
    if (kind === 'journal') continue;
    const content = await readSnapshot(join(dir, name));
    if (content) {
      damaged.forEach(onDamaged);
      return { generation, ...content };
    }
    damaged.push(name);
  }
  // The first generation begins empty, so its journal alone is the whole state.
  if (files.some(({ kind, generation }) => kind === 'journal' && generation === 1)) {
    damaged.forEach(onDamaged);
    return { generation: 1, entries: [], bytes: 0 };
  }
  throw new FnmeshError(
    'failed',
    `The state in ${dir} cannot be read: ${damaged.join(' and ') || 'its snapshot'} is damaged or missing`,
    { try: `mv ${dir} ${dir}.damaged    # and deploy again, to start with an empty state` },
  );
}

async function refuseNewer(dir: string, files: readonly StoreFile[]): Promise<void> {
  for (const { name } of files) {
    const handle = await open(join(dir, name), 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(256), 0, 256, 0);
      const format = Number(/"format":(\d+)/.exec(buffer.toString('latin1', 0, bytesRead))?.[1] ?? FORMAT);
      if (format > FORMAT) {
        throw new FnmeshError(
          'failed',
          `The state in ${dir} was written by a newer fnmesh (${name} has format ${format}, this one knows ${FORMAT}); it was left as it is`,
          { try: 'npm install -g fnmesh@latest' },
        );
      }
    } finally {
      await handle.close();
    }
  }
}
