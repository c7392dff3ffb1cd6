import { describe, expect, test } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import type { ServiceAnswer, ServiceCall } from '../../src/kubernetes/cluster.js';
import { callFnService, fnServicePlace } from '../../src/kubernetes/fn-service.js';
import { fakeCluster } from '../helpers/fake-cluster.js';

const PLACE = { namespace: 'fn', service: 'fn-lb', port: '80', path: '/t/shop/cart' };

test.each([
  ['http://fn-lb.fn.svc.cluster.local/t/shop/cart', PLACE],
  ['http://fn-lb.fn.svc/t/shop/cart', PLACE],
  ['http://fn-lb.fn.svc.cluster.local:90/t/shop/cart', { ...PLACE, port: '90' }],
  ['https://fn-lb.fn.svc.cluster.local/t/shop/cart', { ...PLACE, port: 'https:443' }],
  ['http://fn-lb.fn.svc.other.cluster/t/shop/cart', null],
  ['http://fn.example.com/t/shop/cart', null],
])('%s', (endpoint, place) => {
  expect(fnServicePlace(endpoint, 'cluster.local')).toEqual(place);
});

const said = (message: string): ServiceAnswer => ({
  status: 503,
  headers: {},
  body: '{}',
  unreached: message,
});
const NONE = 'no endpoints available for service "fn-lb"';

describe('a call through the API server', () => {
  const called = (answer: (call: ServiceCall) => ServiceAnswer, spec?: object) => {
    const cluster = fakeCluster();
    if (spec)
      cluster.put({ apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'fn', name: 'fn-lb' }, spec });
    cluster.answer = answer;
    return callFnService(cluster, PLACE, { method: 'POST', headers: { a: 'b' }, body: 'x' }, 5000);
  };

  test('is the probe’s own, and the function’s answer counts', async () => {
    let seen: ServiceCall | undefined;
    const result = await called((call) => {
      seen = call;
      return { status: 418, headers: { 'fn-call-id': '1' }, body: '' };
    });
    expect(result).toEqual({ ready: true, status: 418, ms: expect.any(Number) as number });
    expect(seen).toEqual({ ...PLACE, method: 'POST', headers: { a: 'b' }, body: 'x', timeoutMs: 5000 });
  });

  test('that no function answered is no readiness', async () => {
    expect(await called(() => ({ status: 200, headers: {}, body: 'hello' }))).toMatchObject({
      ready: false,
      kind: 'odd',
    });
  });

  test.each([
    ['Pods that are not ready', NONE, { selector: { app: 'fn' } }],
    [
      'Pods that cannot be reached',
      'error trying to reach service: dial tcp: refused',
      { selector: { app: 'fn' } },
    ],
    ['a Service that is not there', 'services "fn-lb" not found', undefined],
  ])('to %s has failed: the version is not ready', async (_, message, spec) => {
    expect(await called(() => said(message), spec)).toEqual({
      ready: false,
      kind: 'unreachable',
      why: `Service fn/fn-lb: ${message}`,
      try: 'kubectl -n fn describe service fn-lb',
    });
  });

  test('that takes too long has failed', async () => {
    const result = await called(() => {
      throw new FnmeshError('not_ready', 'Service fn/fn-lb gives no answer within 5 s');
    });
    expect(result).toMatchObject({
      ready: false,
      kind: 'timeout',
      why: expect.stringContaining('within 5 s') as string,
    });
  });

  test.each([
    ['endpoints that are no Pods', { clusterIP: '10.96.0.7' }],
    ['a name outside of the cluster', { type: 'ExternalName', externalName: 'fn.example.com' }],
  ])('to %s cannot be made, which says nothing of the version', async (_, spec) => {
    expect(await called(() => said(NONE), spec)).toEqual({ uncalled: `Service fn/fn-lb: ${NONE}` });
  });

  test('that is not permitted cannot be made', async () => {
    const result = await called(() => {
      throw new FnmeshError('config', 'you may not get services/proxy in fn');
    });
    expect(result).toEqual({ uncalled: 'you may not get services/proxy in fn' });
  });

  test('leaves an API server that does not answer to the caller', async () => {
    const failing = called(() => {
      throw new FnmeshError('unreachable', 'gone');
    });
    await expect(failing).rejects.toMatchObject({ code: 'unreachable' });
  });
});
