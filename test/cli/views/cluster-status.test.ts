import { expect, test } from 'vitest';
import { clusterView } from '../../../src/cli/views/cluster-status.js';
import type { ClusterStatus } from '../../../src/inspect/cluster-status.js';
import type { AppStatus } from '../../../src/inspect/status.js';

const CLUSTER: ClusterStatus = {
  ...{ context: 'test', namespace: 'hello', api: 'istio', gateway: 'istio-ingress/public', mesh: false },
  ...{ proxy: 'dedicated', ready: [{ function: 'cart', version: 'v1', endpoints: 2 }] },
  ...{ drift: [], notes: [], served: null },
};
const app = (requests: number | null, errors: number | null): AppStatus => ({
  ...{ app: 'shop', foreign: [] },
  functions: [
    {
      ...{ function: 'cart', address: 'http://shop.example.com/cart', revision: 1, lastChange: null },
      versions: [
        {
          ...{ version: 'v1', release: 1, weight: 10_000, state: 'deployed', fn: 'cart-v1' },
          ...{ address: 'http://fn:8080/t/shop/cart/v1', further: [], processes: null },
          ...{ requests, errors, p95: null },
        },
      ],
    },
  ],
});
const PLACE = 'cluster test, namespace hello: istio, gateway istio-ingress/public, dedicated proxies';

test('what nobody counted is not 0, and how to get it is said', () => {
  expect(clusterView([app(null, null)], { shop: CLUSTER }, undefined).split('\n')).toEqual([
    'app shop',
    'FUNCTION  VERSION  RELEASE  WEIGHT  STATE    REQUESTS  ERRORS  P95  ADDRESS',
    'cart      v1             1   100 %  2 ready         -       -    -  http://fn:8080/t/shop/cart/v1',
    'cart: http://shop.example.com/cart',
    PLACE,
    'requests and errors: not asked for; `fnmesh status --observe` asks the gateway’s proxies',
  ]);
});

test('what the proxies have counted, and serve', () => {
  const proxies = [{ proxy: 'istio-ingress/a', split: { v1: 10_000 }, inactive: [] }];
  const served = [{ function: 'cart', proxies }];
  expect(clusterView([app(12, 0)], { shop: { ...CLUSTER, served } }, undefined).split('\n')).toEqual([
    'app shop',
    'FUNCTION  VERSION  RELEASE  WEIGHT  STATE    REQUESTS  ERRORS  P95  ADDRESS',
    'cart      v1             1   100 %  2 ready        12       0    -  http://fn:8080/t/shop/cart/v1',
    'cart: http://shop.example.com/cart',
    PLACE,
    'cart: istio-ingress/a serves v1 100 %',
  ]);
});
