import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { Store, type StoreOptions } from '../../src/server/store/store.js';

let dir: string;

beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'fnmesh-store-')), 'state');
});
afterEach(() => rm(join(dir, '..'), { recursive: true, force: true }));

const at = (name: string) => join(dir, name);
const files = async () => (await readdir(dir)).sort();
const put = (store: Store, id: string, value: unknown = id) =>
  store.commit([['put', 'things', id, { value }]]);

/** The ids and values that a store holds. */
function held(store: Store): Record<string, unknown> {
  return Object.fromEntries(
    [...store.collection('things')].map(([id, thing]) => [id, (thing as { value: unknown }).value]),
  );
}

/** Opens the store, does something, closes it. */
async function during<T>(task: (store: Store) => Promise<T> | T, options: StoreOptions = {}): Promise<T> {
  const store = await Store.open(dir, options);
  try {
    return await task(store);
  } finally {
    await store.close();
  }
}

/** One generation: a, b, c in journal-1. */
async function oneGeneration(): Promise<void> {
  await during(async (store) => {
    for (const id of ['a', 'b', 'c']) await put(store, id);
  });
}

/** Three generations, the first one removed: snapshot-2 has a; journal-2 b; snapshot-3 a, b; journal-3 c. */
async function threeGenerations(): Promise<void> {
  await during((store) => put(store, 'a'), { compactAt: 1 });
  await during((store) => put(store, 'b'), { compactAt: 1 });
  await during((store) => put(store, 'c'));
}

async function flipByte(name: string, position: number): Promise<void> {
  const bytes = await readFile(at(name));
  const index = position < 0 ? bytes.length + position : position;
  bytes[index] = bytes[index]! ^ 1;
  await writeFile(at(name), bytes);
}

/** Where the nth line of a file begins. */
async function lineStart(name: string, number: number): Promise<number> {
  return (
    (await readFile(at(name), 'utf8'))
      .split('\n')
      .slice(0, number - 1)
      .join('\n').length + 1
  );
}

