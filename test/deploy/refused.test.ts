// Plans that deploy would refuse to carry out: what differs is shown all the same.
import { expect, test } from 'vitest';
import { deploy, planDeploy } from '../../src/deploy/deploy.js';
import { isDrift } from '../../src/deploy/outcome.js';
import type { DeployPorts } from '../../src/deploy/ports.js';
import type { DeployRequest } from '../../src/deploy/result.js';
import { REASON } from '../helpers/routes.js';
import { appFolder, requestFor, stage } from './stage.js';

const OURS = { sha: 'a'.repeat(40), at: '2026-01-01T00:00:00Z', dirty: false };
const THEIRS = { sha: 'b'.repeat(40), at: '2026-01-02T00:00:00Z', dirty: false };

/** An app of which v1 and v2 share the traffic on a real server, deployed from a commit; its folder now wants more memory. */
async function deployed(): Promise<{ request: DeployRequest; ports: DeployPorts; writes: string[] }> {
  const { ports: embedded, writes, router } = await stage();
  const ports: DeployPorts = { ...embedded, readiness: { when: 'never', cacheMs: 0 } };
  const project = appFolder({ 'cart/v1': {}, 'cart/v2': {} });
  await deploy({ ...requestFor(project), commit: THEIRS }, ports);
  const route = { ...(await router.read('shop')).routes[0]!.route, split: { v1: 9500, v2: 500 } };
  await router.write([{ kind: 'put', route, ifRevision: 1 }], REASON);
  const after = appFolder({ 'cart/v1': { func: { memory: 256 } }, 'cart/v2': {} }, {}, project.root);
  writes.length = 0;
  return { request: requestFor(after), ports, writes };
}

test.each<[string, (request: DeployRequest) => DeployRequest, RegExp, RegExp]>([
  ['shares traffic', (request) => request, /^cart\/v1 has 95 % of the traffic beside/, /--in-place/],
  [
    'has a newer commit live',
    (request) => ({ ...request, inPlace: true, commit: OURS, isOlder: () => Promise.resolve(true) }),
    /this folder is at the older aaaaaaaaaa/,
    /--allow-older/,
  ],
])('what %s is drift, and refused', async (_, as, message, way) => {
  const { request, ports, writes } = await deployed();
  const plan = await planDeploy(as(request), ports);
  const [v1, v2] = plan.versions;
  expect(v1).toMatchObject({
    deploy: 'to update',
    changes: [{ field: 'image' }, { field: 'memory', from: 128, to: 256 }],
    refused: { code: 'conflict', message: expect.stringMatching(message) as string },
  });
  expect(v1?.refused?.try).toMatch(way);
  expect([v1?.error, v2?.deploy, v2?.refused]).toEqual([undefined, 'unchanged', undefined]);
  expect([isDrift(plan), plan.failed, writes]).toEqual([true, 0, []]);
  // Deploying it fails, as the plan said.
  const done = await deploy(as(request), ports);
  expect(done.versions.map((row) => [row.deploy, row.error?.message ?? null])).toEqual([
    ['failed', v1?.refused?.message],
    ['unchanged', null],
  ]);
});

test('what it lets through is not refused', async () => {
  const { request, ports } = await deployed();
  const plan = await planDeploy({ ...request, inPlace: true }, ports);
  expect(plan.versions.map((row) => row.refused)).toEqual([undefined, undefined]);
});
