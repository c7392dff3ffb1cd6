import { expect, test } from 'vitest';
import type { ChosenTarget } from '../../src/target/target.js';
import { whereText } from '../../src/target/where.js';

test('where a deploy goes, and who said so', () => {
  const api = { value: 'http://fn:8080', from: 'fnmesh.yaml:4' };
  const chosen: Pick<ChosenTarget, 'name' | 'fn' | 'registry'> = {
    name: { value: 'prod', from: '--target' },
    fn: { kind: 'server', api, invoke: null, token: null },
    registry: { value: 'r.test/team', from: 'FN_REGISTRY' },
  };
  expect(whereText(chosen)).toBe(
    'target prod (--target): Fn server http://fn:8080 (fnmesh.yaml:4), registry r.test/team (FN_REGISTRY)',
  );
  expect(whereText({ ...chosen, registry: null })).toMatch(/, registry none named$/);
  expect(whereText({ ...chosen, fn: { kind: 'embedded' } })).toContain('Fn server embedded');
});
