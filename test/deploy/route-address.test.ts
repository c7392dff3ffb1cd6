import { expect, test } from 'vitest';
import { deployRequest } from '../../src/deploy/request.js';
import type { FnmeshEvent } from '../../src/events.js';
import { folderWith } from '../project/folder.js';

const func = (name: string, config: string): string =>
  `schema_version: 20180708\nname: ${name}\nversion: 0.0.1\nruntime: go\n${config}`;

/** The warnings of a request for an app of which some functions call others. */
async function warnings(config: string, isGatewayLocal?: boolean): Promise<FnmeshEvent[]> {
  const root = folderWith({
    'app.yaml': 'name: shop\n',
    'cart/func.yaml': func('cart', config),
    'price/func.yaml': func('price', ''),
  });
  const events: FnmeshEvent[] = [];
  const ask = { cwd: root, selectors: [], all: true, force: false, by: 'me', allowOlder: false, env: [] };
  const where = { gateway: 'http://127.0.0.1:8082', ...(isGatewayLocal !== undefined && { isGatewayLocal }) };
  const request = await deployRequest({ ...ask, ...where }, (event) => events.push(event));
  expect(request.versions).toHaveLength(2);
  return events.filter(({ type }) => type === 'warning');
}

const CALLS = 'config:\n  NEXT: ${route:price}\n  SELF: ${route:cart}\n';

test('an address on this machine that functions elsewhere are given is warned of, once', async () => {
  const text =
    '${route:price} is http://127.0.0.1:8082/.app/shop/price, which containers on the Fn server do not reach; gateway: http://HOST:8082 in fnmesh.yaml says how they reach this gateway';
  expect(await warnings(CALLS, true)).toEqual([{ type: 'warning', text }]);
});

test('only where a value really holds one, and only where functions run elsewhere', async () => {
  expect(await warnings('config:\n  TEXT: $${route:price}\n', true)).toEqual([]);
  expect([await warnings(CALLS, false), await warnings(CALLS)]).toEqual([[], []]);
});
