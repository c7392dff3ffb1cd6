import type { LogLine } from '../../control/protocol.js';

/** One log line: time, fn, the call's id (`-` before the first call), text. */
export function logLineView(line: LogLine): string {
  return `${line.at}  ${line.fn}  ${line.callId ?? '-'}  ${line.text}`;
}
