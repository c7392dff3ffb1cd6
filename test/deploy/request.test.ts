import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { deployRequest } from '../../src/deploy/request.js';
import type { FnmeshEvent } from '../../src/events.js';
import { funcYaml, write } from '../project/folder.js';

const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd, encoding: 'utf8' });

const FNMESH_YAML = `env: [.env, ../shared.vars]
targets:
  lab:
    fn: { api: http://lab.test }
    env: [lab.vars, .env]
`;

function app(files: Record<string, string>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'fnmesh-request-')));
  onTestFinished(() => rmSync(root, { recursive: true }));
  write(root, { 'app.yaml': 'name: shop\n', 'cart/v1/func.yaml': funcYaml('cart/v1/func.yaml'), ...files });
  return root;
}

function requestOf(cwd: string, events: FnmeshEvent[] = []): ReturnType<typeof deployRequest> {
  const ask = { cwd, selectors: [], all: true, force: false, allowOlder: false, by: 'me', env: [] };
  return deployRequest({ ...ask, gateway: 'http://127.0.0.1:1' }, (event) => events.push(event));
}

test('the env files of all targets are known, so that no target’s get into an image', async () => {
  const root = app({ 'fnmesh.yaml': FNMESH_YAML });
  const { envFiles } = await requestOf(join(root, 'cart'));
  expect(envFiles).toEqual([join(root, '.env'), join(root, '../shared.vars'), join(root, 'lab.vars')]);
  expect((await requestOf(app({}))).envFiles).toEqual([]);
});

test('a commit that git does not tell is warned of; the deploy goes on without it', async () => {
  const root = app({});
  git(root, 'init', '--quiet');
  git(root, 'add', '-A');
  git(root, 'commit', '--quiet', '-m', 'x');
  const events: FnmeshEvent[] = [];
  expect(await requestOf(root, events)).toMatchObject({
    commit: { sha: git(root, 'rev-parse', 'HEAD').trim(), dirty: false },
    isOlder: expect.any(Function) as () => unknown,
  });
  expect(events).toEqual([]);
  writeFileSync(join(root, '.git/config'), '[');
  const request = await requestOf(root, events);
  expect(request.versions).toHaveLength(1);
  expect([request.commit, request.isOlder]).toEqual([undefined, undefined]);
  const text = expect.stringMatching(`^git does not tell the commit of ${root}: bad config line `) as string;
  expect(events).toEqual([{ type: 'warning', text }]);
});
