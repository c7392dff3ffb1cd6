#!/usr/bin/env node
// Rebuilds when a source is newer than dist, then runs without the manifest, so that new commands are seen.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

execFileSync(process.execPath, [fileURLToPath(new URL('./prepare.js', import.meta.url))], {
  stdio: ['ignore', 'ignore', 'inherit'],
});
process.env.FNMESH_IGNORE_MANIFEST = '1';
const { main } = await import('../dist/cli/main.js');
await main(import.meta.url);
