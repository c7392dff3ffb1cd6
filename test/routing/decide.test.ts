import { expect, test } from 'vitest';
import { decide } from '../../src/routing/decide.js';
import type { Rule } from '../../src/routing/route.js';

const rules: Rule[] = [
  { when: { header: 'X-Team', equals: 'gone' }, version: 'v9' },
  { when: { header: 'X-Team', equals: 'qa' }, version: 'v2' },
  { when: { cookie: 'beta', equals: 'yes' }, version: 'v3' },
];
const route = { rules, split: { v1: 10_000, v2: 0, v3: 0 } };

test.each<[string, Record<string, string>, string, boolean]>([
  ['nothing said: the draw', {}, 'v1', false],
  ['a pin', { 'fnmesh-version': 'v2' }, 'v2', true],
  ['a pin goes before rules', { 'fnmesh-version': 'v2', cookie: 'beta=yes' }, 'v2', true],
  ['an unknown pin falls through', { 'fnmesh-version': 'v7' }, 'v1', false],
  ['an unknown pin falls through to the rules', { 'fnmesh-version': 'v7', 'x-team': 'qa' }, 'v2', false],
  ['a pin is no property of all objects', { 'fnmesh-version': 'constructor' }, 'v1', false],
  ['an empty pin', { 'fnmesh-version': '' }, 'v1', false],
  ['a header rule', { 'x-team': 'qa' }, 'v2', false],
  ['a header rule with another value', { 'x-team': 'QA' }, 'v1', false],
  ['a rule to an unknown version is passed over', { 'x-team': 'gone' }, 'v1', false],
  ['the first rule wins', { 'x-team': 'qa', cookie: 'beta=yes' }, 'v2', false],
  ['a cookie rule', { cookie: 'a=b; beta=yes; c=d' }, 'v3', false],
  ['a cookie in quotes', { cookie: 'beta="yes"' }, 'v3', false],
  ['the first cookie of the name counts', { cookie: 'beta=no; beta=yes' }, 'v1', false],
  ['a cookie whose name only ends like it', { cookie: 'alphabeta=yes' }, 'v1', false],
  ['a cookie without value', { cookie: 'beta; =yes' }, 'v1', false],
])('%s', (_, headers, version, pinned) => {
  let draws = 0;
  const draw = {
    next() {
      draws++;
      return 'v1';
    },
  };
  expect(decide(route, { header: (name) => headers[name] }, draw)).toEqual({ version, pinned });
  expect(draws).toBe(version === 'v1' ? 1 : 0);
});
