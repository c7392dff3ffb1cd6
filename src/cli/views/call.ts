import type { CallResult } from '../../inspect/call.js';

/** What the function answered: its body, with `include` under status and headers. */
export function callView(result: CallResult, include: boolean): string {
  if (!include) return result.body;
  const head = [`HTTP ${result.status}`, ...result.headers.map(([name, value]) => `${name}: ${value}`)];
  return `${head.join('\n')}\n\n${result.body}`;
}
