// npm's `prepare`: compiles src to dist and writes oclif's manifest. Nothing to do when both are newer than the
// sources, or when there is no compiler (`npm install --omit=dev` of a package that brings its dist along).
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const manifest = join(root, 'oclif.manifest.json');
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const oclif = join(root, 'node_modules', 'oclif', 'bin', 'run.js');

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

const built = existsSync(manifest) && existsSync(dist) ? statSync(manifest).mtimeMs : 0;
const sources = ['src', 'package.json', 'tsconfig.json']
  .map((name) => join(root, name))
  .filter((path) => existsSync(path));
const upToDate = built > Math.max(...sources.map(newest));

if (!upToDate && existsSync(compiler)) {
  // Built beside and renamed, so that a command that runs meanwhile never loads half of a build.
  const fresh = `${dist}.${process.pid}`;
  const old = `${dist}.${process.pid}.old`;
  try {
    execFileSync(process.execPath, [compiler, '-p', root, '--outDir', fresh], {
      stdio: 'inherit',
      cwd: root,
    });
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(fresh, dist);
    rmSync(manifest, { force: true });
    execFileSync(process.execPath, [oclif, 'manifest'], {
      stdio: ['ignore', 'ignore', 'inherit'],
      cwd: root,
      env: { ...process.env, OCLIF_SKIP_NEW_VERSION_CHECK: 'true' },
    });
  } catch (error) {
    // The compiler has said on its own what is wrong.
    process.exitCode = error.status ?? 1;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  }
}
