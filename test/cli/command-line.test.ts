import { expect, test } from 'vitest';
import { carried, commandLine } from '../../src/cli/command-line.js';

test.each([
  ['destroy', ['--all', '--target', 'prod'], 'fnmesh destroy --all --target prod'],
  ['install:fn', ['--into=fn'], 'fnmesh install fn --into=fn'],
  ['deploy', ['cart*', '-m', "it's $HOME"], `fnmesh deploy 'cart*' -m 'it'\\''s $HOME'`],
  ['deploy', ['-m', ''], `fnmesh deploy -m ''`],
])('%s %j', (id, argv, expected) => expect(commandLine(id, argv)).toBe(expected));

test.each([
  ['fnmesh status', '--target prod', 'fnmesh status --target prod'],
  [
    'fnmesh shift cart/v1=100',
    'v9=1 --target=prod --app shop',
    'fnmesh shift cart/v1=100 --target prod --app shop',
  ],
  ['fnmesh status', '--all -n hello --context c', 'fnmesh status --context c --namespace hello'],
  ['fnmesh deploy --target local', '--api-url http://h --app a', 'fnmesh deploy --target local'],
  ['fnmesh install fn --into x', '--target prod', 'fnmesh install fn --into x --target prod'],
  ['fnmesh start -d', '--target prod', 'fnmesh start -d'],
  ['fnmesh nope', '--target prod', 'fnmesh nope'],
  ['fnmesh history, then undo', '--target prod', 'fnmesh history, then undo'],
  ['edit app.yaml', '--target prod', 'edit app.yaml'],
  ['fnmesh status', '--all', 'fnmesh status'],
])('%s suggested to who typed %s: %s', (suggestion, typed, expected) => {
  const place = ['target', 'api-url', 'context', 'namespace'];
  const flags: Record<string, string[]> = {
    ...{ status: [...place, 'app'], shift: [...place, 'app'], deploy: place, history: [...place, 'app'] },
    ...{ 'install:fn': place, start: ['detach'] },
  };
  const flagsOf = (id: string) => flags[id];
  expect(carried(suggestion, typed.split(' '), flagsOf, { namespace: 'n' })).toBe(expected);
});
