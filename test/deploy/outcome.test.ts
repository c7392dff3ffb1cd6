import { expect, test } from 'vitest';
import { deploy, planDeploy } from '../../src/deploy/deploy.js';
import { appFolder, requestFor, stage } from './stage.js';

test('a deploy that made nothing tells of no route that it would have made or moved', async () => {
  const { ports, router } = await stage();
  const project = appFolder({ 'cart/v1': {}, 'cart/v2': {} });
  await deploy(requestFor(project, ['cart/v1']), ports);
  const writes = router.writes;
  const broken = appFolder({ 'cart/v1': { files: { 'package.json': '{' } } }, {}, project.root);
  // As with another target: what is routed here is there at another address.
  const elsewhere = { ...ports, locate: () => 'http://fn.test:8080/t/shop/cart/v1' };
  const result = await deploy(requestFor(broken), elsewhere);
  expect(result).toMatchObject({ failed: 1, next: [] });
  expect(result.functions).toMatchObject([{ function: 'cart', after: { v1: 10_000 }, added: [], moved: [] }]);
  expect(router.writes).toBe(writes);
});

test.each([
  [
    'the one that the target says',
    () => 'http://lb.example.com/t/shop/cart/v1',
    'http://lb.example.com/t/shop/cart/v1',
  ],
  ["the server's own", () => undefined, /^http:\/\/127\.0\.0\.1:\d+\/t\/shop\/cart\/v1$/],
])('the address of a version is where its callers reach it: %s', async (_, locate, expected) => {
  const { ports } = await stage();
  const request = requestFor(appFolder({ 'cart/v1': {} }));
  const there = { ...ports, locate };
  const [made] = (await deploy(request, there)).versions;
  const [planned] = (await planDeploy(request, there)).versions;
  expect([made?.address, planned?.address]).toEqual(
    [expected, expected].map((it) => (typeof it === 'string' ? it : (expect.stringMatching(it) as string))),
  );
});
