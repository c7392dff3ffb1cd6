import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FnmeshError } from '../../src/errors.js';
import { chooseTarget, type Said, targetName } from '../../src/target/choose.js';
import {
  DEFAULT_PROBE,
  type FnContext,
  type Settings,
  type TargetSettings,
} from '../../src/target/settings.js';
import { type ClusterSettings, OPEN_CLUSTER } from '../../src/target/cluster.js';
import type { ChosenTarget } from '../../src/target/target.js';

const at = <T>(line: number, value: T) => ({ value, from: `fnmesh.yaml:${line}` });
const OPEN: TargetSettings = {
  fn: { api: null, invoke: null, token: null },
  registry: null,
  env: null,
  probe: null,
  platform: null,
  gateway: null,
  cluster: null,
};
const PROD: TargetSettings = {
  ...OPEN,
  fn: { api: at(11, 'https://prod'), invoke: at(12, 'http://lb'), token: at(13, 'PROD_TOKEN') },
  registry: at(14, 'prod.example/team'),
};
const TARGETS = { prod: PROD, open: OPEN };
const FILE: Settings = {
  ...OPEN,
  file: '/app/fnmesh.yaml',
  target: null,
  keep: null,
  targets: TARGETS,
};
const CONTEXT: FnContext = {
  name: 'team',
  file: '/home/.fn/contexts/team.yaml',
  provider: 'default',
  apiUrl: 'context:8080/',
  registry: 'context.example/team',
  token: 'context-token',
};
const TOKENS = { PROD_TOKEN: 'prod-token' };

const choose = (given: Partial<Said>): ChosenTarget =>
  chooseTarget({ flags: {}, settings: FILE, context: null, ...given, env: { ...TOKENS, ...given.env } });

function refusal(given: Partial<Said>): FnmeshError {
  try {
    choose(given);
  } catch (error) {
    expect(error).toBeInstanceOf(FnmeshError);
    expect(error).toMatchObject({ exit: 2, try: expect.any(String) as string });
    return error as FnmeshError;
  }
  throw new Error('nothing was refused');
}

/** Who names which target. */
const WHO: Record<string, Partial<Said>> = {
  nobody: {},
  'no fnmesh.yaml': { settings: null },
  'file: local': { settings: { ...FILE, target: at(1, 'local') } },
  'file: prod': { settings: { ...FILE, target: at(1, 'prod') } },
  'file: open': { settings: { ...FILE, target: at(1, 'open') } },
  '--target local': { flags: { target: 'local' } },
  '--target prod': { flags: { target: 'prod' } },
  '--target open': { flags: { target: 'open' } },
  'FNMESH_TARGET local': { env: { FNMESH_TARGET: 'local' } },
  'FNMESH_TARGET prod': { env: { FNMESH_TARGET: 'prod' } },
  'FNMESH_TARGET open': { env: { FNMESH_TARGET: 'open' } },
  '--target prod over FNMESH_TARGET and file': {
    flags: { target: 'prod' },
    env: { FNMESH_TARGET: 'local' },
    settings: { ...FILE, target: at(1, 'open') },
  },
  '--target local over FNMESH_TARGET and file': {
    flags: { target: 'local' },
    env: { FNMESH_TARGET: 'prod' },
    settings: { ...FILE, target: at(1, 'open') },
  },
  'FNMESH_TARGET open over file': {
    env: { FNMESH_TARGET: 'open' },
    settings: { ...FILE, target: at(1, 'prod') },
  },
};

const SERVER: Record<string, object> = {
  embedded: { kind: 'embedded' },
  flag: { api: { value: 'http://flag:1', from: '--api-url' } },
  env: { api: { value: 'http://env:2', from: 'FN_API_URL' } },
  prod: { api: { value: 'https://prod', from: 'fnmesh.yaml:11' } },
  ctx: { api: { value: 'http://context:8080', from: 'Fn context team' } },
};

