import { describe, expect, it } from 'vitest';
import { checkNames, type LoadedVersion } from '../../src/project/check.js';
import { fnName, isTaken } from '../../src/project/fn-name.js';
import type { FuncFile } from '../../src/project/project.js';

describe('the fn of a func.yaml', () => {
  it.each([
    ['cart', 'cart'],
    ['me/cart', 'cart'],
    ['registry.example.com/me/cart', 'cart'],
  ])('%s: %s', (name, fn) => {
    expect(fnName({ name })).toBe(fn);
  });

  it.each([
    ['cart-v1', false],
    ['cart~', false],
    ['cart~0', false],
    ['cart~1x', false],
    ['~1', false],
    ['cart~1', true],
    ['cart~1~22', true],
    ['fnmesh~lock', true],
    ['fnmesh~lock2', false],
  ])('%s is taken: %s', (name, taken) => {
    expect(isTaken(name)).toBe(taken);
  });

  const loaded = (fn: string, name: string): LoadedVersion => ({
    function: fn,
    version: 'v1',
    loaded: {
      file: `/app/${fn}/func.yaml`,
      content: { name, triggers: [] } as unknown as FuncFile,
      place: (path) => (path[0] === 'name' ? { line: 2, column: 7 } : undefined),
      problems: [],
      warnings: [],
    },
  });

  it('is no other’s, whatever registry stands before it', () => {
    const problems = checkNames([loaded('a', 'one/x'), loaded('b', 'two/x'), loaded('c', 'two/y')]);
    expect(problems).toEqual([
      {
        file: '/app/b/func.yaml',
        line: 2,
        column: 7,
        text: 'name two/x makes the fn x, and so does one/x in /app/a/func.yaml',
        try: 'name it b-v1',
      },
    ]);
  });
});
