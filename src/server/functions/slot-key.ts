// The identity of what runs: two calls with the same key can be answered by the same process.
import { createHash } from 'node:crypto';
import type { BuildRegistration } from '../../control/protocol.js';
import type { App, Fn } from '../../fn/model.js';
import { mergedConfig } from './environment.js';

/**
 * The key of a fn as it is (fnproject/fn 0.3.753, api/agent/slots.go, which also counts annotations and the syslog
 * address; a process here sees neither, so a note on a fn does not restart it).
 */
export function slotKey(app: App, fn: Fn, build: BuildRegistration): string {
  const config = Object.entries(mergedConfig(app, fn)).sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = [
    app.id,
    fn.id,
    fn.image,
    fn.timeout,
    fn.idle_timeout,
    fn.memory,
    config,
    build.dir,
    build.command,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
