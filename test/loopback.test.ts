import { expect, test } from 'vitest';
import { isLoopback } from '../src/loopback.js';

test.each([
  ['localhost', true],
  ['LocalHost', true],
  ['shop.localhost', true],
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['[::1]', true],
  ['', false],
  ['0.0.0.0', false],
  ['10.0.0.1', false],
  ['127.0.0.1.example.com', false],
  ['127.example.com', false],
  ['localhost.example.com', false],
  ['notlocalhost', false],
  ['[::2]', false],
])('%s: %s', (hostname, loopback) => {
  expect(isLoopback(hostname)).toBe(loopback);
});
