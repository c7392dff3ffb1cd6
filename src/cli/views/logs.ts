import type { LogLine } from '../../control/protocol.js';
import type { ProxyLine } from '../../inspect/proxy-line.js';

/** One log line: time, fn, the call's id (`-` before the first call), text. */
export function logLineView(line: LogLine): string {
  return `${line.at}  ${line.fn}  ${line.callId ?? '-'}  ${line.text}`;
}

/** A request as a proxy saw it: time, version, the call's id, what was asked and answered; or whatever else it wrote. */
export function proxyLineView({ at, pod, request, text }: ProxyLine): string {
  const what = request === null ? pod : `${request.function}/${request.version}`;
  return `${at}  ${what}  ${request?.callId ?? '-'}  ${text}`;
}
