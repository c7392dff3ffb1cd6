// The Fn API alone, on a real socket, with its state in a temporary folder.
import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fnApi, type FnApiOptions } from '../../src/server/fn-api.js';
import { State } from '../../src/server/state.js';
import type { StoreOptions } from '../../src/server/store/store.js';

/** A running Fn API; `close` also removes its state. */
export type ApiServer = { base: string; port: number; state: State; dir: string; close: () => Promise<void> };

/** Starts the Fn API on a free port, in a new folder. */
export async function apiServer(
  options: Partial<FnApiOptions> = {},
  store: StoreOptions = {},
): Promise<ApiServer> {
  const dir = await mkdtemp(join(tmpdir(), 'fnmesh-api-'));
  const state = await State.open(dir, store);
  const handler = fnApi(state, { version: '0.0.0-test', ...options });
  const server = createServer((request, response) => void handler(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await state.close();
    await rm(dir, { recursive: true, force: true });
  };
  return { base: `http://127.0.0.1:${port}`, port, state, dir, close };
}
