import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeApp, Workplace } from '../helpers/cli.js';

const place = new Workplace();

beforeAll(async () => {
  place.write({
    ...nodeApp('hello', { hello: ['v1', 'v2'] }),
    ...nodeApp('broken', { broken: ['v1'] }),
    'broken/v1/func.yaml': 'schema_version: 20180708\nname: broken-v1\nmemory: lots\n',
    'typo/app.yaml': 'name: typo\nconfig: [oops\n',
  });
  expect((await place.run(['deploy', '--all'], { cwd: 'hello' })).code).toBe(0);
});
afterAll(() => place.close());

/** Command line, exit code, what the message must say, what it must suggest. */
const CASES: [line: string, code: number, says: RegExp, tries?: RegExp][] = [
  ['shfit v2=50', 127, /no command 'shfit'.*shift/, /fnmesh shift/],
  ['shift', 2, /SHARE|shifts/, /shift --help/],
  ['shift v2=50abc', 2, /50abc/, /v2=50/],
  ['shift v2=0.5', 2, /0\.5/, /0\.5%/],
  ['shift v2=-10', 1 + 1, /-10|0 %/],
  ['shift v2=101', 2, /101/],
  ['shift v2=50 v2=60', 2, /v2/],
  ['shift v1=40 v2=50', 2, /90/, /fnmesh shift/],
  ['shift v1=0 v2=0', 2, /0/],
  ['shift v9=10', 2, /v9/, /fnmesh status$/m],
  ['shift helo v2=10', 2, /helo/, /hello/],
  ['shift v2 50', 2, /v2/, /v2=50/],
  ['shift rest=v1 v2=10', 2, /rest/, /v1=rest/],
  ['shift v2=10 --if-revision 99', 1, /change 1/],
  ['shift v2=10 --if-revision x', 2, /x/],
  ['shift v2=10 --nope', 2, /--nope/],
  ['undo', 2, /nothing to undo/],
  ['undo --to 99', 2, /99/],
  ['history helo', 2, /helo/],
  ['probe -n 0', 2, /0/],
  ['probe --for 10', 2, /10/, /--for 10s/],
  ['probe -H nonsense', 2, /nonsense/, /-H/],
  ['call v9', 2, /v9/],
  ['call hello/v1/x', 2, /hello\/v1\/x/],
  ['call -X G@T', 2, /G@T/, /-X POST/],
  ['call -X CONNECT', 2, /CONNECT/],
  ['call -H Content-Length:5', 2, /Content-Length/],
  ['call -d @missing.json', 2, /missing\.json/],
  ['logs v9', 2, /v9/],
  ['destroy', 2, /what to remove/],
  ['destroy v1', 1, /100 %/, /shift/],
  ['destroy v2', 2, /needs a yes/, /--yes/],
  ['destroy v1 --target local', 1, /100 %/, /fnmesh shift hello\/v2=100 --target local$/m],
  ['destroy v2 --app hello --target local', 2, /a yes/, /destroy v2 --app hello --target local --yes$/m],
  ['destroy nope/v1 --yes', 2, /nope/],
  ['deploy nope', 2, /nope/],
  ['deploy --all hello', 2, /--all/],
  ['start --fn-port 99999', 2, /99999/],
  ['add v2', 1, /v2/],
  ['add Bad_Name', 2, /Bad_Name/],
  ['init', 2, /app's name is missing/, /init hello-app/],
  ['init Hello', 2, /Hello/],
  ['init x --runtime cobol', 2, /cobol/],
  ['init x --versions v1,one', 2, /one/],
];

describe('wrong input', () => {
  test.each(CASES)('fnmesh %s → exit %i', async (line, code, says, tries) => {
    const ran = await place.run(line.split(' '), { cwd: 'hello' });
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toMatch(/^error: /m);
    expect(ran.stderr).not.toContain('bug in fnmesh');
    expect(ran.stderr).not.toMatch(/\n\s+at /);
    expect(ran.stderr).toMatch(says);
    if (tries) expect(ran.stderr.slice(ran.stderr.indexOf('try: '))).toMatch(tries);
    expect(ran.code).toBe(code);
  });

  test.each([
    ['broken', /v1\/func\.yaml:3:\d+.*memory/],
    ['typo', /app\.yaml:\d+:\d+/],
    ['.', /no app\.yaml/],
  ])('files of %s: says where', async (cwd, says) => {
    const ran = await place.run(['deploy', '--all'], { cwd });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(says);
  });

  test('with --json an error is one object on stdout', async () => {
    const answer = await place.json(['shift', 'v9=10'], { cwd: 'hello' });
    expect(answer).toMatchObject({
      schemaVersion: 1,
      command: 'shift',
      ok: false,
      error: { code: 'not_found', exit: 2 },
    });
    const flag = await place.json(['shift', 'v2=10', '--nope'], { cwd: 'hello' });
    expect(flag).toMatchObject({ ok: false, error: { code: 'usage', exit: 2 } });
  });

  test('nothing of all this changed anything', async () => {
    const { result } = await place.json<{ changes: unknown[] }>(['history'], { cwd: 'hello' });
    expect(result.changes).toHaveLength(1);
  });

  test('without a server, commands say how to start it', async () => {
    const env = { FNMESH_HOME: `${place.dir}/elsewhere` };
    const ran = await place.run(['shift', 'v2=10'], { cwd: 'hello', env });
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.stderr).toMatch(/not running[\s\S]*fnmesh start -d/);
    expect((await place.run(['status'], { cwd: 'hello', env })).stdout).toContain('not running');
    expect((await place.run(['stop'], { cwd: 'hello', env })).code).toBe(0);
    const relative = await place.run(['status'], { env: { FNMESH_HOME: 'state' } });
    expect(relative).toMatchObject({ code: 2 });
  });
});
