// Reads a request's body into memory, within a limit.
import type { IncomingMessage } from 'node:http';

/**
 * Calls `then` with the whole body (undefined = none), or `tooLarge` with how many bytes there are at least; what is
 * over the limit is read and dropped, so that the caller gets to see the answer. Neither when the caller breaks off.
 */
export function readBody(
  req: IncomingMessage,
  limit: number,
  then: (body: Buffer | undefined) => void,
  tooLarge: (bytes: number) => void,
): void {
  const length = req.headers['content-length'];
  if ((length === undefined || length === '0') && req.headers['transfer-encoding'] === undefined) {
    return then(undefined);
  }
  if (Number(length) > limit) {
    req.resume();
    return tooLarge(Number(length));
  }
  const chunks: Buffer[] = [];
  let size = 0;
  let over = false;
  req.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (over) return;
    if (size > limit) {
      over = true;
      chunks.length = 0;
      tooLarge(size);
    } else chunks.push(chunk);
  });
  req.on('end', () => {
    if (!over) then(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
  });
  // A caller that breaks off has nobody to answer to.
  req.on('error', () => {});
}
