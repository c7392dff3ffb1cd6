// Why a version cannot run as a plain process.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { VersionFolder } from '../project/project.js';

const NEEDS: readonly [RegExp, string][] = [
  [/^(java|kotlin)/, 'needs the JVM and the native library of its image'],
  [/^ruby/, 'needs the Ruby of its image'],
  [/^dotnet/, 'needs the .NET of its image'],
  [/^docker$/, 'runs from an image that its Dockerfile makes'],
];

/** The reason to show, such as `cannot run on the embedded server: runtime java needs …`, or undefined. */
export function whyUnrunnable(version: VersionFolder): string | undefined {
  const because = (why: string): string => `cannot run on the embedded server: ${why}`;
  // Fn's builder takes a Dockerfile whatever the runtime says.
  if (existsSync(join(version.dir, 'Dockerfile')))
    return because('it has a Dockerfile, and would need its image');
  const { runtime = '' } = version.func;
  if (runtime === '') return because('func.yaml names no runtime');
  const needs = NEEDS.find(([pattern]) => pattern.test(runtime));
  return needs && because(`runtime ${runtime} ${needs[1]}`);
}

/** For a runtime that no builder handles. */
export function unknownRuntime(version: VersionFolder): string {
  const { runtime } = version.func;
  return `cannot run on the embedded server: runtime ${runtime} is none of go, node, python`;
}
