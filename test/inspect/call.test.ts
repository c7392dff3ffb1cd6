import { expect, test } from 'vitest';
import { callFunction } from '../../src/inspect/call.js';
import { GatewayClient } from '../../src/router/gateway-client.js';
import { routeOf } from '../helpers/routes.js';

test.each(['constructor', 'v9'])(
  'a version %s that the function does not have is refused',
  async (version) => {
    const table = { app: 'shop', routes: [{ route: routeOf('cart', { v1: 10_000 }), revision: 1 }] };
    const options = { function: 'cart', version, method: 'GET', query: '', headers: [] };
    await expect(
      callFunction(table, 'http://127.0.0.1:1', new GatewayClient(), () => Promise.resolve(null), options),
    ).rejects.toMatchObject({
      code: 'not_found',
      message: `cart has no version ${version}; it has v1`,
      try: 'fnmesh call cart/v1',
    });
  },
);

test('a version cannot be called alone where pins are off', async () => {
  const table = { app: 'shop', routes: [{ route: routeOf('cart', { v1: 10_000 }), revision: 1 }] };
  const options = { function: 'cart', version: 'v1', method: 'GET', query: '', headers: [] };
  await expect(
    callFunction(table, 'http://127.0.0.1:1', new GatewayClient(), () => Promise.resolve(null), options),
  ).rejects.toMatchObject({ code: 'config', message: 'cart/v1 cannot be called alone: pins are off' });
});
