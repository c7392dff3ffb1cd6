// The interpreters of route objects against what real components did with the same objects.
import { expect, test } from 'vitest';
import { interpretHttpRoutes } from '../helpers/interpret-http-route.js';
import { interpretVirtualServices } from '../helpers/interpret-virtual-service.js';
import { isPlausible } from '../helpers/interpret.js';
import type { GatewayRequest } from '../helpers/interpret.js';
import { RECORDED } from '../kubernetes/envoy-recorded.js';

const SERVICES = new Set(['hello-app-v1', 'hello-app-v2']);
const HOST = 'hello.example.com';
/** What was sent under each heading of the recorded traffic. */
const SENT: Record<string, GatewayRequest> = {
  plain: { host: HOST, target: '/' },
  pinned: { host: HOST, target: '/', headers: { 'Fnmesh-Version': 'v2' } },
  cart: { host: HOST, target: '/cart' },
  price: { host: HOST, target: '/price' },
  other: { host: HOST, target: '/other' },
};

const CASES = RECORDED.flatMap(({ name, api, object, live, traffic }) =>
  Object.entries(traffic).flatMap(([heading, counts]) => [
    { name: `${name}, ${heading}, as applied`, api, object, heading, counts },
    { name: `${name}, ${heading}, as stored`, api, object: live, heading, counts },
  ]),
);

test.each(CASES)('$name', ({ api, object, heading, counts }) => {
  const interpret = api === 'istio' ? interpretVirtualServices : interpretHttpRoutes;
  const shares = new Map<string, number>();
  for (const { share, service, status, response } of interpret([object], SENT[heading]!, SERVICES)) {
    const pod = service?.replace('hello-app-', '') ?? '-';
    const key = `${status} ${pod} header=${response['fnmesh-version'] ?? '-'}`;
    shares.set(key, (shares.get(key) ?? 0) + share);
  }
  const sent = Object.values(counts).reduce((sum, count) => sum + count, 0);
  expect([...shares.keys()]).toEqual(expect.arrayContaining(Object.keys(counts)));
  for (const [key, share] of shares) {
    const count = counts[key] ?? 0;
    expect([key, count, share, isPlausible(count, sent, share)]).toEqual([key, count, share, true]);
  }
});

test('every recorded route is looked at', () => {
  expect(RECORDED).toHaveLength(15);
});
