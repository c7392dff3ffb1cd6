import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatPlatform, parsePlatform } from '../../src/build/platform.js';

describe('a platform', () => {
  test.each([
    ['linux/amd64', { os: 'linux', architecture: 'amd64' }],
    ['linux/arm64', { os: 'linux', architecture: 'arm64' }],
    ['linux/arm64/v8', { os: 'linux', architecture: 'arm64' }],
    ['linux/arm', { os: 'linux', architecture: 'arm', variant: 'v7' }],
    ['linux/arm/v6', { os: 'linux', architecture: 'arm', variant: 'v6' }],
    ['linux/x86_64', { os: 'linux', architecture: 'amd64' }],
    ['linux/aarch64', { os: 'linux', architecture: 'arm64' }],
    [' linux/s390x ', { os: 'linux', architecture: 's390x' }],
  ])('%s', (text, platform) => expect(parsePlatform(text)).toEqual(platform));

  test.each([
    ['', /written linux/],
    ['amd64', /written linux/],
    ['linux', /written linux/],
    ['linux/', /written linux/],
    ['linux/z80', /one of 386, amd64/],
    ['linux/toString', /one of 386, amd64/],
    ['Linux/amd64', /on Linux, not on Linux/i],
    ['windows/amd64', /on Linux, not on windows/],
    ['darwin/arm64', /on Linux, not on darwin/],
    ['linux/arm/v8', /v5, v6 and v7/],
    ['linux/amd64/v3', /no variants/],
    ['linux/arm/v7/x', /written linux/],
    ['linux/amd64,linux/arm64', /written linux/],
  ])('not %s', (text, why) => {
    expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ code: 'usage' }) as Error);
    expect(() => parsePlatform(text)).toThrow(why);
  });

  test('whatever is read is written in one way, which is read as the same', () => {
    const os = fc.constantFrom('linux', 'windows', '');
    const architecture = fc.constantFrom('amd64', 'arm', 'arm64', 'x86_64', 'riscv64', 'z80');
    const variant = fc.constantFrom('', '/v5', '/v6', '/v7', '/v8', '/');
    let read = 0;
    fc.assert(
      fc.property(os, architecture, variant, (a, b, c) => {
        let platform;
        try {
          platform = parsePlatform(`${a}/${b}${c}`);
        } catch {
          return;
        }
        read += 1;
        expect(parsePlatform(formatPlatform(platform))).toEqual(platform);
      }),
    );
    expect(read).toBeGreaterThan(0);
  });
});
