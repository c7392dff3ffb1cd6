import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import type { Blob, OciImage } from '../../src/oci/blob.js';
import type { GoImage } from '../../src/oci/image.js';
import { goImage } from '../../src/oci/image.js';
import { configProblems, manifestProblems } from './schema.js';

const dir = mkdtempSync(join(tmpdir(), 'fnmesh-image-'));
afterAll(() => rmSync(dir, { recursive: true }));

let made = 0;
function binary(content: string | Buffer): string {
  const folder = join(dir, String(made++));
  mkdirSync(folder);
  writeFileSync(join(folder, 'func'), content);
  return join(folder, 'func');
}

function input(change: Partial<GoImage> = {}): GoImage {
  return {
    binary: binary('#!/bin/true'),
    entrypoint: ['./func'],
    labels: { b: '2', a: '1' },
    platform: { os: 'linux', architecture: 'amd64' },
    ...change,
  };
}

function blobs(image: OciImage): Blob[] {
  return [image.manifest, image.config, ...image.layers];
}

const parsed = (blob: Blob): Record<string, unknown> =>
  JSON.parse(blob.bytes.toString()) as Record<string, unknown>;

/** What the system's own tar lists. */
function listing(layer: Blob): string[] {
  const file = join(dir, `${layer.digest.slice(7, 15)}.tar.gz`);
  writeFileSync(file, layer.bytes);
  return execFileSync('tar', ['--numeric-owner', '--full-time', '-tvzf', file], {
    env: { TZ: 'UTC', LC_ALL: 'C' },
  })
    .toString()
    .trim()
    .split('\n')
    .map((line) => line.replace(/ +/g, ' '));
}

describe('goImage', () => {
  test('equal input gives equal bytes, whatever the folder, the time and the order of labels', async () => {
    const content = Buffer.from('x'.repeat(300_000));
    const other = binary(content);
    utimesSync(other, 1, 1);
    const [a, b] = await Promise.all([
      goImage(input({ binary: binary(content) })),
      goImage(input({ binary: other, labels: { a: '1', b: '2' } })),
    ]);
    expect(b.digest).toBe(a.digest);
    expect(blobs(b).map(({ bytes }) => bytes)).toEqual(blobs(a).map(({ bytes }) => bytes));
  });

  test.each<[string, Partial<GoImage>]>([
    ['binary', { binary: binary('other') }],
    ['entrypoint', { entrypoint: ['./func', '-v'] }],
    ['label', { labels: { a: '1', b: '3' } }],
    ['architecture', { platform: { os: 'linux', architecture: 'arm64' } }],
    ['variant', { platform: { os: 'linux', architecture: 'amd64', variant: 'v3' } }],
  ])('another %s is another image', async (_what, change) => {
    const [a, b] = await Promise.all([goImage(input()), goImage(input(change))]);
    expect(b.digest).not.toBe(a.digest);
    expect(b.layers[0]!.digest).toBe(a.layers[0]!.digest);
  });

  test('the manifest and the config are what the OCI schemas ask for', async () => {
    const image = await goImage(input({ platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }));
    expect(manifestProblems(parsed(image.manifest))).toEqual([]);
    expect(configProblems(parsed(image.config))).toEqual([]);
    expect(parsed(image.config)).toMatchObject({
      created: '1970-01-01T00:00:00Z',
      os: 'linux',
      architecture: 'arm',
      variant: 'v7',
      config: {
        User: '1000:1000',
        Entrypoint: ['./func'],
        WorkingDir: '/function',
        Labels: { a: '1', b: '2' },
      },
    });
  });

  test('digests and sizes are those of the bytes, and diff ids those of the archives', async () => {
    const image = await goImage(input());
    const sha = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    for (const { digest, size, bytes } of blobs(image)) {
      expect([digest, size]).toEqual([sha(bytes), bytes.length]);
    }
    expect(image.digest).toBe(image.manifest.digest);
    const config = parsed(image.config) as { rootfs: { diff_ids: string[] } };
    expect(config.rootfs.diff_ids).toEqual(image.layers.map(({ bytes }) => sha(gunzipSync(bytes))));
    const manifest = parsed(image.manifest) as { config: object; layers: object[] };
    expect([manifest.config, ...manifest.layers]).toEqual(
      [image.config, ...image.layers].map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    );
  });

  test('the layers hold these files, and nothing of this machine', async () => {
    const image = await goImage(input());
    const [base, own] = image.layers.map(listing);
    expect(own).toEqual([
      'drwxr-xr-x 0/0 0 1970-01-01 00:00:00 function/',
      '-rwxr-xr-x 0/0 11 1970-01-01 00:00:00 function/func',
    ]);
    expect(base!.map((line) => line.replace(/^(-\S+ 0\/0) \d+/, '$1 N'))).toEqual([
      'drwxr-xr-x 0/0 0 1970-01-01 00:00:00 etc/',
      '-rw-r--r-- 0/0 N 1970-01-01 00:00:00 etc/group',
      '-rw-r--r-- 0/0 N 1970-01-01 00:00:00 etc/passwd',
      'drwxr-xr-x 0/0 0 1970-01-01 00:00:00 etc/ssl/',
      'drwxr-xr-x 0/0 0 1970-01-01 00:00:00 etc/ssl/certs/',
      '-rw-r--r-- 0/0 N 1970-01-01 00:00:00 etc/ssl/certs/ca-certificates.crt',
      'drwxrwxrwt 0/0 0 1970-01-01 00:00:00 tmp/',
    ]);
    // RFC 1952: no time, and an unknown operating system.
    for (const { bytes } of image.layers) {
      expect([bytes.readUInt32LE(4), bytes[9]]).toEqual([0, 255]);
    }
  });

  test('users and certificates can be read', async () => {
    const [base] = (await goImage(input())).layers;
    const file = join(dir, 'base.tar.gz');
    writeFileSync(file, base!.bytes);
    const text = (path: string): string => execFileSync('tar', ['-xzOf', file, path]).toString();
    expect(text('etc/passwd')).toMatch(/^fn:x:1000:1000:/m);
    expect(text('etc/group')).toMatch(/^fn:x:1000:$/m);
    const certificates = text('etc/ssl/certs/ca-certificates.crt').split(/(?<=-----END CERTIFICATE-----)\n/);
    expect(certificates.length).toBeGreaterThan(50);
    for (const pem of certificates.filter((one) => one !== '')) {
      expect(new X509Certificate(pem).ca).toBe(true);
    }
  });

  test('an empty entrypoint and a binary that is not there are errors with a way out', async () => {
    const caught = async (change: Partial<GoImage>): Promise<FnmeshError> => {
      const error: unknown = await goImage(input(change)).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(FnmeshError);
      return error as FnmeshError;
    };
    expect(await caught({ entrypoint: [] })).toMatchObject({ code: 'config' });
    const missing = await caught({ binary: join(dir, 'none') });
    expect(missing).toMatchObject({ code: 'failed' });
    expect(missing.try).toMatch(/fnmesh deploy/);
  });
});
