import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { readSettings } from '../src/project/settings.js';
import { folderWith } from './project/folder.js';

type Manifest = {
  commands: Record<
    string,
    {
      summary: string;
      examples?: string[];
      aliases: string[];
      flags: Record<
        string,
        { name: string; char?: string; type: string; helpValue?: string; helpGroup?: string }
      >;
    }
  >;
};

const README = resolve(import.meta.dirname, '../README.md');
const { commands } = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../oclif.manifest.json'), 'utf8'),
) as Manifest;
const ids = Object.keys(commands).sort();

/** The order in which one meets them. */
const ORDER = [
  'init',
  'add',
  'deploy',
  'diff',
  'shift',
  'undo',
  'history',
  'probe',
  'status',
  'call',
  'logs',
  'destroy',
  'wire',
  'render',
  'forward',
  'install:fn',
  'start',
  'stop',
  'doctor',
  'demo',
];

function commandTable(): string {
  const rows = ORDER.map((id) => {
    const { summary, aliases, flags } = commands[id]!;
    const own = Object.values(flags).filter(
      ({ helpGroup }) => !['GLOBAL', 'TARGET'].includes(helpGroup ?? ''),
    );
    const names = own.map((flag) => `\`${flag.char ? `-${flag.char}` : `--${flag.name}`}\``).join(' ');
    const also = aliases.length > 0 ? ` (also \`${aliases.join('`, `')}\`)` : '';
    return `| \`${id.replaceAll(':', ' ')}\`${also} | ${summary.replaceAll('|', '\\|')} | ${names} |`;
  });
  return ['| command | what it does | flags |', '|---|---|---|', ...rows].join('\n');
}

test('every command stands in the table', () => {
  expect([...ORDER].sort()).toEqual(
    ids.filter((id) => !ids.some((other) => commands[other]!.aliases.includes(id))),
  );
});

test('the command table is what the code says (UPDATE_README=1 writes it)', () => {
  const text = readFileSync(README, 'utf8');
  const wanted = text.replace(
    /<!-- commands -->[\s\S]*<!-- \/commands -->/,
    `<!-- commands -->\n\n<!-- prettier-ignore -->\n${commandTable()}\n\n<!-- /commands -->`,
  );
  if (process.env['UPDATE_README']) writeFileSync(README, wanted);
  else expect(text).toBe(wanted);
});

test.each(ids)('%s has a summary and examples', (id) => {
  expect(commands[id]!.summary).toMatch(/^[A-Z].*[^.]$/);
  expect(commands[id]!.examples?.length).toBeGreaterThan(0);
});

test('every command line of the README names a command that exists', () => {
  const lines = readFileSync(README, 'utf8').matchAll(/(?:^\$ |`)fnmesh ([a-z]+)/gm);
  const named = new Set([...lines].map(([, id]) => id!));
  const known = new Set(ids.flatMap((id) => [id, id.split(':')[0]!]));
  expect([...named].filter((id) => !known.has(id))).toEqual([]);
  expect(named.size).toBeGreaterThan(5);
});

test('every flag of a command line in the README is a flag of its command', () => {
  const lines = readFileSync(README, 'utf8').matchAll(/\bfnmesh ([a-z]+)((?: [^\n`#|;&]+)?)/g);
  const wrong = [...lines].flatMap(([, id, rest]) =>
    [...rest!.matchAll(/(?:^| )--([a-z-]+)/g)]
      .filter(([, flag]) => id! in commands && !(flag! in commands[id!]!.flags))
      .map(([, flag]) => `${id} --${flag}`),
  );
  expect(wrong).toEqual([]);
});

test("the README's fnmesh.yaml is valid, and says what its comments do", async () => {
  const [, example] = /```yaml\n(# fnmesh\.yaml[^]*?)```/.exec(readFileSync(README, 'utf8')) ?? [];
  const settings = await readSettings(folderWith({ 'app.yaml': 'name: shop\n', 'fnmesh.yaml': example! }));
  expect(settings).toMatchObject({
    target: { value: 'staging' },
    keep: { value: 5 },
    probe: {
      value: { method: 'POST', headers: { 'Content-Type': 'application/json', 'Fnmesh-Probe': '1' } },
    },
    targets: {
      staging: { fn: { api: { value: 'http://fn.staging.example.com:8080' } } },
      prod: {
        fn: { token: { value: 'PROD_FN_TOKEN' }, invoke: { value: 'http://fn-lb.example.com:8081' } },
        gateway: { value: 'http://10.0.0.5:8082' },
      },
    },
  });
  expect(settings?.targets['prod']?.env).toHaveLength(2);
});
