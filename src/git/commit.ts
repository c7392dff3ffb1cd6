// Which commit an app's folder is at, and whether that commit is older than the one that is live.
import { messageOf } from '../errors.js';
import { hasGit, open } from './repo.js';

/** A commit: its full hash, and its committer date as RFC 3339 in UTC, such as `2026-11-23T16:38:32Z`. */
export type Commit = { sha: string; at: string };

// A linked worktree whose repository is gone is "not a git repository:" and a path.
const NO_COMMIT = /not a git repository \(or any|does not have any commits yet/;
const SHA = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

/**
 * The commit that is checked out where a folder lies; null without git, outside a repository and before its first
 * commit. `unknown`: why git does not tell, in its own words, such as `detected dubious ownership …` for another user's
 * repository.
 * @param dir The app's folder. `dirty`: something in it, and in it only, is changed, staged or untracked; ignored
 * files and what fnmesh makes in `.fnmesh` do not count.
 */
export async function readCommit(
  dir: string,
): Promise<(Commit & { dirty: boolean }) | { unknown: string } | null> {
  try {
    // Its words are told apart below.
    const git = (await open(dir)).env('LC_ALL', 'C');
    const [sha = '', seconds] = (await git.raw(['log', '-1', '--no-show-signature', '--format=%H %ct']))
      .trim()
      .split(' ');
    if (!SHA.test(sha)) return null;
    const at = new Date(Number(seconds) * 1000).toISOString().replace('.000Z', 'Z');
    // Someone else may be committing: no lock is taken only to refresh what git remembers of the files.
    const status = [
      '--no-optional-locks',
      'status',
      '--porcelain',
      // Its line is always there: simple-git waits 50 ms more for the output of a command that gave none.
      '--branch',
      '--no-ahead-behind',
      '--untracked-files=normal',
      '--ignore-submodules=none',
    ];
    const changes = await git.raw([...status, '--', '.', ':(exclude).fnmesh']);
    return { sha, at, dirty: changes.split('\n').some((line) => line !== '' && !line.startsWith('## ')) };
  } catch (error) {
    const words = messageOf(error).trim();
    if (NO_COMMIT.test(words) || !(await hasGit())) return null;
    const command = /^\s*(git config .*)$/m.exec(words)?.[1];
    const [, why = words] = /^fatal: (.*)$/m.exec(words) ?? /^(?:error: )?(.*)$/m.exec(words) ?? [];
    return { unknown: command === undefined ? why : `${why} (${command})` };
  }
}

/**
 * Whether `ours` is older than the `live` commit: an ancestor of it and not itself. When the clone in `dir` cannot
 * tell, since it does not hold one of the two or is shallow between them, the committer dates do; a date that cannot be read
 * is not older.
 */
export async function isOlder(dir: string, ours: Commit, live: Commit): Promise<boolean> {
  if (ours.sha === live.sha) return false;
  // Live comes from a server: only a hash may reach git's command line.
  if (!SHA.test(ours.sha) || !SHA.test(live.sha)) return isBefore(ours, live);
  try {
    const git = await open(dir);
    const ask = async (...args: string[]): Promise<string> => (await git.raw(args)).trim();
    for (const { sha } of [ours, live]) {
      if ((await ask('rev-parse', '--verify', '--quiet', `${sha}^{commit}`)) !== sha)
        return isBefore(ours, live);
    }
    const base = await ask('merge-base', ours.sha, live.sha);
    if (base === '' && (await ask('rev-parse', '--is-shallow-repository')) === 'true')
      return isBefore(ours, live);
    return base === ours.sha;
  } catch {
    return isBefore(ours, live);
  }
}

function isBefore(ours: Commit, live: Commit): boolean {
  return Date.parse(ours.at) < Date.parse(live.at);
}
