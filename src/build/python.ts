// Python: the version's files and a private virtual environment, in the build folder.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FnmeshError } from '../errors.js';
import { run } from '../process/run.js';
import type { VersionFolder } from '../project/project.js';
import type { Builder } from './build.js';
import { containerCommand } from './command.js';
import { copyFiles, filesOf } from './files.js';

// Relative, so that the command holds wherever the app's folder is moved.
const PYTHON = './.venv/bin/python';
const PIP = ['--disable-pip-version-check', '--no-input', '--quiet'];

/** Builds runtimes `python`, `python3.12`, … with the Python 3 that is installed. */
export function pythonBuilder(): Builder {
  let toolchain: Promise<string> | undefined;
  let pip: Promise<boolean> | undefined;
  return {
    language: 'Python',
    handles: (version) => /^python[\d.]*$/.test(version.func.runtime ?? ''),
    toolchain: () => (toolchain ??= askPython()),
    inputs: () => Promise.resolve({ leave: {}, folders: [], settings: [] }),
    build: async (version, into) => {
      await copyFiles(filesOf(version.dir), into);
      await install(into, await (pip ??= pipInstallsElsewhere()));
      const command = asProcess(containerCommand(version.func, ['fdk', './func.py', 'handler']));
      checkProgram(version, into, command);
      return { command };
    },
  };
}

/**
 * The image's `/python/bin/NAME` and a bare `fdk` are scripts of the virtual environment. Python runs them by
 * name, since their first lines hold the path where the environment was made.
 */
export function asProcess(words: readonly string[]): string[] {
  const [program = '', ...args] = words;
  const name = program.replace(/^\/python\/bin\//, '');
  if (/^python[\d.]*$/.test(name)) return [PYTHON, ...args];
  return name.includes('/') ? [...words] : [PYTHON, `./.venv/bin/${name}`, ...args];
}

async function askPython(): Promise<string> {
  const code = 'import sys, sysconfig; print(sys.version.split()[0], sysconfig.get_platform())';
  const { stdout } = await run('python3', ['-c', code]);
  return `python ${stdout}`;
}

/** From 22.3 on pip installs into an environment without one of its own, which saves most of the time. */
async function pipInstallsElsewhere(): Promise<boolean> {
  const { exitCode, stdout } = await run('python3', ['-c', 'import pip; print(pip.__version__)'], {
    allowFailure: true,
  });
  const [major = 0, minor = 0] = stdout.split('.').map(Number);
  return exitCode === 0 && (major > 22 || (major === 22 && minor >= 3));
}

async function install(into: string, elsewhere: boolean): Promise<void> {
  const env = { PIP_REQUIRE_VIRTUALENV: undefined, PYTHONHOME: undefined, PYTHONPATH: undefined };
  const made = await run('python3', ['-m', 'venv', ...(elsewhere ? ['--without-pip'] : []), '.venv'], {
    cwd: into,
    env,
    allowFailure: true,
  });
  if (made.exitCode !== 0) {
    throw new FnmeshError('failed', `python3 cannot make a virtual environment\n${made.all}`, {
      try: 'sudo apt-get install python3-venv',
    });
  }
  if (!existsSync(join(into, 'requirements.txt'))) return;
  const requirements = ['install', '-r', 'requirements.txt'];
  await (elsewhere
    ? run('python3', ['-m', 'pip', '--python', PYTHON, ...PIP, ...requirements], { cwd: into, env })
    : run(PYTHON, ['-m', 'pip', ...PIP, ...requirements], { cwd: into, env }));
}

function checkProgram(version: VersionFolder, into: string, command: readonly string[]): void {
  const script = command[0] === PYTHON ? command[1] : undefined;
  if (script === undefined || !script.startsWith('./.venv/') || existsSync(join(into, script))) return;
  const name = script.slice('./.venv/bin/'.length);
  throw new FnmeshError('failed', `no package that requirements.txt names brings the program ${name}`, {
    try: `echo ${name} >> ${join(version.dir, 'requirements.txt')}`,
  });
}