describe('a store', () => {
  test('gives back what was committed, in this process and the next', async () => {
    await during(async (store) => {
      await put(store, 'a', 1);
      await put(store, 'a', 2);
      await put(store, '__proto__', 'é\u2028\n');
      await store.commit([
        ['put', 'things', 'gone', {}],
        ['delete', 'things', 'gone'],
        ['put', 'others', 'a', { other: true }],
      ]);
      expect(held(store)).toEqual({ a: 2, ['__proto__']: 'é\u2028\n' });
    });
    await during((store) => {
      expect(held(store)).toEqual({ a: 2, ['__proto__']: 'é\u2028\n' });
      expect([...store.collection('others').keys()]).toEqual(['a']);
      expect(store.warnings).toEqual([]);
    });
  });

  test('is its owner’s only', async () => {
    await mkdir(dir, { mode: 0o755 });
    await threeGenerations();
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    for (const name of await files())
      expect([name, (await stat(at(name))).mode & 0o777]).toEqual([name, 0o600]);
  });

  test('writes what waits at the same time together', async () => {
    let syncs = 0;
    const counting = async (path: string, flags: string, mode: number) => {
      const handle = await open(path, flags, mode);
      return new Proxy(handle, {
        get(target, key) {
          if (key === 'datasync') syncs++;
          const value: unknown = Reflect.get(target, key);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    };
    await during(
      async (store) => {
        const before = syncs;
        await Promise.all(Array.from({ length: 500 }, (_, i) => put(store, `id${i}`)));
        expect(syncs - before).toBeLessThan(5);
      },
      { open: counting },
    );
    await during((store) => expect(store.collection('things').size).toBe(500));
  });

  test('turns to a new generation and keeps the one before', async () => {
    await threeGenerations();
    expect(await files()).toEqual([
      'journal-2.ndjson',
      'journal-3.ndjson',
      'snapshot-2.json',
      'snapshot-3.json',
    ]);
    await during((store) => expect(held(store)).toEqual({ a: 'a', b: 'b', c: 'c' }));
  });

  test('stays small while the same things change', async () => {
    await during(
      async (store) => {
        for (let i = 0; i < 2000; i++) await put(store, `id${i % 10}`, i);
      },
      { compactAt: 4096 },
    );
    const sizes = await Promise.all((await files()).map(async (name) => (await stat(at(name))).size));
    expect(sizes.reduce((a, b) => a + b)).toBeLessThan(100_000);
    await during((store) => expect(held(store)).toMatchObject({ id0: 1990, id9: 1999 }));
  });
});

type Damage = {
  name: string;
  before: () => Promise<void>;
  damage: () => Promise<void>;
  /** The ids that must still be there. */
  left: string[];
  /** What the user is told; none = nothing. */
  warning?: RegExp;
};

const DAMAGES: Damage[] = [
  {
    name: 'a last line without its end',
    before: oneGeneration,
    damage: async () => truncate(at('journal-1.ndjson'), (await stat(at('journal-1.ndjson'))).size - 1),
    left: ['a', 'b'],
  },
  {
    name: 'half a last line',
    before: oneGeneration,
    damage: async () => truncate(at('journal-1.ndjson'), (await lineStart('journal-1.ndjson', 4)) + 12),
    left: ['a', 'b'],
  },
  {
    name: 'garbage after the last line',
    before: oneGeneration,
    damage: () => appendFile(at('journal-1.ndjson'), '\0\0\0\0\0\0\0\0'),
    left: ['a', 'b', 'c'],
  },
  {
    name: 'a line of garbage at the end',
    before: oneGeneration,
    damage: () => appendFile(at('journal-1.ndjson'), 'garbage\n'),
    left: ['a', 'b', 'c'],
    warning: /journal-1\.ndjson is damaged at line 5: what was changed before it is kept/,
  },
  {
    name: 'a flipped bit in mid-journal',
    before: oneGeneration,
    damage: async () => flipByte('journal-1.ndjson', (await lineStart('journal-1.ndjson', 3)) + 20),
    left: ['a'],
    warning:
      /journal-1\.ndjson is damaged at line 3.*later changes are lost.*kept as journal-1\.ndjson\.damaged-/,
  },
  {
    name: 'a flipped bit in the first line',
    before: oneGeneration,
    damage: () => flipByte('journal-1.ndjson', 2),
    left: [],
    warning: /journal-1\.ndjson is damaged at line 1/,
  },
  {
    name: 'an empty journal',
    before: threeGenerations,
    damage: () => truncate(at('journal-3.ndjson'), 0),
    left: ['a', 'b'],
  },
  {
    name: 'a flipped bit in the newest snapshot',
    before: threeGenerations,
    damage: () => flipByte('snapshot-3.json', 60),
    left: ['a', 'b', 'c'],
    warning: /snapshot-3\.json was damaged, so the state was restored from its previous copy/,
  },
  {
    name: 'a truncated newest snapshot',
    before: threeGenerations,
    damage: () => truncate(at('snapshot-3.json'), 70),
    left: ['a', 'b', 'c'],
    warning: /snapshot-3\.json was damaged/,
  },
  {
    name: 'an empty newest snapshot',
    before: threeGenerations,
    damage: () => truncate(at('snapshot-3.json'), 0),
    left: ['a', 'b', 'c'],
    warning: /snapshot-3\.json was damaged/,
  },
  {
    name: 'a newest snapshot that is gone',
    before: threeGenerations,
    damage: () => rm(at('snapshot-3.json')),
    left: ['a', 'b', 'c'],
  },
  {
    name: 'a damaged newest snapshot and damage in the journal before it',
    before: threeGenerations,
    damage: async () => {
      await flipByte('snapshot-3.json', 60);
      await flipByte('journal-2.ndjson', -10);
    },
    left: ['a'],
    warning: /journal-2\.ndjson is damaged at line 2/,
  },
  {
    name: 'a damaged newest snapshot and a journal that is gone',
    before: threeGenerations,
    damage: async () => {
      await flipByte('snapshot-3.json', 60);
      await rm(at('journal-2.ndjson'));
    },
    left: ['a'],
    warning: /before journal-3\.ndjson is missing/,
  },
  {
    name: 'a damaged previous snapshot, which nobody needs',
    before: threeGenerations,
    damage: () => flipByte('snapshot-2.json', 60),
    left: ['a', 'b', 'c'],
  },
  {
    name: 'a damaged only snapshot, which was empty',
    before: oneGeneration,
    damage: () => flipByte('snapshot-1.json', 5),
    left: ['a', 'b', 'c'],
    warning: /snapshot-1\.json was damaged/,
  },
  {
    name: 'a snapshot that was being written',
    before: oneGeneration,
    damage: () => writeFile(at('snapshot-2.json.tmp'), '{"format":1,"gener'),
    left: ['a', 'b', 'c'],
  },
  {
    name: 'a journal that was being begun',
    before: oneGeneration,
    damage: () => writeFile(at('journal-2.ndjson'), '0123'),
    left: ['a', 'b', 'c'],
  },
];

describe('a damaged store', () => {
  test.each(DAMAGES)('$name', async ({ before, damage, left, warning }) => {
    await before();
    await damage();
    await during(async (store) => {
      expect(Object.keys(held(store))).toEqual(left);
      if (warning) expect(store.warnings.join('\n')).toMatch(warning);
      else expect(store.warnings).toEqual([]);
      // What is kept aside keeps its name, and the rest goes on as if nothing had been.
      expect((await files()).some((name) => name.includes('.damaged-'))).toBe(warning !== undefined);
      await put(store, 'new');
    });
    await during((store) => {
      expect(Object.keys(held(store)).sort()).toEqual([...left, 'new'].sort());
      expect(store.warnings).toEqual([]);
    });
  });

  test('a restored state has two good copies again', async () => {
    await threeGenerations();
    await flipByte('snapshot-3.json', 60);
    await during(() => undefined);
    await flipByte('snapshot-4.json', 60);
    await during((store) => expect(Object.keys(held(store))).toEqual(['a', 'b', 'c']));
  });

  test('that cannot be read at all is refused and left alone', async () => {
    await threeGenerations();
    for (const name of ['snapshot-2.json', 'snapshot-3.json']) await flipByte(name, 60);
    const before = await contents();
    await expect(Store.open(dir)).rejects.toThrow(
      /snapshot-3\.json and snapshot-2\.json is damaged or missing/,
    );
    expect(await contents()).toEqual(before);
  });

  test.each(['snapshot-1.json', 'journal-1.ndjson'])(
    'a newer format in %s is refused and left alone',
    async (name) => {
      await oneGeneration();
      await writeFile(at(name), (await readFile(at(name), 'utf8')).replace('"format":1', '"format":2'));
      await writeFile(at('snapshot-9.json.tmp'), 'unfinished');
      await chmod(dir, 0o750);
      const before = await contents();
      const error: unknown = await Store.open(dir).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(FnmeshError);
      expect(error).toMatchObject({
        message: expect.stringMatching(/newer fnmesh.*format 2.*left as it is/) as unknown,
      });
      expect(await contents()).toEqual(before);
      expect((await stat(dir)).mode & 0o777).toBe(0o750);
    },
  );

  test('a path that is no folder is an error that names it', async () => {
    await writeFile(dir, 'a file');
    await expect(Store.open(dir)).rejects.toThrow(`the state in ${dir}`);
  });

  async function contents(): Promise<Record<string, string>> {
    return Object.fromEntries(
      await Promise.all(
        (await files()).map(async (name) => [name, await readFile(at(name), 'utf8')] as const),
      ),
    );
  }
});

describe('a full disk', () => {
  /** A disk that takes `bytes` more bytes, then fails; `syncs` makes it fail at the sync instead. */
  function failing(state: { bytes: number; code?: string; syncs?: boolean }) {
    const fail = () => Object.assign(new Error('the disk failed'), { code: state.code ?? 'ENOSPC' });
    return async (path: string, flags: string, mode: number) => {
      const handle = await open(path, flags, mode);
      return new Proxy(handle, {
        get(target, key) {
          if (key === 'write') {
            return async (buffer: Buffer, offset: number, length: number, position: number) => {
              const taken = state.syncs ? length : Math.min(length, state.bytes);
              if (taken === 0) throw fail();
              state.bytes -= taken;
              return target.write(buffer, offset, taken, position);
            };
          }
          if (key === 'datasync' && state.syncs && state.bytes <= 0) return () => Promise.reject(fail());
          const value: unknown = Reflect.get(target, key);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    };
  }

  test.each([
    { name: 'in mid-line', disk: { bytes: 140 } },
    { name: 'with an input/output error', disk: { bytes: 140, code: 'EIO' } },
    { name: 'at the sync', disk: { bytes: 140, syncs: true } },
  ])('$name: the change is refused whole, and later ones succeed', async ({ disk }) => {
    await during(
      async (store) => {
        await put(store, 'a');
        const size = (await stat(at('journal-1.ndjson'))).size;
        await expect(put(store, 'b', 'x'.repeat(500))).rejects.toThrow(/Cannot write to the state in/);
        expect(held(store)).toEqual({ a: 'a' });
        if (!disk.syncs) expect((await stat(at('journal-1.ndjson'))).size).toBe(size);
        disk.bytes = 1e6;
        await put(store, 'c');
        expect((await readFile(at('journal-1.ndjson'), 'utf8')).split('\n')).toHaveLength(4);
      },
      { open: failing(disk) },
    );
    await during((store) => {
      expect(held(store)).toEqual({ a: 'a', c: 'c' });
      expect(store.warnings).toEqual([]);
    });
  });

  test('a compaction that fails loses nothing and says so', async () => {
    const disk = { bytes: 1e6 };
    await during(
      async (store) => {
        await put(store, 'a');
        disk.bytes = 60; // Enough for the change, not for the next journal's beginning.
        await put(store, 'b');
        await expect.poll(() => store.warnings.join()).toMatch(/could not be compacted/);
        disk.bytes = 1e6;
        await put(store, 'c');
      },
      { open: failing(disk), compactAt: 120 },
    );
    await during((store) => expect(held(store)).toEqual({ a: 'a', b: 'b', c: 'c' }));
  });

  test('snapshots that fail are tried again ever more seldom, with one warning', async () => {
    await during(
      async (store) => {
        for (let number = 2; number < 50; number++) await mkdir(at(`snapshot-${number}.json.tmp`));
        for (let i = 0; i < 400; i++) await put(store, `id${i}`);
        await expect.poll(() => store.warnings).toEqual([expect.stringMatching(/could not be compacted/)]);
        expect((await files()).filter((name) => name.startsWith('journal-')).length).toBeLessThan(10);
      },
      { compactAt: 500 },
    );
    for (let number = 2; number < 50; number++)
      await rm(at(`snapshot-${number}.json.tmp`), { recursive: true });
    await during((store) => expect(store.collection('things').size).toBe(400));
  });

  test('a journal that was begun in vain is closed', async () => {
    let opened = 0;
    let closed = 0;
    const counting = async (path: string, flags: string, mode: number) => {
      const handle = await open(path, flags, mode);
      const close = handle.close.bind(handle);
      handle.close = () => {
        closed++;
        return close();
      };
      // The folder is gone when it is to be synced.
      if (++opened === 2) await rename(dir, `${dir}-elsewhere`);
      return handle;
    };
    await during((store) => put(store, 'a'), { open: counting, compactAt: 1 });
    expect([opened, closed]).toEqual([2, 2]);
  });

  const canMount = process.platform === 'linux' && process.getuid?.() === 0;
  test.skipIf(!canMount)('a real one, 64 KiB in size', async () => {
    await mkdir(dir);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir]);
    try {
      const acknowledged: string[] = [];
      await during(async (store) => {
        let refused = 0;
        for (let i = 0; i < 200; i++) {
          await put(store, `id${i}`, 'x'.repeat(1000)).then(
            () => acknowledged.push(`id${i}`),
            () => refused++,
          );
        }
        expect(refused).toBeGreaterThan(100);
        expect(Object.keys(held(store))).toEqual(acknowledged);
      });
      await during((store) => expect(Object.keys(held(store))).toEqual(acknowledged));
    } finally {
      execFileSync('umount', [dir]);
    }
  });
});

test('any run of commits and reopenings gives what a map would', async () => {
  const id = fc.constantFrom('a', 'b', 'c', '__proto__', 'é/1');
  const write = fc.oneof(
    fc.record({ verb: fc.constant('put' as const), id, value: fc.jsonValue({ maxDepth: 2 }) }),
    fc.record({ verb: fc.constant('delete' as const), id, value: fc.constant(null) }),
  );
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.array(fc.array(write, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }),
    },
    { weight: 1, arbitrary: fc.constant('reopen' as const) },
  );
  const root = dir;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 20 }),
      fc.integer({ min: 1, max: 2000 }),
      async (steps, compactAt) => {
        dir = join(root, randomUUID());
        const model = new Map<string, unknown>();
        const same = (store: Store) => {
          const stored = [...store.collection('things')].map(([key, thing]) => [
            key,
            (thing as { value: unknown }).value,
          ]);
          expect(new Map(stored as [string, unknown][])).toEqual(
            new Map(JSON.parse(JSON.stringify([...model])) as [string, unknown][]),
          );
          expect(store.warnings).toEqual([]);
        };
        let store = await Store.open(dir, { compactAt });
        for (const one of steps) {
          if (one === 'reopen') {
            await store.close();
            store = await Store.open(dir, { compactAt });
            same(store);
            continue;
          }
          // Each a transaction of its own, all waiting together.
          await Promise.all(
            one.map((writes) =>
              store.commit(
                writes.map(({ verb, id: key, value }) =>
                  verb === 'put' ? ['put', 'things', key, { value }] : ['delete', 'things', key],
                ),
              ),
            ),
          );
          for (const { verb, id: key, value } of one.flat()) {
            if (verb === 'put') model.set(key, value);
            else model.delete(key);
          }
        }
        await store.close();
        store = await Store.open(dir, { compactAt });
        same(store);
        await store.close();
      },
    ),
    { numRuns: 40 },
  );
});
