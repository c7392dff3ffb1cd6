import { expect, test } from 'vitest';
import { givenImage } from '../../src/deploy/given-image.js';

const DIGEST = `sha256:${'a'.repeat(64)}`;

test.each([
  [`r.test/team/cart@${DIGEST}`, { image: `r.test/team/cart@${DIGEST}` }],
  [`r.test:5000/cart:1.4@${DIGEST}`, { image: `r.test:5000/cart@${DIGEST}`, imageTag: '1.4' }],
  [`cart:1.4@${DIGEST}`, { image: `cart@${DIGEST}`, imageTag: '1.4' }],
])('%s', (text, expected) => expect(givenImage(text)).toEqual(expected));

test.each(['r.test/team/cart:1.4', 'cart'])('%s is sent as it stands, with a warning', (text) => {
  const { image, imageTag, warning } = givenImage(text);
  expect([image, imageTag]).toEqual([text, undefined]);
  expect(warning).toMatch(new RegExp(`^${text} may name another image tomorrow`));
});

test('what is no name is refused', () => {
  expect(() => givenImage('Cart')).toThrow('is no image name');
});