// A row for each way to name a target; a column for each mixture of the other three voices. `!` = an error.
const COLUMNS = ['', 'C', 'E', 'EC', 'F', 'FC', 'FE', 'FEC'];
const TABLE = `
                                                        C        E        EC       F        FC       FE       FEC
nobody                                     | embedded embedded env      env      flag     flag     flag     flag
no fnmesh.yaml                             | embedded embedded env      env      flag     flag     flag     flag
file: local                                | embedded embedded env      env      flag     flag     flag     flag
file: prod                                 | prod     prod     env      env      flag     flag     flag     flag
file: open                                 | !        ctx      env      env      flag     flag     flag     flag
--target local                             | embedded embedded embedded embedded flag     flag     flag     flag
--target prod                              | prod     prod     prod     prod     flag     flag     flag     flag
--target open                              | !        ctx      env      env      flag     flag     flag     flag
FNMESH_TARGET local                        | embedded embedded embedded embedded flag     flag     flag     flag
FNMESH_TARGET prod                         | prod     prod     prod     prod     flag     flag     flag     flag
FNMESH_TARGET open                         | !        ctx      env      env      flag     flag     flag     flag
--target prod over FNMESH_TARGET and file  | prod     prod     prod     prod     flag     flag     flag     flag
--target local over FNMESH_TARGET and file | embedded embedded embedded embedded flag     flag     flag     flag
FNMESH_TARGET open over file               | !        ctx      env      env      flag     flag     flag     flag
`;
const ROWS = TABLE.split('\n')
  .filter((line) => line.includes('|'))
  .flatMap((line) => {
    const [who = '', cells = ''] = line.split('|').map((part) => part.trim());
    return cells.split(/\s+/).map((cell, column): [string, string, string] => [who, COLUMNS[column]!, cell]);
  });

/** Who names the target, together with --api-url (F), FN_API_URL (E) and the Fn context (C). */
function voices(who: string, others: string): Partial<Said> {
  const given = WHO[who]!;
  return {
    ...given,
    flags: { ...given.flags, ...(others.includes('F') ? { 'api-url': 'flag:1' } : {}) },
    env: { ...TOKENS, ...given.env, ...(others.includes('E') ? { FN_API_URL: 'http://env:2/' } : {}) },
    context: others.includes('C') ? CONTEXT : null,
  };
}

describe('which Fn server', () => {
  it('has a row for everyone who names a target', () => {
    expect(new Set(ROWS.map(([who]) => who))).toEqual(new Set(Object.keys(WHO)));
    expect(ROWS).toHaveLength(Object.keys(WHO).length * COLUMNS.length);
  });

  it.each(ROWS)('%s, with [%s]: %s', (who, others, cell) => {
    const given = voices(who, others);
    const name = targetName({ flags: {}, env: {}, settings: FILE, ...given });
    expect(name.value).toBe(/local|prod|open/.exec(who)?.[0] ?? 'local');
    if (cell === '!') {
      expect(refusal(given)).toMatchObject({
        code: 'config',
        message: expect.stringMatching(/which Fn server/) as string,
      });
      return;
    }
    const chosen = choose(given);
    expect(chosen).toMatchObject({ name, fn: SERVER[cell], router: { kind: 'embedded' } });
  });
});

describe('which registry', () => {
  // Columns: FN_REGISTRY (E) and the Fn context (C), each on a server.
  it.each<[string, Partial<Said>, string, string, string | null]>([
    ['nobody', { flags: { 'api-url': 'a' } }, '', '', null],
    ['local takes no context', { flags: { 'api-url': 'a' } }, '', 'C', null],
    ['local', { flags: { 'api-url': 'a' } }, 'E', 'C', 'FN_REGISTRY'],
    ['a named target', { flags: { target: 'prod' } }, 'E', 'C', 'fnmesh.yaml:14'],
    [
      'a named target on another server',
      { flags: { target: 'prod', 'api-url': 'a' } },
      'E',
      'C',
      'fnmesh.yaml:14',
    ],
    [
      'a named target, from the top',
      { flags: { target: 'open', 'api-url': 'a' }, settings: { ...FILE, registry: at(2, 'top') } },
      'E',
      'C',
      'fnmesh.yaml:2',
    ],
    ['a named open target', { flags: { target: 'open', 'api-url': 'a' } }, 'E', 'C', 'FN_REGISTRY'],
    ['a named open target', { flags: { target: 'open', 'api-url': 'a' } }, '', 'C', 'Fn context team'],
    ['the file’s target', { settings: { ...FILE, target: at(1, 'prod') } }, 'E', 'C', 'FN_REGISTRY'],
    ['the file’s target', { settings: { ...FILE, target: at(1, 'prod') } }, '', 'C', 'fnmesh.yaml:14'],
    ['the file’s open target', { settings: { ...FILE, target: at(1, 'open') } }, '', 'C', 'Fn context team'],
    ['the file’s top', { settings: { ...FILE, registry: at(2, 'top') } }, '', 'C', 'fnmesh.yaml:2'],
    ['the file’s top', { settings: { ...FILE, registry: at(2, 'top') } }, 'E', 'C', 'FN_REGISTRY'],
    ['a flag', { flags: { target: 'prod', registry: 'flag/' } }, 'E', 'C', '--registry'],
  ])('%s: %o [%s%s] → %s', (_who, given, e, c, from) => {
    const env = e === '' ? {} : { FN_REGISTRY: 'env.example/me/' };
    const { registry } = choose({ ...given, env, context: c === '' ? null : CONTEXT });
    expect(registry?.from ?? null).toBe(from);
    expect(registry?.value.endsWith('/') ?? false).toBe(false);
  });
});

