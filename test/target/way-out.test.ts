import { expect, test } from 'vitest';
import { wayOut } from '../../src/target/way-out.js';

const UNKNOWN = 'correct --api-url, FN_API_URL or the Fn context';

test.each<[way: string | undefined, from: string, expected: string]>([
  [UNKNOWN, '--api-url', 'correct --api-url'],
  [UNKNOWN, 'FN_API_URL', 'correct FN_API_URL'],
  [UNKNOWN, 'fnmesh.yaml:10', 'correct fnmesh.yaml:10'],
  [UNKNOWN, 'Fn context prod', 'correct Fn context prod'],
  ['fnmesh start', '--api-url', 'start the Fn server there, or use the embedded one: --target local'],
  ['fnmesh start', 'FN_API_URL', 'start the Fn server there, or use the embedded one: unset FN_API_URL'],
  [
    'fnmesh start',
    'fnmesh.yaml:10',
    'start the Fn server there, correct fnmesh.yaml:10, or use the embedded one: --target local',
  ],
  ['curl http://fn:8080/version', 'fnmesh.yaml:10', 'curl http://fn:8080/version, or correct fnmesh.yaml:10'],
  ['export FN_API_URL=https://fn', 'FN_API_URL', 'export FN_API_URL=https://fn'],
  ['export FN_API_URL=https://fn', '--api-url', '--api-url https://fn'],
  ['export FN_API_URL=https://fn', 'fnmesh.yaml:10', 'correct fnmesh.yaml:10: https://fn'],
  ['export FN_TOKEN=…', 'fnmesh.yaml:10', 'export FN_TOKEN=…'],
  [undefined, 'FN_API_URL', 'curl http://fn:8080/version'],
])('%s, of %s: %s', (way, from, expected) => {
  expect(wayOut(way, { value: 'http://fn:8080', from })).toBe(expected);
});
