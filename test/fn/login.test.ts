import { expect, onTestFinished, test } from 'vitest';
import { FnClient } from '../../src/fn/client.js';
import { withoutLogin } from '../../src/fn/login.js';
import { startStrictFn } from '../helpers/strict-fn.js';

test.each([
  ['tcp://logs.example.com:514', 'tcp://logs.example.com:514'],
  ['tcp+tls://me:s3cret@logs.example.com:6514', 'tcp+tls://logs.example.com:6514'],
  ['tcp://me@logs', 'tcp://logs'],
  ['tcp://me:s3@c/ret@logs/x', 'tcp://logs/x'],
  ['unix:///tmp/s', 'unix:///tmp/s'],
  [
    'invalid syslog url: "http://me:s3cret@logs" invalid scheme',
    'invalid syslog url: "http://logs" invalid scheme',
  ],
  ['from tcp://a:b@c to tcp://d:e@f', 'from tcp://c to tcp://f'],
  ['me@box', 'me@box'],
])('%s', (text, shown) => expect(withoutLogin(text)).toBe(shown));

test('what a server says of a syslog_url that it refuses is told without the login', async () => {
  const strict = await startStrictFn();
  onTestFinished(() => strict.close());
  const client = new FnClient(strict.url, { backoffMs: 1 });
  const made = client.createApp({ name: 'shop', syslog_url: 'http://me:s3cret@logs:514' });
  await expect(made).rejects.toMatchObject({
    code: 'config',
    message: expect.stringMatching(/^invalid syslog url: "http:\/\/logs:514" (?!.*s3cret)/) as string,
  });
});
