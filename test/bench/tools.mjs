// Programs that a bench needs beside Node.
import { spawnSync } from 'node:child_process';

/** How to get them on Debian: those that go together, together. */
const INSTALL = {
  nginx: 'nginx-light wrk',
  wrk: 'nginx-light wrk',
  go: 'golang-go',
  'docker-registry': 'docker-registry',
};

/** What is missing of the programs and how to get it; undefined when all are there. */
export function missing(...programs) {
  const absent = programs.filter((name) => spawnSync('which', [name]).status !== 0);
  if (absent.length === 0) return undefined;
  const packages = [...new Set(absent.map((name) => INSTALL[name]))].join(' ');
  return `${absent.join(' and ')} not found, apt-get install -y ${packages}`;
}
