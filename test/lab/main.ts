// `npm run lab`: a registry and a stand-in for a real Fn server on this machine, until Ctrl-C. For trying a deploy
// without a server of one's own, and for the test of README's steps.
import { spawnSync } from 'node:child_process';
import { startDockerRegistry } from '../helpers/docker-registry.js';
import { startStrictFn } from '../helpers/strict-fn.js';

if (spawnSync('docker-registry', ['--version']).status !== 0) {
  process.stderr.write(
    'The lab needs the registry that Debian and Ubuntu have as docker-registry:\n' +
      '  sudo apt-get install docker-registry\n',
  );
  process.exit(1);
}
const registry = await startDockerRegistry();
const fn = await startStrictFn();
process.stdout.write(
  `# The lab runs until Ctrl-C. In another terminal:\n` +
    `export FN_API_URL=${fn.url}\n` +
    `export FN_REGISTRY=${registry.host}/me\n`,
);

let ending = false;
async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  for (const text of fn.violations) process.stderr.write(`a real Fn server would not stand: ${text}\n`);
  await fn.close();
  await registry.stop();
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end());
