import { expect, test } from 'vitest';
import { statusView } from '../../../src/cli/views/status.js';
import type { VersionStatus } from '../../../src/inspect/status.js';

const VERSION: VersionStatus = {
  ...{ version: 'v1', release: 3, weight: 9950, state: 'deployed', fn: 'cart-v1' },
  ...{ address: 'http://fn:8080/t/shop/cart/v1', further: [], processes: null },
  ...{ requests: 12, errors: 0, p95: 3.14 },
};
const SERVER = {
  ...{
    version: '0.1.0',
    protocol: 1,
    pid: 1,
    startedAt: '2026-01-01T00:00:00Z',
    stopping: false,
    warnings: [],
  },
  ...{ fnUrl: 'http://127.0.0.1:8080', gatewayUrl: 'http://127.0.0.1:8082' },
};

test('a version per line, with the release of it that is deployed', () => {
  const versions = [VERSION, { ...VERSION, version: 'v2', release: null, weight: 50, p95: null }];
  const cart = {
    function: 'cart',
    address: 'http://shop.localhost:8082/cart',
    revision: 1,
    lastChange: null,
  };
  const apps = [{ app: 'shop', functions: [{ ...cart, versions }], foreign: ['theirs'] }];
  expect(statusView(SERVER, apps, 'http://fn:8080 (FN_API_URL)').split('\n')).toEqual([
    'embedded server 0.1.0: Fn API http://127.0.0.1:8080, gateway http://127.0.0.1:8082, up since 2026-01-01T00:00:00Z',
    'Fn server http://fn:8080 (FN_API_URL), behind that gateway',
    '',
    'app shop',
    'FUNCTION  VERSION  RELEASE  WEIGHT  STATE     REQUESTS  ERRORS     P95  ADDRESS',
    'cart      v1             3  99.5 %  deployed        12       0  3.1 ms  http://fn:8080/t/shop/cart/v1',
    'cart      v2             -   0.5 %  deployed        12       0       -  http://fn:8080/t/shop/cart/v1',
    'cart: http://shop.localhost:8082/cart',
    'fns that fnmesh did not deploy: theirs',
  ]);
});