describe('which token and invoke address', () => {
  it.each<[string, Partial<Said>, string | null, string | null]>([
    [
      'a target’s own',
      { flags: { target: 'prod' }, env: { FN_TOKEN: 'env-token' } },
      'prod-token',
      'http://lb',
    ],
    [
      'the same server by its address',
      { flags: { target: 'prod', 'api-url': 'https://prod/' } },
      'prod-token',
      'http://lb',
    ],
    ['another server', { flags: { target: 'prod', 'api-url': 'http://evil' } }, null, null],
    [
      'another server by FN_API_URL',
      { settings: { ...FILE, target: at(1, 'prod') }, env: { FN_API_URL: 'http://evil' } },
      null,
      null,
    ],
    [
      'another server, and FN_TOKEN',
      { flags: { target: 'prod', 'api-url': 'http://evil' }, env: { FN_TOKEN: 'env-token' } },
      'env-token',
      null,
    ],
    [
      'local on a server',
      { flags: { 'api-url': 'a' }, env: { FN_TOKEN: ' env-token\n' } },
      'env-token',
      null,
    ],
    ['an Fn context', { flags: { target: 'open' }, context: CONTEXT }, 'context-token', null],
    [
      'an Fn context and FN_TOKEN',
      { flags: { target: 'open' }, context: CONTEXT, env: { FN_TOKEN: 'env-token' } },
      'env-token',
      null,
    ],
    [
      'an Fn context that does not count',
      { flags: { target: 'open', 'api-url': 'a' }, context: CONTEXT },
      null,
      null,
    ],
    [
      'a target with a token and no server',
      {
        flags: { target: 'half', 'api-url': 'a' },
        settings: { ...FILE, targets: { half: { ...OPEN, fn: PROD.fn && { ...PROD.fn, api: null } } } },
      },
      'prod-token',
      'http://lb',
    ],
  ])('%s', (_what, given, token, invoke) => {
    const { fn } = choose(given);
    if (fn.kind !== 'server') throw new Error('the embedded server was chosen');
    expect([fn.token?.value ?? null, fn.invoke?.value ?? null]).toEqual([token, invoke]);
  });
});

