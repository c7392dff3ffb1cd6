#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import module from 'node:module';

// Answered before anything is loaded: this is the call scripts and prompts make most often.
if (process.argv.length === 3 && ['--version', '-v', 'version'].includes(process.argv[2])) {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  process.stdout.write(`fnmesh/${version} ${process.platform}-${process.arch} node-${process.version}\n`);
} else {
  module.enableCompileCache?.();
  const { main } = await import('../dist/cli/main.js');
  await main(import.meta.url);
}
