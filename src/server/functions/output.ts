// Splits what a function writes into lines, and finds out during which call each was written.
import { FRAME_NAME } from './environment.js';

/** A longer line is cut into pieces of this many bytes. */
const LONGEST_LINE = 16 * 1024;
const NEWLINE = 0x0a;
const FRAME = `${FRAME_NAME}=`;

/** Receives a line without its end. `callId` is the one a frame named, or undefined when the stream has no frames. */
export type OnLine = (text: string, callId: string | undefined) => void;

/**
 * Reads one stream of a process. FDKs print `\nFNMESH_CALL=<call id>\n` before each call (FN_LOGFRAME_NAME): such
 * lines are taken out, with the empty line that their leading newline may make, and name the call of what follows.
 */
export class OutputReader {
  #rest: Buffer | undefined;
  #callId: string | undefined;
  /** An empty line that may turn out to belong to a frame. */
  #emptyHeld = false;

  constructor(private readonly onLine: OnLine) {}

  /** Takes the next bytes. */
  push(bytes: Buffer): void {
    const all = this.#rest ? Buffer.concat([this.#rest, bytes]) : bytes;
    let start = 0;
    for (;;) {
      const end = all.indexOf(NEWLINE, start);
      const stop = end < 0 ? all.length : end;
      while (stop - start > LONGEST_LINE) {
        const cut = characterStart(all, start + LONGEST_LINE);
        this.#line(all.toString('utf8', start, cut));
        start = cut;
      }
      if (end < 0) break;
      this.#line(all.toString('utf8', start, all[end - 1] === 0x0d && end > start ? end - 1 : end));
      start = end + 1;
    }
    // A copy, so that a short rest does not hold a long chunk in memory.
    this.#rest = start < all.length ? Buffer.from(all.subarray(start)) : undefined;
  }

  /** Takes the end of the stream: an unfinished line counts as one. */
  end(): void {
    if (this.#rest) this.#line(this.#rest.toString('utf8'));
    this.#rest = undefined;
  }

  #line(text: string): void {
    if (text.startsWith(FRAME)) {
      this.#callId = text.slice(FRAME.length);
      this.#emptyHeld = false;
      return;
    }
    if (this.#emptyHeld) this.onLine('', this.#callId);
    this.#emptyHeld = text === '';
    if (text !== '') this.onLine(text, this.#callId);
  }
}

/** The last start of a UTF-8 character at or before `at`. */
function characterStart(bytes: Buffer, at: number): number {
  let start = at;
  while (at - start < 3 && (bytes[start]! & 0xc0) === 0x80) start--;
  return start;
}
