import { describe, expect, test } from 'vitest';
import { guard } from '../../src/deploy/guard.js';
import type { DeployRequest } from '../../src/deploy/result.js';
import type { ObservedFn } from '../../src/fn/observe.js';

const SHA = { ours: 'a'.repeat(40), theirs: 'b'.repeat(40) };
const OURS = { sha: SHA.ours, at: '2026-01-01T00:00:00Z', dirty: false };
const THEIRS = { sha: SHA.theirs, at: '2026-01-02T00:00:00Z', dirty: false };
const live = (commit?: typeof THEIRS): ObservedFn =>
  ({
    notes: { release: { number: 2, deploy: 'd', at: 't', by: 'ci@runner', ...(commit && { commit }) } },
  }) as ObservedFn;
const of = (share: number | null) => ({ function: 'cart', version: 'v2', share });

async function refusal(...asked: Parameters<typeof guard>): Promise<string> {
  return guard(...asked).then(
    () => '',
    (error: Error) => error.message,
  );
}

describe('changing a version in place', () => {
  // Only what shares its traffic is being compared with something.
  test.each<[share: number | null, server: 'embedded' | 'real', flag: '' | '--in-place', refused: boolean]>([
    [null, 'real', '', false],
    [0, 'real', '', false],
    [1, 'real', '', true],
    [5000, 'real', '', true],
    [9999, 'real', '', true],
    [10_000, 'real', '', false],
    [1, 'real', '--in-place', false],
    [9999, 'real', '--in-place', false],
    [null, 'embedded', '', false],
    [0, 'embedded', '', false],
    [5000, 'embedded', '', false],
    [10_000, 'embedded', '', false],
    [5000, 'embedded', '--in-place', false],
  ])('with %s basis points on the %s server %s', async (share, server, flag, refused) => {
    const request = { inPlace: flag === '--in-place' } as DeployRequest;
    const said = await refusal(of(share), live(), request, server === 'embedded');
    expect(said !== '').toBe(refused);
  });

  test('is refused with the share, the reason and both ways out', async () => {
    await expect(guard(of(1250), live(), {} as DeployRequest, false)).rejects.toMatchObject({
      code: 'conflict',
      message:
        'cart/v2 has 12.5 % of the traffic beside other versions; what is being compared must not change',
      try: 'fnmesh deploy cart/v2 --as next (a new version), or --in-place',
    });
  });

  test('is no matter for what is not there yet', async () => {
    expect(await refusal(of(5000), undefined, {} as DeployRequest, false)).toBe('');
  });
});

describe('an older commit', () => {
  const request = (older: boolean | undefined, commit: typeof OURS | undefined = OURS): DeployRequest =>
    ({
      ...(commit && { commit }),
      ...(older !== undefined && { isOlder: () => Promise.resolve(older) }),
    }) as DeployRequest;

  test.each<[string, DeployRequest, ObservedFn, boolean]>([
    ['is refused', request(true), live(THEIRS), true],
    ['is not, when it is newer or beside it', request(false), live(THEIRS), false],
    ['is not, with --allow-older', request(undefined), live(THEIRS), false],
    ['is not the same commit, whatever is said of it', request(true, THEIRS), live(THEIRS), false],
    [
      'is not known without a repository',
      { isOlder: () => Promise.resolve(true) } as never,
      live(THEIRS),
      false,
    ],
    ['is not known when nothing is noted of what is live', request(true), live(), false],
    ['is not known of somebody else’s fn', request(true), { notes: null } as ObservedFn, false],
  ])('%s', async (_, asked, there, refused) => {
    for (const embedded of [true, false]) {
      expect((await refusal(of(0), there, asked, embedded)) !== '').toBe(refused);
    }
  });

  test('is refused with both commits, who deployed, and the way out', async () => {
    await expect(guard(of(0), live(THEIRS), request(true), true)).rejects.toMatchObject({
      code: 'conflict',
      message:
        'cart/v2 runs commit bbbbbbbbbb of 2026-01-02T00:00:00Z, deployed by ci@runner; this folder is at the older aaaaaaaaaa of 2026-01-01T00:00:00Z',
      try: 'git pull, or fnmesh deploy cart/v2 --allow-older',
    });
  });

  test('comes after the share: --in-place does not let it through', async () => {
    const both = { ...request(true), inPlace: true };
    expect(await refusal(of(5000), live(THEIRS), both, false)).toContain('older');
    expect(await refusal(of(5000), live(THEIRS), request(true), false)).toContain('beside other versions');
  });
});