describe('what else a target says', () => {
  const top: Settings = {
    ...FILE,
    env: [at(3, '/app/.env')],
    probe: at(4, 'none'),
    platform: at(5, 'linux/arm64'),
    gateway: at(6, 'http://gw'),
    keep: at(7, 5),
  };
  const full = {
    ...PROD,
    env: [at(15, '/app/prod.env')],
    probe: at(16, { method: 'POST', headers: {} }),
    platform: at(17, 'linux/amd64'),
    gateway: at(18, 'http://prod-gw'),
  };

  it('comes from the target, else from the top, else is what it is by default', () => {
    expect(choose({})).toEqual({
      name: { value: 'local', from: 'default' },
      fn: { kind: 'embedded' },
      registry: null,
      router: { kind: 'embedded' },
      gateway: null,
      probe: DEFAULT_PROBE,
      platform: { value: 'linux/amd64', from: 'default' },
      env: [],
      keep: null,
      warnings: [],
    });
    const fromTop = {
      env: top.env,
      probe: 'none',
      platform: top.platform,
      gateway: top.gateway,
      keep: top.keep,
    };
    expect(choose({ settings: top, flags: { target: 'prod' } })).toMatchObject(fromTop);
    const own = {
      env: full.env,
      probe: full.probe.value,
      platform: full.platform,
      gateway: full.gateway,
      keep: top.keep,
    };
    const settings = { ...top, targets: { prod: full } };
    expect(choose({ settings, flags: { target: 'prod' } })).toMatchObject(own);
    // Only the server changes.
    expect(choose({ settings, flags: { target: 'prod', 'api-url': 'x' } })).toMatchObject(own);
    expect(
      choose({ settings: { ...settings, target: at(1, 'prod') }, env: { FN_API_URL: 'x' } }),
    ).toMatchObject(own);
  });

  it('is the gateway’s own address for functions of the embedded server', () => {
    expect(choose({ settings: top })).toMatchObject({ gateway: null, env: top.env, keep: top.keep });
    expect(choose({ settings: top, env: { FN_API_URL: 'x' } })).toMatchObject({ gateway: top.gateway });
  });
});

describe('what is said on stderr', () => {
  it.each<[string, Partial<Said>, string[]]>([
    ['nothing to say', { flags: { target: 'prod' } }, []],
    ['FN_API_URL, nobody named', { env: { FN_API_URL: 'http://env' } }, []],
    [
      '--target local',
      { flags: { target: 'local' }, env: { FN_API_URL: 'http://env' } },
      ['FN_API_URL=http://env does not count: the embedded server (--target) does'],
    ],
    [
      'FNMESH_TARGET=local',
      { env: { FN_API_URL: 'http://env', FNMESH_TARGET: 'local' } },
      ['FN_API_URL=http://env does not count: the embedded server (FNMESH_TARGET) does'],
    ],
    [
      '--target local, on a server',
      { flags: { target: 'local', 'api-url': 'x' }, env: { FN_API_URL: 'y' } },
      [],
    ],
    [
      '--target prod',
      { flags: { target: 'prod' }, env: { FN_API_URL: 'http://env/' } },
      ['FN_API_URL=http://env does not count: https://prod (fnmesh.yaml:11) does'],
    ],
    [
      '--target prod, the same server',
      { flags: { target: 'prod' }, env: { FN_API_URL: 'https://PROD/' } },
      [],
    ],
    [
      'the file’s target',
      { settings: { ...FILE, target: at(1, 'prod') }, env: { FN_API_URL: 'http://env', FN_TOKEN: 't' } },
      ['FN_API_URL=http://env counts, and not https://prod (fnmesh.yaml:11)'],
    ],
    [
      'a token that is kept back',
      { settings: { ...FILE, target: at(1, 'prod') }, flags: { 'api-url': 'http://x' } },
      ['no token is sent to http://x: that of fnmesh.yaml:13 is for https://prod only'],
    ],
    [
      '--target prod and FN_REGISTRY',
      { flags: { target: 'prod' }, env: { FN_REGISTRY: 'me' } },
      ['FN_REGISTRY=me does not count: prod.example/team (fnmesh.yaml:14) does'],
    ],
    [
      'the file’s target and FN_REGISTRY',
      { settings: { ...FILE, target: at(1, 'prod') }, env: { FN_REGISTRY: 'me' } },
      ['FN_REGISTRY=me counts, and not prod.example/team (fnmesh.yaml:14)'],
    ],
    ['--registry', { flags: { target: 'prod', registry: 'x' }, env: { FN_REGISTRY: 'me' } }, []],
    [
      'the embedded server needs no registry',
      { env: { FN_REGISTRY: 'me' }, settings: { ...FILE, registry: at(2, 'top') } },
      [],
    ],
    [
      'a password in what does not count',
      { flags: { target: 'prod' }, env: { FN_API_URL: 'http://me:hunter2@env' } },
      ['FN_API_URL does not count: https://prod (fnmesh.yaml:11) does'],
    ],
  ])('%s', (_what, given, warnings) => {
    expect(choose(given).warnings).toEqual(warnings);
  });
});

