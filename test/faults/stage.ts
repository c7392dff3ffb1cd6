// What all fault tests do to a real embedded server: start it, speak to it, kill it.
import { expect } from 'vitest';
import { ControlClient } from '../../src/control/client.js';
import { controlSocket } from '../../src/control/home.js';
import type { ServerInfo } from '../../src/control/protocol.js';
import { EmbeddedRouter } from '../../src/router/embedded.js';
import type { Change } from '../../src/router/router.js';
import { WHOLE, type Split } from '../../src/routing/route.js';
import { lives, until } from '../helpers/data-plane.js';
import type { Workplace } from '../helpers/cli.js';

/** `fnmesh start -d`, which must succeed. */
export async function started(place: Workplace, env: Record<string, string> = {}): Promise<ServerInfo> {
  const answer = await place.json<ServerInfo>(['start', '-d'], { env });
  expect(answer.error).toBeUndefined();
  return answer.result;
}

/** Ends a process without any warning, and waits until it is gone. */
export async function killed(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await until(() => !lives(pid));
}

/** A router of a workplace's server. */
export function routerOf(place: Workplace): EmbeddedRouter {
  return new EmbeddedRouter(new ControlClient(controlSocket(place.home)));
}

/** Fails unless each change starts where the one before ended, for every function, and all weights add up. */
export function expectSerial(changes: readonly Change[]): void {
  const newest = new Map<string, Split | null>();
  for (const [index, change] of changes.entries()) {
    expect(change.number).toBe(changes[0]!.number + index);
    for (const { function: name, before, after } of change.functions) {
      if (newest.has(name))
        expect([change.number, name, before]).toEqual([change.number, name, newest.get(name)]);
      if (after !== null) expect([change.number, name, sum(after)]).toEqual([change.number, name, WHOLE]);
      newest.set(name, after);
    }
  }
}

/** All weights of a split together. */
export function sum(split: Split): number {
  return Object.values(split).reduce((a, b) => a + b, 0);
}
