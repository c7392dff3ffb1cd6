import type { Hook } from '@oclif/core';
import { FnmeshError } from '../errors.js';
import { nearest } from '../routing/near.js';
import { report } from './report.js';

/** oclif's hook for an unknown command: names the closest ones, never runs one, exit code 127. */
const hook: Hook<'command_not_found'> = ({ config, id }) => {
  const [word = id] = id.split(':');
  const known = [...config.commandIDs, ...config.commands.flatMap((command) => command.aliases)];
  const close = nearest(word, known);
  const hint = close.length > 0 ? `fnmesh ${close[0]}` : 'fnmesh --help';
  report(
    new FnmeshError(
      'unknown_command',
      `fnmesh has no command '${word}'${close.length > 0 ? `; did you mean ${close.join(' or ')}?` : ''}`,
      {
        try: hint,
      },
    ),
    process.argv.includes('--json'),
    id,
  );
  return Promise.resolve();
};

export default hook;