describe('what cannot be used is an error', () => {
  const oracle = { ...CONTEXT, provider: 'oracle' };

  it.each<[string, Partial<Said>, string, RegExp]>([
    [
      'an unknown target',
      { flags: { target: 'prd' } },
      'not_found',
      /^--target: there is no target "prd" \(did you mean prod\?\); there are local, prod, open$/,
    ],
    ['no fnmesh.yaml', { flags: { target: 'prod' }, settings: null }, 'not_found', /there is local$/],
    ['an empty name', { flags: { target: '' } }, 'not_found', /there is no target ""/],
    ['a name of every object', { flags: { target: 'constructor' } }, 'not_found', /^--target/],
    ['FNMESH_TARGET', { env: { FNMESH_TARGET: 'x' } }, 'not_found', /^FNMESH_TARGET: there is no target "x"/],
    [
      'the file’s target',
      { settings: { ...FILE, target: at(1, 'x') } },
      'config',
      /^fnmesh.yaml:1: there is no/,
    ],
    ['--api-url', { flags: { 'api-url': 'ftp://a' } }, 'usage', /^--api-url must start with http/],
    ['an empty --api-url', { flags: { 'api-url': '' } }, 'usage', /^--api-url is empty/],
    ['FN_API_URL', { env: { FN_API_URL: 'http://' } }, 'config', /^FN_API_URL is no URL such as/],
    [
      'a password in FN_API_URL',
      { env: { FN_API_URL: 'http://a:hunter2@b' } },
      'config',
      /^FN_API_URL must hold no user/,
    ],
    ['--registry', { flags: { registry: 'https://a' } }, 'usage', /^--registry must be without http/],
    ['FN_REGISTRY', { env: { FN_REGISTRY: 'a b' } }, 'config', /^FN_REGISTRY is no registry/],
    ['FN_TOKEN', { env: { FN_TOKEN: 'hunter2 x', FN_API_URL: 'a' } }, 'config', /^FN_TOKEN holds characters/],
    [
      'a token that is not set',
      { flags: { target: 'prod' }, env: { PROD_TOKEN: '' } },
      'config',
      /^fnmesh.yaml:13: PROD_TOKEN, the token of the Fn server, is not set$/,
    ],
    [
      'a token with a line end',
      { flags: { target: 'prod' }, env: { PROD_TOKEN: 'hunter2\nx' } },
      'config',
      /^fnmesh.yaml:13: PROD_TOKEN holds/,
    ],
    [
      'a bad context',
      { flags: { target: 'open' }, context: { ...CONTEXT, apiUrl: 'x y' } },
      'config',
      /^Fn context team is no URL/,
    ],
    [
      'a context without a server',
      { flags: { target: 'open' }, context: { name: 'a', file: '/a', provider: 'default' } },
      'config',
      /which Fn server/,
    ],
    [
      'Oracle’s cloud',
      { flags: { target: 'open' }, context: oracle },
      'config',
      /^Fn context team \(.*\) is of provider oracle: fnmesh speaks to open-source Fn servers only/,
    ],
  ])('%s', (_what, given, code, message) => {
    const error = refusal(given);
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(message);
    expect(`${error.message} ${error.try}`).not.toContain('hunter2');
  });

  it.each<[string, Partial<Said>]>([
    [
      'Oracle’s context beside another server',
      { flags: { target: 'open', 'api-url': 'a' }, context: oracle },
    ],
    ['Oracle’s context and local', { context: oracle }],
    ['a bad FN_API_URL and a named target', { flags: { target: 'prod' }, env: { FN_API_URL: '::' } }],
    ['a bad FN_API_URL and --api-url', { flags: { 'api-url': 'a' }, env: { FN_API_URL: '::' } }],
    ['a bad FN_REGISTRY and --registry', { flags: { registry: 'a' }, env: { FN_REGISTRY: ':: ' } }],
    [
      'a missing token of another server',
      { flags: { target: 'prod', 'api-url': 'a' }, env: { PROD_TOKEN: '' } },
    ],
    ['a bad FN_TOKEN and the embedded server', { env: { FN_TOKEN: 'a b' } }],
  ])('but not %s, which does not count', (_what, given) => {
    expect(() => choose(given)).not.toThrow();
  });
});

