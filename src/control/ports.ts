import { FnmeshError } from '../errors.js';
import type { ServerInfo } from './protocol.js';
import type { Ports } from './start.js';

/** The Fn API's port where none is asked for: what every Fn tool expects. */
export const DEFAULT_FN_PORT = 8080;
/** The gateway's port where none is asked for. */
export const DEFAULT_GATEWAY_PORT = 8082;

/**
 * The ports that flags or else FNMESH_FN_PORT and FNMESH_GATEWAY_PORT ask for; 0 = any free one.
 * @throws FnmeshError `usage` for anything but a number from 0 to 65535.
 */
export function askedPorts(
  flags: { 'fn-port'?: string | undefined; 'gateway-port'?: string | undefined },
  env: NodeJS.ProcessEnv = process.env,
): Ports {
  return {
    fnPort: port(flags['fn-port'], '--fn-port') ?? port(env['FNMESH_FN_PORT'], 'FNMESH_FN_PORT'),
    gatewayPort:
      port(flags['gateway-port'], '--gateway-port') ??
      port(env['FNMESH_GATEWAY_PORT'], 'FNMESH_GATEWAY_PORT'),
  };
}

/** Ports that were asked for and that the running server does not listen on, a sentence each. */
export function unmetPorts(asked: Ports, server: Pick<ServerInfo, 'fnUrl' | 'gatewayUrl'>): string[] {
  const rows = [
    ['the Fn API', asked.fnPort, server.fnUrl],
    ['the gateway', asked.gatewayPort, server.gatewayUrl],
  ] as const;
  return rows.flatMap(([what, port, url]) =>
    port === undefined || port === 0 || String(port) === new URL(url).port
      ? []
      : [`port ${port} for ${what} does not count: the server runs already, on ${url}`],
  );
}

function port(text: string | undefined, name: string): number | undefined {
  if (text === undefined || text === '') return undefined;
  const number = Number(text);
  if (/^\d{1,5}$/.test(text) && number <= 65_535) return number;
  throw new FnmeshError('usage', `${name} must be a port from 0 to 65535 (0 = any free one), not '${text}'`, {
    try: `${name}${name.startsWith('--') ? ' ' : '='}${DEFAULT_FN_PORT}`,
  });
}
