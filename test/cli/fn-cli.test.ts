import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeApp, Workplace } from '../helpers/cli.js';
import { FnCli } from '../helpers/fn-cli.js';

describe('the plain Fn CLI against the embedded server', () => {
  const place = new Workplace();
  let fn: FnCli;
  let image = '';

  beforeAll(async () => {
    place.write(nodeApp('hello', { hello: ['v1'] }));
    expect((await place.run(['deploy', '--all'], { cwd: 'hello' })).code).toBe(0);
    fn = new FnCli((await place.server()).fnUrl);
    image = String((await fn.fn('hello', 'hello-v1'))['image']);
  });
  afterAll(() => place.close());

  test('lists and inspects what fnmesh deployed', async () => {
    expect(await fn.listApps()).toEqual(['hello']);
    expect(await fn.listFns('hello')).toEqual(['hello-v1']);
    expect(image).toMatch(/^fnmesh\.local\/hello\/hello-v1:[0-9a-f]{12}$/);
    expect(await fn.listTriggers('hello')).toEqual([
      { fn: 'hello-v1', name: 'hello-v1', endpoint: expect.stringMatching(/\/t\/hello\/v1$/) as string },
    ]);
  });

  test('creates, configures, invokes and deletes', async () => {
    await fn.createApp('plain');
    await fn.createFn('plain', 'f', image);
    expect(await fn.invoke('plain', 'f', 'x')).toMatchObject({
      status: 200,
      callId: expect.stringMatching(/^[0-9A-Z]{26}$/) as string,
    });
    const configured = await fn.configFn('plain', 'f', 'GREETING', 'hi');
    expect(configured.config).toEqual({ GREETING: 'hi' });
    expect(JSON.parse((await fn.invoke('plain', 'f', 'x')).text)).toMatchObject({ config: 'hi', bytes: 1 });
    // Sent back as it was read, the endpoint is not stored.
    expect((await fn.configFn('plain', 'f', 'A', 'b')).annotations).toBeUndefined();
    await fn.createTrigger('plain', 'f', 't', '/one');
    await fn.updateTrigger('plain', 'f', 't', '/two');
    const [trigger] = await fn.listTriggers('plain');
    expect(trigger!.endpoint).toMatch(/\/t\/plain\/two$/);
    expect((await fetch(trigger!.endpoint)).status).toBe(200);
    await fn.deleteFn('plain', 'f');
    await fn.deleteApp('plain');
    expect(await fn.listApps()).toEqual(['hello']);
    await expect(fn.app('plain')).rejects.toThrow('not found');
  });

  test('an fn of an image that is no registered build is stored; calling it says why', async () => {
    await fn.createApp('other');
    await fn.createFn('other', 'f', 'me/hello:0.0.1');
    const called = await fn.invoke('other', 'f', '');
    expect(called.status).toBe(502);
    expect((JSON.parse(called.text) as { message: string }).message).toMatch(
      /^Failed to pull image 'me\/hello:0\.0\.1': ./,
    );
    const { result } = await place.json<{ apps: { app: string; foreign: string[] }[] }>([
      'status',
      '--app',
      'other',
    ]);
    expect(result.apps).toMatchObject([{ app: 'other', foreign: ['f'] }]);
  });

  test('what the CLI made beside a deployed function stays in a destroy', async () => {
    await fn.createFn('hello', 'mine', image);
    const gone = await place.json<{ kept: string[]; appRemoved: boolean }>(['destroy', '--all', '--yes'], {
      cwd: 'hello',
    });
    expect(gone.result).toMatchObject({ kept: ['mine'], appRemoved: false });
    expect(await fn.listFns('hello')).toEqual(['mine']);
  });
});