describe('in every mixture', () => {
  const who = fc.constantFrom(...Object.keys(WHO));
  const others = fc.constantFrom(...COLUMNS);

  it('nothing depends on variables of other programs', () => {
    const reads = ['FNMESH_TARGET', 'FN_API_URL', 'FN_REGISTRY', 'FN_TOKEN', 'PROD_TOKEN'];
    const foreign = fc.dictionary(
      fc
        .oneof(
          fc.constantFrom('FN_CONTEXT', 'FNMESH_HOME', 'HTTP_PROXY', 'fn_api_url', '__proto__'),
          fc.string(),
        )
        .filter((name) => !reads.includes(name)),
      fc.string(),
    );
    const outcome = (given: Partial<Said>) => {
      try {
        return choose(given);
      } catch (error) {
        return (error as Error).message;
      }
    };
    fc.assert(
      fc.property(who, others, foreign, (name, letters, env) => {
        const given = voices(name, letters);
        expect(outcome({ ...given, env: { ...env, ...given.env } })).toEqual(outcome(given));
      }),
    );
  });

  it('a flag wins', () => {
    fc.assert(
      fc.property(who, others, fc.constantFrom('me', 'a.example/b'), (name, letters, registry) => {
        const given = voices(name, letters);
        const flags = { ...given.flags, 'api-url': 'http://mine', registry };
        const chosen = choose({ ...given, env: { ...given.env, FN_REGISTRY: 'other' }, flags });
        expect(chosen.fn).toMatchObject({ api: { value: 'http://mine', from: '--api-url' } });
        expect(chosen.registry).toEqual({ value: registry, from: '--registry' });
        const named = choose({ ...given, settings: FILE, flags: { ...flags, target: 'prod' } });
        expect(named.name).toEqual({ value: 'prod', from: '--target' });
      }),
    );
  });

  it('the choice is plain JSON', () => {
    fc.assert(
      fc.property(who, fc.constantFrom('C', 'EC', 'FEC'), (name, letters) => {
        const chosen = choose(voices(name, letters));
        expect(JSON.parse(JSON.stringify(chosen))).toEqual(chosen);
      }),
    );
  });
});

describe('a cluster', () => {
  const cluster: ClusterSettings = {
    ...OPEN_CLUSTER,
    context: at(3, 'lab'),
    namespace: at(4, 'hello'),
  };
  const settings: Settings = {
    ...FILE,
    gateway: at(2, 'http://gw'),
    targets: { ...TARGETS, k8s: { ...PROD, cluster } },
  };
  const choose = (flags: Said['flags'], env: Said['env'] = {}) =>
    chooseTarget({ flags, env: { PROD_TOKEN: 'x', ...env }, settings, context: null });

  it('is the router; a gateway of the file top, which is another machine’s, does not count', () => {
    const { router, gateway, fn } = choose({ target: 'k8s' });
    expect([router, gateway]).toEqual([{ kind: 'kubernetes', cluster }, null]);
    expect(fn).toMatchObject({ api: { value: 'https://prod' }, invoke: { value: 'http://lb' } });
  });
  it('stays the router when another Fn server is named', () => {
    const { router, fn } = choose({ target: 'k8s', 'api-url': 'http://other' });
    expect([router.kind, fn]).toEqual([
      'kubernetes',
      { kind: 'server', api: { value: 'http://other', from: '--api-url' }, invoke: null, token: null },
    ]);
  });
  it('takes context, namespace and kubeconfig from flags first', () => {
    const flags = { target: 'k8s', context: 'mine', namespace: 'other', kubeconfig: '/k' };
    expect(choose(flags).router).toEqual({
      kind: 'kubernetes',
      cluster: {
        ...cluster,
        context: { value: 'mine', from: '--context' },
        namespace: { value: 'other', from: '--namespace' },
        kubeconfig: { value: '/k', from: '--kubeconfig' },
      },
    });
  });
  it.each([
    [{ target: 'k8s', namespace: 'Hello' }, '--namespace "Hello" is no namespace'],
    [{ target: 'prod', context: 'x' }, '--context is for a cluster, and target prod (--target)'],
    [{ namespace: 'x' }, '--namespace is for a cluster, and target local (default)'],
  ])('%j: a usage error', (flags, message) => {
    expect(() => choose(flags)).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: expect.stringContaining(message) as string,
      }) as Error,
    );
  });
});
