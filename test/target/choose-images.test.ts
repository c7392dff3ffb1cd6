import { expect, test } from 'vitest';
import { chooseImages, chooseTarget, type Said } from '../../src/target/choose.js';

const said = (more: Partial<Said>): Said => ({ flags: {}, env: {}, settings: null, context: null, ...more });

test.each<[string, Partial<Said>]>([
  ['nothing', {}],
  ['variables', { env: { FN_API_URL: 'http://fn:8080', FN_REGISTRY: 'r.test/team' } }],
  [
    'flags',
    { flags: { 'api-url': 'http://fn:8080', registry: 'r.test/x' }, env: { FN_REGISTRY: 'r.test/y' } },
  ],
])('images are made as for the target that %s choose', (_, more) => {
  const images = chooseImages(said(more));
  expect(chooseTarget(said(more))).toMatchObject(images);
});

test('no Fn server need be named, and what is said of one does not matter', () => {
  const { registry, platform } = chooseImages(
    said({ env: { FN_API_URL: '::', FN_REGISTRY: 'r.test/team' } }),
  );
  expect([registry?.value, platform.value]).toEqual(['r.test/team', 'linux/amd64']);
});

test('a registry that cannot be used is refused all the same', () => {
  expect(() => chooseImages(said({ flags: { registry: 'http://r.test' } }))).toThrow(
    '--registry must be without',
  );
});
