import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Build } from '../../src/build/build.js';
import { Builds } from '../../src/build/builds.js';
import { run } from '../../src/process/run.js';
import type { VersionFolder } from '../../src/project/project.js';
import { emptyFolder, has, options, version, write } from './tools.js';

const NODE = { runtime: 'node', entrypoint: 'node func.js' };
const build = async (of: VersionFolder, root: string): Promise<Build> => {
  const made = await new Builds(options(root)).one(of);
  expect(made).not.toHaveProperty('cannotRun');
  return made as Build;
};
const output = async ({ dir, command: [program = '', ...args] }: Build): Promise<string> =>
  (await run(program, args, { cwd: dir })).stdout;

describe('Node.js', () => {
  test('the files are copied, and the Node.js that runs fnmesh runs them', async () => {
    const root = emptyFolder();
    const v1 = version(
      root,
      { 'func.js': 'console.log(require("./lib/a.js"))', 'lib/a.js': 'module.exports = 7' },
      NODE,
    );
    write(v1.dir, { 'node_modules/x/index.js': '', '__pycache__/x.pyc': '' });
    const made = await build(v1, root);
    expect(made.command).toEqual([process.execPath, 'func.js']);
    expect(await output(made)).toBe('7');
    expect(readdirSync(made.dir).sort()).toEqual(['.fnmesh-build.json', 'func.js', 'func.yaml', 'lib']);
    write(v1.dir, { 'func.js': 'console.log(8)', 'node_modules/x/index.js': 'changed' });
    expect([await output(made), await output(await build(v1, root))]).toEqual(['7', '8']);
  });

  test('an installed package does not count, a changed setting does', async () => {
    const root = emptyFolder();
    const v1 = version(root, { 'func.js': '' }, NODE);
    const plan = async () => (await new Builds(options(root)).plan([v1]))[0] as { hash: string };
    const { hash } = await plan();
    write(v1.dir, { 'node_modules/x/index.js': '' });
    expect((await plan()).hash).toBe(hash);
    v1.func.entrypoint = 'node --no-warnings func.js';
    expect((await plan()).hash).not.toBe(hash);
  });

  test.skipIf(!has('npm', '-v'))(
    'npm installs into the build folder; a local package is copied there',
    async () => {
      const root = emptyFolder();
      write(root, {
        'shared/package.json': '{"name":"shared","version":"1.0.0"}',
        'shared/index.js': 'module.exports = "a"',
      });
      const v1 = version(
        root,
        {
          'package.json': JSON.stringify({
            dependencies: { shared: 'file:../../shared' },
          }),
          'func.js': 'console.log(require("shared"))',
        },
        NODE,
      );
      const first = await build(v1, root);
      write(root, { 'shared/index.js': 'module.exports = "b"' });
      const second = await build(v1, root);
      expect([await output(first), await output(second)]).toEqual(['a', 'b']);
      expect(readdirSync(v1.dir).sort()).toEqual(['func.js', 'func.yaml', 'package.json']);
    },
  );

  test.skipIf(!has('npm', '-v'))('npm ci with a lockfile: what npm says is the error', async () => {
    const root = emptyFolder();
    const v1 = version(
      root,
      {
        'package.json': '{"name":"x","version":"1.0.0","dependencies":{"a":"file:./nothere.tgz"}}',
        'package-lock.json':
          '{"name":"x","version":"1.0.0","lockfileVersion":3,"packages":{"":{"name":"x","version":"1.0.0"}}}',
        'func.js': '',
      },
      NODE,
    );
    await expect(build(v1, root)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringMatching(/^npm ci .*\n[^]*npm error/) as string,
    });
  });
});
