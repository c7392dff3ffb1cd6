// The management API, held against what a real server answered (fnproject/fn 0.3.753).
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAllowedHosts } from '../../src/server/guard.js';
import { apiServer, type ApiServer } from '../helpers/api-server.js';
import { replay, scenarios } from '../helpers/contract.js';
import type { Expected } from '../helpers/contract-match.js';

/** Scenarios that may differ (`optional`), with the reason why ours does; none does. */
const DIFFERS: Record<string, string> = {};

let server: ApiServer;

beforeEach(async () => {
  server = await apiServer({ allowedHosts: parseAllowedHosts('*.example.test') });
});
afterEach(() => server.close());

describe('Fn API v2', () => {
  test.each(scenarios('api').filter(({ name }) => !(name in DIFFERS)))('$name: $why', async (scenario) => {
    await replay(scenario, { base: server.base, image: 'contract/func:1' });
  });

  test.each<Expected>([
    { status: 201 },
    { headers: { 'content-type': 'text/html' } },
    { headers: { 'content-length': null } },
    { body: { hello: 'world!' } },
    { body: { hello: 'world!', goto: '${id}' } },
    { body: { hello: 'world!', goto: '${any}', more: 1 } },
    { rawBody: '{}' },
    { length: 1 },
    { sha256: '00' },
    { closed: true },
    { truncated: true },
  ])('an answer other than %j is seen', async (expected) => {
    const step = { request: { method: 'GET', path: '/' }, response: { status: 200, ...expected } };
    const scenario = { name: 'ping', why: '', needs: 'api' as const, steps: [step] };
    await expect(replay(scenario, { base: server.base, image: '' })).rejects.toThrow(
      /^ping, step 1: GET \/ /,
    );
  });

  test('only optional scenarios may differ', () => {
    const optional = scenarios('api').flatMap(({ name, optional: may }) => (may ? [name] : []));
    expect(Object.keys(DIFFERS).filter((name) => !optional.includes(name))).toEqual([]);
  });
});
