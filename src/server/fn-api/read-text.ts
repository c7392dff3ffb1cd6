import type { IncomingMessage } from 'node:http';
import { ApiError } from '../../fn/api-error.js';

/** The largest management request: 1 MiB. */
const MAX_BODY = 1024 * 1024;
// A longer body is read to its end, so that its sender gets to see the answer, unless it is absurd.
const MAX_IGNORED = 64 * MAX_BODY;

/**
 * The request's body as text.
 * @throws ApiError 413 when it is over 1 MiB, 400 when it breaks off.
 */
export async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length <= MAX_BODY) chunks.push(chunk);
      else chunks.length = 0;
      if (length > MAX_IGNORED) break;
    }
  } catch {
    throw new ApiError(400, 'The request body ended too early');
  }
  if (length > MAX_BODY) throw new ApiError(413, `Request body is larger than ${MAX_BODY} bytes`);
  return Buffer.concat(chunks).toString('utf8');
}
