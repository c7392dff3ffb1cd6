import { expect, test } from 'vitest';
import { FnmeshError } from '../../../src/errors.js';
import { checkEarly } from '../../../src/kubernetes/front/early.js';
import { apiVersionOf, KINDS, type KubeObject } from '../../../src/kubernetes/object.js';
import { fakeCluster, namespace } from '../../helpers/fake-cluster.js';
import { site } from './sites.js';

const listener = { name: 'http', port: 80, protocol: 'HTTP', hostname: '*.example.com' };
const gateway = (allowedRoutes: object): KubeObject => ({
  apiVersion: apiVersionOf(KINDS.Gateway),
  kind: 'Gateway',
  metadata: { name: 'public', namespace: 'istio-ingress' },
  spec: { listeners: [{ ...listener, allowedRoutes }] },
});
const open = gateway({ namespaces: { from: 'All' } });
const chosen = gateway({ namespaces: { from: 'Selector', selector: { matchLabels: { team: 'a' } } } });
const hello = namespace('hello');

const check = (there: KubeObject[], makeGateway = false, isOpen = true) => {
  const cluster = fakeCluster();
  const refuse = (): never => {
    throw new FnmeshError('config', 'ada may not');
  };
  if (!isOpen) cluster.before({ verb: 'get' }, refuse, 2);
  for (const each of there) cluster.put(each);
  return checkEarly(cluster, site(), { makeGateway });
};

test.each<[string, Parameters<typeof check>]>([
  ['a gateway that takes the routes', [[hello, open]]],
  ['one that is to be made', [[hello], true]],
  ['what may not be read', [[], false, false]],
])('nothing is said against %s', async (_, given) => {
  await expect(check(...given)).resolves.toBeUndefined();
});

test.each<[string, Parameters<typeof check>, RegExp]>([
  ['no namespace', [[open]], /there is no namespace hello/],
  ['no gateway', [[hello]], /there is no Gateway istio-ingress\/public/],
  ['a gateway for other namespaces', [[hello, chosen], true], /takes no routes of namespace hello/],
])('%s is said', async (_, given, message) => {
  await expect(check(...given)).rejects.toMatchObject({
    code: 'config',
    message: expect.stringMatching(message) as string,
    try: expect.any(String) as string,
  });
});
