// Invocation, held against what a real server answered (fnproject/fn 0.3.753), with the reference function as a process.
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDataPlane } from '../../src/server/data-plane.js';
import { fnApi } from '../../src/server/fn-api.js';
import { createFunctions } from '../../src/server/functions/functions.js';
import { parseAllowedHosts } from '../../src/server/guard.js';
import { closeHttpServer, createHttpServer } from '../../src/server/http.js';
import { limitsFrom } from '../../src/server/limits.js';
import { createLogs } from '../../src/server/logs.js';
import { State } from '../../src/server/state.js';
import { replay, scenarios } from '../helpers/contract.js';
import { CONTRACT_IMAGE, contractBuild, hasGo } from '../helpers/programs.js';

/** Scenarios that may differ (`optional`), with the reason why ours does. */
const DIFFERS: Record<string, string> = {
  'content-type-guess': 'a guess from the first bytes can be wrong; no type is what the function said',
};

let base = '';
let close = async () => {};

beforeAll(async () => {
  if (!hasGo) return;
  const dir = mkdtempSync(join(tmpdir(), 'fnmesh-conf-'));
  const state = await State.open(dir);
  await state.registerBuilds([contractBuild()]);
  const limits = limitsFrom({});
  const functions = createFunctions({
    catalog: state,
    logs: createLogs(),
    stateDir: dir,
    limits: limits.response,
  });
  const plane = createDataPlane({ catalog: state, functions, maxRequestSize: limits.maxRequestSize });
  const api = fnApi(state, { version: '0.0.0-test', allowedHosts: parseAllowedHosts('*.example.test') });
  const server = createHttpServer((req, res) => {
    if (!plane.fn(req, res)) void api(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  close = async () => {
    await closeHttpServer(server, 1000);
    await functions.close();
    await state.close();
    rmSync(dir, { recursive: true, force: true });
  };
});
afterAll(() => close());

describe.skipIf(!hasGo)('invocation (needs Go)', () => {
  test.concurrent.each(scenarios('invoke').filter(({ name }) => !(name in DIFFERS)))(
    '$name: $why',
    async (scenario) => {
      await replay(scenario, { base, image: CONTRACT_IMAGE });
    },
  );

  test('only optional scenarios may differ', () => {
    const optional = scenarios('invoke').flatMap(({ name, optional: may }) => (may ? [name] : []));
    expect(Object.keys(DIFFERS).filter((name) => !optional.includes(name))).toEqual([]);
  });
});
