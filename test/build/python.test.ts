import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Build } from '../../src/build/build.js';
import { Builds } from '../../src/build/builds.js';
import { asProcess } from '../../src/build/python.js';
import { run } from '../../src/process/run.js';
import { emptyFolder, has, options, version, write } from './tools.js';

const IMAGE = { runtime: 'python', entrypoint: '/python/bin/fdk /function/func.py handler' };

test.each([
  ['/python/bin/fdk ./func.py handler', './.venv/bin/python ./.venv/bin/fdk ./func.py handler'],
  ['fdk func.py handler', './.venv/bin/python ./.venv/bin/fdk func.py handler'],
  ['python3 func.py', './.venv/bin/python func.py'],
  ['/python/bin/python3.12 -u func.py', './.venv/bin/python -u func.py'],
  ['./run.sh now', './run.sh now'],
])('%s runs as %s', (words, expected) => {
  expect(asProcess(words.split(' ')).join(' ')).toBe(expected);
});

describe.skipIf(!has('python3', '-m', 'venv', '--help'))('Python', () => {
  test(
    'packages come into a private environment, which may be moved with the app',
    { timeout: 120_000 },
    async () => {
      const root = emptyFolder();
      // A package that brings a program called fdk, from a folder: nothing is downloaded.
      write(root, {
        'fake/pyproject.toml':
          '[project]\nname = "fakefdk"\nversion = "1.0"\n[project.scripts]\nfdk = "fakefdk:main"\n[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        'fake/backend.py': BACKEND,
      });
      const v1 = version(
        root,
        { 'func.py': 'print("never run")\n', 'requirements.txt': `${join(root, 'fake')}\n` },
        IMAGE,
      );
      const { dir, command, hash } = (await new Builds(options(root)).one(v1)) as Build;
      expect(command).toEqual(['./.venv/bin/python', './.venv/bin/fdk', './func.py', 'handler']);
      const [program = '', ...args] = command;
      expect((await run(program, args, { cwd: dir })).stdout).toBe("fdk ['./func.py', 'handler']");
      const moved = join(root, hash);
      renameSync(dir, moved);
      expect((await run(program, args, { cwd: moved })).stdout).toBe("fdk ['./func.py', 'handler']");
    },
  );

  test('requirements without fdk: says what to add', { timeout: 120_000 }, async () => {
    const root = emptyFolder();
    const v1 = version(root, { 'func.py': '' }, IMAGE);
    await expect(new Builds(options(root)).one(v1)).rejects.toMatchObject({
      code: 'failed',
      message: 'no package that requirements.txt names brings the program fdk',
      try: `echo fdk >> ${join(v1.dir, 'requirements.txt')}`,
    });
  });
});

const BACKEND = `
import zipfile

META = "Metadata-Version: 2.1\\nName: fakefdk\\nVersion: 1.0\\n"
WHEEL = "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"


def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "fakefdk-1.0-py3-none-any.whl"
    with zipfile.ZipFile(directory + "/" + name, "w") as out:
        out.writestr("fakefdk.py", "import sys\\ndef main():\\n    print('fdk', sys.argv[1:])\\n")
        out.writestr("fakefdk-1.0.dist-info/METADATA", META)
        out.writestr("fakefdk-1.0.dist-info/WHEEL", WHEEL)
        out.writestr("fakefdk-1.0.dist-info/entry_points.txt", "[console_scripts]\\nfdk = fakefdk:main\\n")
        out.writestr("fakefdk-1.0.dist-info/RECORD", "")
    return name
`;
