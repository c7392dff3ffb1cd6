// The bounded log, and how output becomes lines.
import { describe, expect, test } from 'vitest';
import { OutputReader } from '../../src/server/functions/output.js';
import { Queue } from '../../src/server/functions/queue.js';
import { createLogs } from '../../src/server/logs.js';

const line = (fnId: string, text: string) => ({
  fnId,
  fn: fnId,
  app: 'a',
  callId: null,
  stream: 'stderr' as const,
  text,
});

describe('the log', () => {
  test('the last lines of some fns, in the order they were written', () => {
    const logs = createLogs();
    for (let i = 0; i < 9; i++) logs.write(line('abc'[i % 3]!, String(i)));
    expect(logs.tail(['a', 'c', 'a'], 3).map(({ text }) => text)).toEqual(['5', '6', '8']);
    expect(logs.tail(['a'], 0)).toEqual([]);
    expect(logs.tail(['none'], 5)).toEqual([]);
    expect(logs.tail(['b'], 9).map(({ seq }) => seq)).toEqual([2, 5, 8]);
    expect(logs.tail(['b'], 1)[0]!.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test('who writes most loses first', () => {
    const logs = createLogs(10_000);
    for (let i = 0; i < 20; i++) logs.write(line('quiet', `q${i}`));
    for (let i = 0; i < 10_000; i++) logs.write(line('loud', `l${i}`));
    expect(logs.tail(['quiet'], 100)).toHaveLength(20);
    const loud = logs.tail(['loud'], 1000);
    expect(loud.at(-1)!.text).toBe('l9999');
    expect(loud.length).toBeLessThan(100);
    for (let i = 0; i < 1000; i++) logs.write(line('quiet', `q${i}`));
    expect(logs.tail(['loud'], 1000).length).toBeGreaterThan(20);
  });

  test('followers get what comes, until they leave', () => {
    const logs = createLogs();
    const seen: string[] = [];
    logs.write(line('a', 'before'));
    const stop = logs.follow(['a'], ({ text }) => seen.push(text));
    logs.write(line('a', 'one'));
    logs.write(line('b', 'other'));
    logs.write(line('a', 'two'));
    stop();
    logs.write(line('a', 'after'));
    expect(seen).toEqual(['one', 'two']);
  });
});

describe('output', () => {
  /** The lines of a text that arrives in pieces of a size. */
  function lines(text: string, size = text.length): string[] {
    const found: string[] = [];
    const reader = new OutputReader((one, callId) =>
      found.push(callId === undefined ? one : `${callId}: ${one}`),
    );
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
    reader.end();
    return found;
  }

  test.each([
    ['a\nb\n', ['a', 'b']],
    ['a\r\nb', ['a', 'b']],
    ['a\n\nb\n', ['a', '', 'b']],
    ['\nFNMESH_CALL=1\na\n\nFNMESH_CALL=2\nb\n', ['1: a', '2: b']],
    ['a\n\n\nFNMESH_CALL=1\nb', ['a', '', '1: b']],
    ['cut\nFNMESH_CALL=1\nb', ['cut', '1: b']],
    ['grüße ✓\n', ['grüße ✓']],
  ])('%j', (text, expected) => {
    for (const size of [1, 2, 3, text.length]) expect(lines(text, size)).toEqual(expected);
  });

  test('a line without end is cut into pieces of 16 KiB, between characters', () => {
    const text = '✓'.repeat(20_000);
    const pieces = lines(text, 1000);
    expect(pieces.join('')).toBe(text);
    expect(pieces.every((piece) => Buffer.byteLength(piece) <= 16 * 1024)).toBe(true);
  });
});

test('a queue gives what it was given, in order', () => {
  const queue = new Queue<number>();
  for (let i = 0; i < 5000; i++) queue.push(i);
  for (let i = 0; i < 4000; i++) expect(queue.shift()).toBe(i);
  queue.putBack(-1);
  expect([queue.peek(), queue.length, queue.last(2)]).toEqual([-1, 1001, [4998, 4999]]);
  expect(queue.shift()).toBe(-1);
  while (queue.length > 0) queue.shift();
  expect([queue.shift(), queue.peek(), queue.last(3)]).toEqual([undefined, undefined, []]);
});
