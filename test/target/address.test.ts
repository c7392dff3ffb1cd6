import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAddress, readRegistry } from '../../src/target/address.js';

describe("a server's address", () => {
  it.each([
    ['http://localhost:8080', 'http://localhost:8080'],
    ['http://localhost:8080/', 'http://localhost:8080'],
    ['localhost:8080', 'http://localhost:8080'],
    ['fn.example.com', 'http://fn.example.com'],
    ['127.0.0.1:80', 'http://127.0.0.1'],
    ['[::1]:8080', 'http://[::1]:8080'],
    [' HTTPS://Fn.Example.com:443/Fn// ', 'https://fn.example.com/Fn'],
    ['https://example.com/a/b', 'https://example.com/a/b'],
  ])('%j is %s', (text, value) => {
    expect(readAddress(text)).toEqual({ value });
  });

  it.each([
    ['', /empty/],
    ['  ', /empty/],
    ['ftp://a', /http/],
    ['unix:///run/fn.sock', /http/],
    ['8080', /no URL/],
    [':8080', /no URL/],
    ['http://', /no URL/],
    ['http:///a', /no URL/],
    ['http://a b', /no URL/],
    ['http://a\tb', /no URL/],
    ['http://a\\b', /no URL/],
    ['http://a:99999', /no URL/],
    ['http://me@a', /user name/],
    ['http://:pw@a', /user name/],
    ['me:pw@a', /user name/],
    ['http://a?b', /"\?"/],
    ['http://a/#b', /"#"/],
  ])('%j is refused', (text, problem) => {
    expect((readAddress(text) as { problem: string }).problem).toMatch(problem);
  });

  it('stays as it is when read again, and can take a path', () => {
    fc.assert(
      fc.property(fc.oneof(fc.webUrl(), fc.domain(), fc.string()), (text) => {
        const read = readAddress(text);
        if (!('value' in read)) return;
        expect(readAddress(read.value)).toEqual(read);
        expect(new URL(`${read.value}/v2/apps`).pathname).toMatch(/\/v2\/apps$/);
      }),
    );
  });
});

describe('a registry', () => {
  it.each([
    ['team', 'team'],
    ['registry.example.com/team/', 'registry.example.com/team'],
    ['localhost:5000', 'localhost:5000'],
    ['[::1]:5000/a/b', '[::1]:5000/a/b'],
  ])('%j is %s', (text, value) => {
    expect(readRegistry(text)).toEqual({ value });
  });

  it.each(['', '/', 'https://a', 'me:pw@a', 'a b', 'a//b', '/a'])('%j is refused', (text) => {
    expect(readRegistry(text)).toHaveProperty('problem');
  });
});
