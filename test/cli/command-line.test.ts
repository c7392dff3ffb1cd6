import { expect, test } from 'vitest';
import { commandLine } from '../../src/cli/command-line.js';

test.each([
  ['destroy', ['--all', '--target', 'prod'], 'fnmesh destroy --all --target prod'],
  ['install:fn', ['--into=fn'], 'fnmesh install fn --into=fn'],
  ['deploy', ['cart*', '-m', "it's $HOME"], `fnmesh deploy 'cart*' -m 'it'\\''s $HOME'`],
  ['deploy', ['-m', ''], `fnmesh deploy -m ''`],
])('%s %j', (id, argv, expected) => expect(commandLine(id, argv)).toBe(expected));
