import { expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { run, which } from '../../src/process/run.js';

const node = process.execPath;
const failing = async (promise: Promise<unknown>): Promise<FnmeshError> => {
  const thrown: unknown = await promise.then(() => undefined).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(FnmeshError);
  return thrown as FnmeshError;
};

test('gives both streams, apart and together', async () => {
  const result = await run(node, ['-e', 'console.log("out"); console.error("err")']);
  expect(result).toMatchObject({ exitCode: 0, stdout: 'out', stderr: 'err' });
  expect(result.all.split('\n').sort()).toEqual(['err', 'out']);
});

test('hands arguments over as they are: there is no shell', async () => {
  const args = ['$HOME; echo x', '"a b"', '*'];
  const { stdout } = await run(node, ['-p', 'JSON.stringify(process.argv.slice(1))', ...args]);
  expect(JSON.parse(stdout)).toEqual(args);
});

test('env is added to, and taken from, the environment', async () => {
  const code = 'JSON.stringify([process.env.A, process.env.HOME, typeof process.env.PATH])';
  const { stdout } = await run(node, ['-p', code], { env: { A: '1', HOME: undefined } });
  expect(JSON.parse(stdout)).toEqual(['1', null, 'string']);
});

test('input is written and closed; without it the input is empty', async () => {
  const code = 'process.stdin.pipe(process.stdout)';
  expect((await run(node, ['-e', code], { input: 'hello' })).stdout).toBe('hello');
  expect((await run(node, ['-e', code])).stdout).toBe('');
});

test('an exit code is an error that ends with the output, or an answer when allowed', async () => {
  const args = ['-e', 'for (let i = 0; i < 100; i++) console.log("line " + i); process.exitCode = 3'];
  const error = await failing(run(node, args));
  expect(error.code).toBe('failed');
  expect(error.message).toMatch(/exited with 3\nline 60\n[^]*line 99$/);
  expect((await run(node, args, { allowFailure: true })).exitCode).toBe(3);
});

test('a program that is missing says what to install', async () => {
  const error = await failing(run('fnmesh-no-such-program', []));
  expect(error.message).toBe('fnmesh-no-such-program is not installed, or not on the PATH');
  expect(error.try).toContain('install');
});

test('a working directory that is missing is not taken for a missing program', async () => {
  const error = await failing(run(node, ['-v'], { cwd: '/no/such/folder' }));
  expect(error.message).toMatch(/cannot run .*\/no\/such\/folder/s);
});

test('a time limit and a signal are named', async () => {
  const slow = ['-e', 'setTimeout(() => {}, 60_000)'];
  expect((await failing(run(node, slow, { timeoutMs: 100 }))).message).toContain('took longer than 100 ms');
  const suicide = ['-e', 'process.kill(process.pid, "SIGKILL")'];
  expect((await failing(run(node, suicide))).message).toContain('was ended by SIGKILL');
});

test('which finds what is on the PATH', async () => {
  expect(await which(node)).toBe(node);
  expect(await which('sh')).toMatch(/\/sh$/);
  expect(await which('fnmesh-no-such-program')).toBeUndefined();
});
