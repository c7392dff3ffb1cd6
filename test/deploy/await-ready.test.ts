// The ready call of a new version in the place of one that was removed a moment ago.
import { expect, test } from 'vitest';
import { deploy } from '../../src/deploy/deploy.js';
import type { DeployPorts } from '../../src/deploy/ports.js';
import type { ReadyResult } from '../../src/fn/ready.js';
import { appFolder, requestFor, stage } from './stage.js';

const OLD: ReadyResult = { ready: false, kind: 'pull', why: "Failed to pull image 'of the one before'" };
const WELL: ReadyResult = { ready: true, status: 200, ms: 1 };

async function deployed(answers: ReadyResult[]) {
  const { ports, server } = await stage();
  const calls: string[] = [];
  const call = (endpoint: string): Promise<ReadyResult> => {
    calls.push(endpoint);
    return Promise.resolve(answers.shift() ?? OLD);
  };
  const readiness: DeployPorts['readiness'] = { when: 'after', cacheMs: 50, call };
  const locate: DeployPorts['locate'] = (app, { source }) => `http://fn/t/${app}${source}`;
  const result = await deploy(requestFor(appFolder({ 'cart/v1': {} })), { ...ports, readiness, locate });
  const app = (await server.app('shop'))!;
  return { row: result.versions[0]!, calls, fns: (await server.fns(app.id)).map(({ name }) => name) };
}

test('is made again once what was before is forgotten', async () => {
  const { row, calls, fns } = await deployed([OLD, WELL]);
  expect([row.deploy, row.error, calls.length, fns]).toEqual(['created', undefined, 2, ['cart-v1']]);
});

test('that fails twice is believed: the version goes', async () => {
  const { row, calls, fns } = await deployed([OLD, OLD]);
  expect([row.deploy, row.error?.code, calls.length, fns]).toEqual(['failed', 'failed', 2, []]);
});

test('that is answered is not repeated', async () => {
  const { calls } = await deployed([WELL]);
  expect(calls).toEqual(['http://fn/t/shop/cart/v1']);
});
