import { describe, expect, test } from 'vitest';
import { parseAllowedHosts, refusal } from '../../src/server/guard.js';

const ALLOWED = parseAllowedHosts(' fn.example.test:8080, *.corp.test ,UPPER.test,,bad host');

describe('a Host', () => {
  test.each([
    ['localhost', true],
    ['localhost:8080', true],
    ['LocalHost:8080', true],
    ['localhost.', true],
    ['127.0.0.1', true],
    ['127.0.0.1:8080', true],
    ['127.255.3.4:1', true],
    ['[::1]', true],
    ['[::1]:8080', true],
    ['hello.localhost', true],
    ['a.b.localhost:80', true],
    ['fn.example.test', true],
    ['fn.example.test:1', true],
    ['x.corp.test', true],
    ['x.y.corp.test:99', true],
    ['upper.test', true],
    ['', false],
    ['.localhost', false],
    ['localhost.evil.test', false],
    ['notlocalhost', false],
    ['evil.test', false],
    ['127.0.0.1.evil.test', false],
    ['127.0.0.1.nip.io', false],
    ['1127.0.0.1', false],
    ['128.0.0.1', false],
    ['0.0.0.0', false],
    ['192.168.1.1', false],
    ['[::2]', false],
    ['::1', false],
    ['corp.test', false],
    ['.corp.test', false],
    ['evilcorp.test', false],
    ['example.test', false],
    ['localhost@evil.test', false],
    ['localhost:80@evil.test', false],
    ['localhost/evil', false],
    ['localhost, evil.test', false],
    ['bad host', false],
    ['localhost:port', false],
  ])('%j passes: %j', (host, passes) => {
    expect(refusal({ host: [host] }, ALLOWED) === null).toBe(passes);
  });

  test('must be there once', () => {
    expect(refusal({ host: [] }, ALLOWED)).toMatch(/^Host "" is refused/);
    expect(refusal({ host: ['localhost', 'localhost'] }, ALLOWED)).toMatch(/is refused/);
  });

  test('is not allowed by an empty list', () => {
    for (const variable of [undefined, '', ' , ']) expect(parseAllowedHosts(variable)).toEqual([]);
    expect(refusal({ host: ['fn.example.test'] })).toMatch(/FNMESH_ALLOWED_HOSTS/);
  });
});

test.each([
  [{ origin: 'http://localhost:8080' }, /Origin/],
  [{ origin: 'null' }, /Origin/],
  [{ origin: '' }, /Origin/],
  [{ secFetchSite: 'cross-site' }, /Cross-site/],
  [{ secFetchSite: 'none' }, null],
  [{ secFetchSite: 'same-origin' }, null],
])('%j', (head, message) => {
  const why = refusal({ host: ['localhost'], ...head });
  if (message) expect(why).toMatch(message);
  else expect(why).toBeNull();
});
