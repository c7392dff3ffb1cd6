// The reader of functions' responses: however the bytes are cut, the same response or the same fault.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { ResponseReader } from '../../src/server/functions/response-reader.js';

const LIMITS = { head: 1000, body: 1000 };

/** Feeds the bytes in pieces of a size, through one buffer as a socket does; gives what came out. */
function read(
  text: string,
  size = text.length,
): { outcome: string; status: number; headers: string[]; body: string } {
  const reader = new ResponseReader(LIMITS);
  const bytes = Buffer.from(text, 'latin1');
  const shared = Buffer.alloc(Math.max(1, size));
  let outcome = 'more';
  for (let at = 0; at < bytes.length && outcome === 'more'; at += size) {
    const length = bytes.copy(shared, 0, at, at + size);
    outcome = reader.read(shared.subarray(0, length));
    shared.fill(0x21);
  }
  if (outcome === 'more') outcome = `at the end ${reader.end()}`;
  const { status, headers, body, keepAlive } = reader;
  return {
    outcome: keepAlive ? outcome : `${outcome}, closes`,
    status,
    headers,
    body: body.toString('latin1'),
  };
}

const OK = 'HTTP/1.1 200 OK\r\n';
const cases: [name: string, text: string, outcome: string, body: string][] = [
  ['a length', `${OK}Content-Length: 5\r\nX-A:  b \r\n\r\nhello`, 'done', 'hello'],
  ['no body', `${OK}content-length: 0\r\n\r\n`, 'done', ''],
  [
    'chunks',
    `${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n`,
    'done',
    'abc0123456789',
  ],
  ['trailers', `${OK}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: 1\r\n\r\n`, 'done', 'a'],
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n', 'done', ''],
  ['until the end', `${OK}X-A: 1\r\n\r\nall of it`, 'at the end done, closes', 'all of it'],
  ['an interim answer first', `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 1\r\n\r\na`, 'done', 'a'],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na', 'done, closes', 'a'],
  ['Connection: close', `${OK}Connection: Close\r\nContent-Length: 1\r\n\r\na`, 'done, closes', 'a'],
  ['no reason', 'HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na', 'done', 'a'],
];
const faults: [name: string, text: string, outcome: string][] = [
  ['another protocol', 'SMTP\r\n\r\n', 'malformed'],
  ['HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n', 'malformed'],
  ['an upgrade', 'HTTP/1.1 101 Switching\r\n\r\n', 'malformed'],
  ['a space in a name', `${OK}X A: 1\r\n\r\n`, 'malformed'],
  ['no colon', `${OK}nothing\r\n\r\n`, 'malformed'],
  ['a folded line', `${OK}X-A: 1\r\n 2\r\n\r\n`, 'malformed'],
  ['a bare line feed', `${OK}X-A: 1\nX-B: 2\r\n\r\n`, 'malformed'],
  ['a control character', `${OK}X-A: \x07\r\n\r\n`, 'malformed'],
  ['two lengths', `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`, 'malformed'],
  ['length and chunked', `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, 'malformed'],
  ['a signed length', `${OK}Content-Length: -1\r\n\r\n`, 'malformed'],
  ['another coding', `${OK}Transfer-Encoding: gzip\r\n\r\n`, 'malformed'],
  ['a bad chunk size', `${OK}Transfer-Encoding: chunked\r\n\r\n-1\r\n`, 'malformed'],
  ['a chunk that goes on', `${OK}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n`, 'malformed'],
  ['an endless chunk line', `${OK}Transfer-Encoding: chunked\r\n\r\n${'1;'.padEnd(5000, 'x')}`, 'malformed'],
  ['a cut head', OK, 'at the end malformed'],
  ['a cut body', `${OK}Content-Length: 5\r\n\r\nhell`, 'at the end malformed'],
  ['cut chunks', `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhell`, 'at the end malformed'],
  ['a head over the limit', `${OK}X-A: ${'x'.repeat(1000)}\r\n\r\n`, 'head too large'],
  ['an endless head', `${OK}X-A: ${'x'.repeat(2000)}`, 'head too large'],
  ['a length over the limit', `${OK}Content-Length: 1001\r\n\r\n`, 'body too large'],
  [
    'chunks over the limit',
    `${OK}Transfer-Encoding: chunked\r\n\r\n3e8\r\n${'x'.repeat(1000)}\r\n1\r\n`,
    'body too large',
  ],
  ['an endless body', `${OK}\r\n${'x'.repeat(1001)}`, 'body too large, closes'],
];

describe('responses', () => {
  test.each(cases)('%s', (_name, text, outcome, body) => {
    for (let size = 1; size <= text.length; size++) {
      const result = read(text, size);
      expect([result.outcome, result.body]).toEqual([outcome, body]);
    }
  });

  test.each(faults)('%s', (_name, text, outcome) => {
    for (const size of [1, 2, 3, 7, 100, text.length]) expect(read(text, size).outcome).toBe(outcome);
  });

  test('headers keep case, order and repeats', () => {
    const { headers } = read(`${OK}B: 2\r\na: 1\r\nB: 3\r\nContent-Length: 0\r\n\r\n`);
    expect(headers).toEqual(['B', '2', 'a', '1', 'B', '3', 'Content-Length', '0']);
  });

  test('bytes after the response: the connection is not used again', () => {
    expect(read(`${OK}Content-Length: 1\r\n\r\nab`).outcome).toBe('done, closes');
  });

  test('any body in any chunks comes out as it went in', () => {
    const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 10 });
    fc.assert(
      fc.property(chunks, fc.integer({ min: 1, max: 50 }), (parts, size) => {
        const texts = parts.map((part) => Buffer.from(part).toString('latin1'));
        const wire = texts.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('');
        const result = read(`${OK}Transfer-Encoding: chunked\r\n\r\n${wire}0\r\n\r\n`, size);
        expect([result.outcome, result.body]).toEqual(['done', texts.join('')]);
      }),
    );
  });

  test('no bytes make it throw', () => {
    const line = fc.constantFrom(
      OK,
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
      '\r\n',
      '3\r\n',
      'abc',
      '0\r\n',
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(line, fc.string()), { maxLength: 12 }),
        fc.integer({ min: 1, max: 40 }),
        (parts, size) => {
          read(parts.join(''), size);
        },
      ),
    );
  });
});
