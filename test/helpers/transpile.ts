// The server's own sources as JavaScript, for tests that need them in a process of its own (Node 20 reads no types).
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';

const SRC = resolve(import.meta.dirname, '../../src');
/** What the server stands on; nothing of it needs a package. */
const PARTS = ['server/state', 'server/store', 'server/state.ts', 'fn', 'routing', 'errors.ts'];

/** Writes the sources as ES modules to a temporary folder; `remove` deletes it. */
export async function transpiled(): Promise<{ dir: string; remove: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'fnmesh-js-'));
  await writeFile(join(dir, 'package.json'), '{"type":"module"}');
  const files = (await readdir(SRC, { recursive: true })).filter(
    (file) => file.endsWith('.ts') && PARTS.some((part) => file === part || file.startsWith(`${part}/`)),
  );
  for (const file of files) {
    const { outputText } = ts.transpileModule(await readFile(join(SRC, file), 'utf8'), {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        verbatimModuleSyntax: true,
      },
    });
    const out = join(dir, file.replace(/\.ts$/, '.js'));
    await mkdir(dirname(out), { recursive: true });
    await writeFile(out, outputText);
  }
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}
