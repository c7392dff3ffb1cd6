import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';

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
  'shift',
  'undo',
  'history',
  'probe',
  'status',
  'call',
  'logs',
  'destroy',
  'wire',
  'start',
  'stop',
  'doctor',
  'demo',
];

function commandTable(): string {
  const rows = ORDER.map((id) => {
    const { summary, aliases, flags } = commands[id]!;
    const own = Object.values(flags).filter(({ helpGroup }) => helpGroup !== 'GLOBAL');
    const names = own.map((flag) => `\`${flag.char ? `-${flag.char}` : `--${flag.name}`}\``).join(' ');
    const also = aliases.length > 0 ? ` (also \`${aliases.join('`, `')}\`)` : '';
    return `| \`${id}\`${also} | ${summary.replaceAll('|', '\\|')} | ${names} |`;
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
  expect([...named].filter((id) => !(id in commands))).toEqual([]);
  expect(named.size).toBeGreaterThan(5);
});
