// Stand-ins for docker, podman and buildah: programs on the PATH that note what they were told, and answer as the real
// ones of Debian 12 were seen to (docker 20.10, podman 4.3, buildah 1.28). They build nothing.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ContainerToolName } from '../../src/build/container-tool.js';

/** One run of a stand-in. `dockerfile` and `context` (its files, by path): of a build. */
type Noted = {
  tool: string;
  args: string[];
  cwd: string;
  proxy?: string;
  dockerfile?: string;
  context?: string[];
};

/** The stand-ins of a test. */
export type StandIns = {
  /** What was run, in order, without asking for the version. */
  runs: () => Noted[];
  /** From now on these fail, each `TOOL COMMAND`, in the real tool's words. */
  fail: (...commands: string[]) => void;
  /** Empties the tools' image stores, as a prune would. */
  forget: () => void;
  /** How often any tool was asked for its version. */
  asked: () => number;
};

/** Puts stand-ins first on the PATH until the test is over; `alone`: nothing else is on it. */
export function standIns(tools: readonly ContainerToolName[], { alone = false } = {}): StandIns {
  const dir = mkdtempSync(join(tmpdir(), 'fnmesh-stand-ins-'));
  for (const tool of tools) {
    writeFileSync(join(dir, tool), PROGRAM);
    chmodSync(join(dir, tool), 0o755);
  }
  const before = { ...process.env };
  process.env['PATH'] = alone ? dir : `${dir}:${before['PATH']}`;
  delete process.env['FN_CONTAINER_ENGINETYPE'];
  onTestFinished(() => {
    process.env = before;
    rmSync(dir, { recursive: true, force: true });
  });
  const log = join(dir, 'log');
  const notes = (): Noted[] =>
    existsSync(log)
      ? readFileSync(log, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Noted)
      : [];
  return {
    runs: () => notes().filter(({ args }) => args[0] !== 'version'),
    asked: () => notes().filter(({ args }) => args[0] === 'version').length,
    fail: (...commands) => writeFileSync(join(dir, 'failing'), commands.join('\n')),
    forget: () => rmSync(join(dir, 'images'), { force: true }),
  };
}

const PROGRAM = `#!${process.execPath}
const { appendFileSync, existsSync, readFileSync, readdirSync, writeFileSync } = require('node:fs');
const { createHash } = require('node:crypto');
const { basename, dirname, join } = require('node:path');
const [, self, ...args] = process.argv;
const dir = dirname(self), tool = basename(self), [command] = args;
const read = (name) => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8').split('\\n') : []);
const failing = (what) => read('failing').includes(tool + ' ' + what);
const after = (flag) => args[args.indexOf(flag) + 1];
const fail = (code, text) => { console.error(text); process.exit(code); };
const digest = (text) => 'sha256:' + createHash('sha256').update(text).digest('hex');

const note = { tool, args, cwd: process.cwd() };
if (command === 'build') {
  note.dockerfile = readFileSync(after('-f'), 'utf8');
  note.context = readdirSync(args.at(-1), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(args.at(-1).length + 1)).sort();
  if (args.includes('HTTPS_PROXY')) note.proxy = process.env.HTTPS_PROXY;
}
appendFileSync(join(dir, 'log'), JSON.stringify(note) + '\\n');

if (command === 'version') {
  if (failing('is podman')) console.log('Client:       Podman Engine\\nVersion:      4.3.1');
  else console.log(tool === 'docker' ? 'Client:\\n Version:           28.2.2' : 'Version:      4.3.1');
  if (failing('version')) fail(1, 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?');
  if (failing('permission')) fail(1, 'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock');
} else if (command === 'build') {
  if (failing('build')) {
    console.log('Step 1/3 : FROM fnproject/node:24');
    fail(1, 'COPY failed: file not found in build context or excluded by .dockerignore: stat nothing: file does not exist');
  }
  if (failing('foreign')) fail(1, 'exec /bin/sh: exec format error');
  const id = digest(note.dockerfile + note.context + args.includes('--no-cache'));
  if (!failing('iidfile')) writeFileSync(after('--iidfile'), id);
  appendFileSync(join(dir, 'images'), id + '\\n' + after('-t') + '\\n');
} else if (['image', 'inspect'].includes(command)) {
  if (args.includes('{{json .RepoDigests}}')) console.log(JSON.stringify(['other/cart@' + digest('other'), args.at(-1).replace(/:[^:/]*$/, '') + '@' + digest(args.at(-1))]));
  else if (!read('images').includes(args.at(-1))) fail(1, 'Error: No such image: ' + args.at(-1));
} else if (command === 'tag') {
  appendFileSync(join(dir, 'images'), args.at(-1) + '\\n');
} else if (command === 'push') {
  if (failing('push')) fail(1, tool === 'docker' ? 'denied: requested access to the resource is denied' : 'Error: checking whether a blob exists: unauthorized: authentication required');
  if (failing('network')) fail(1, 'Error: connect: connection refused');
  const to = args.at(-1).replace('docker://', '');
  if (args.includes('--digestfile')) writeFileSync(after('--digestfile'), digest(to));
  else console.log('The push refers to repository [' + to + ']\\nfa3318ccc290: Pushed' + (failing('digest') ? '' : '\\n0.0.1: digest: ' + digest(to) + ' size: 524'));
}
`;
