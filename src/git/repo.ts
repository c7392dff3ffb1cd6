// What fnmesh does with git: a first commit, a template's files, which files are no build output.
// The only importer of simple-git, and only when git is needed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SimpleGit, SimpleGitOptions } from 'simple-git';
import { FnmeshError, messageOf } from '../errors.js';

/** Who a first commit is by: the user as git knows them, or fnmesh because git knows nobody. */
export type CommitIdentity = 'configured' | 'fnmesh';

const CLONE_TIMEOUT_MS = 120_000;

// In a git hook GIT_DIR and others point at another repository; simple-git refuses those and the rest anyway.
const STEERS_GIT = /^(git_.*|editor|visual|pager|prefix|ssh_askpass)$/i;

/** Whether git can be run. */
export async function hasGit(): Promise<boolean> {
  const { simpleGit } = await import('simple-git');
  try {
    return (await simpleGit().version()).installed;
  } catch {
    return false;
  }
}

/** Whether an existing folder is inside a git working copy. */
export async function isInsideRepository(dir: string): Promise<boolean> {
  try {
    return await (await open(dir)).checkIsRepo();
  } catch {
    return false;
  }
}

/**
 * Makes a repository of `dir` and commits these files of it, nothing else. Where git knows no user.name or
 * user.email, the commit (and only it) is by fnmesh.
 * @throws FnmeshError `failed` with git's own words.
 */
export async function initRepository(
  dir: string,
  files: readonly string[],
  message: string,
): Promise<CommitIdentity> {
  try {
    const git = await open(dir);
    await git.init();
    await git.raw(['add', '--', ...files]);
    const [name, email] = [await git.getConfig('user.name'), await git.getConfig('user.email')];
    if (name.value && email.value) {
      await git.raw(['commit', '--quiet', '-m', message]);
      return 'configured';
    }
    const nobody = await open(dir, { config: ['user.name=fnmesh', 'user.email=fnmesh@localhost'] });
    await nobody.raw(['commit', '--quiet', '-m', message]);
    return 'fnmesh';
  } catch (error) {
    throw new FnmeshError('failed', `git: ${messageOf(error).trim()}`, {
      try: `git -C ${dir} add -A && git -C ${dir} commit -m "${message}"`,
      cause: error,
    });
  }
}

/**
 * The files in a folder that git does not ignore, relative to it: what is tracked and what could be.
 * Undefined outside a repository or without git. Files of nested repositories are not listed.
 */
export async function unignoredFiles(dir: string): Promise<string[] | undefined> {
  try {
    const listed = await (
      await open(dir)
    ).raw(['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
    return [...new Set(listed.split('\0'))].filter((path) => path !== '' && !path.endsWith('/'));
  } catch {
    return undefined;
  }
}

/**
 * Fetches one commit of a repository, without its history, into a temporary folder that is removed after
 * `use`. `url` and `ref` come from parseTemplateSource.
 * @throws FnmeshError `failed` when git is missing or the repository, or the ref in it, cannot be had.
 */
export async function withCheckout<T>(
  url: string,
  ref: string | undefined,
  use: (dir: string) => Promise<T>,
): Promise<T> {
  if (!(await hasGit())) {
    throw new FnmeshError('failed', 'git is not installed, and a template from a repository needs it', {
      try: 'install git: https://git-scm.com/downloads, or give --template a folder',
    });
  }
  const dir = await mkdtemp(join(tmpdir(), 'fnmesh-template-'));
  try {
    await fetchCommit(dir, url, ref ?? 'HEAD');
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function fetchCommit(dir: string, url: string, ref: string): Promise<void> {
  try {
    const git = await open(dir);
    await git.init();
    // Unlike `clone --branch`, fetching takes commits as well as branches and tags.
    await git.raw(['fetch', '--quiet', '--depth=1', '--no-tags', '--', url, ref]);
    await git.raw(['checkout', '--quiet', '--detach', 'FETCH_HEAD']);
  } catch (error) {
    throw new FnmeshError(
      'failed',
      `cannot take the template from ${url} at ${ref}: ${messageOf(error).trim()}`,
      {
        try: `git ls-remote ${url} (shows its branches and tags)`,
        cause: error,
      },
    );
  }
}

/** Git in a folder, without the variables that would point it elsewhere. */
export async function open(dir: string, options: Partial<SimpleGitOptions> = {}): Promise<SimpleGit> {
  const { simpleGit } = await import('simple-git');
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !STEERS_GIT.test(name))),
    // Whatever the URL grammar lets through: no transport that runs programs, and no question on the terminal.
    GIT_ALLOW_PROTOCOL: 'https:ssh:file',
    GIT_TERMINAL_PROMPT: '0',
  };
  return simpleGit({
    baseDir: dir,
    timeout: { block: CLONE_TIMEOUT_MS },
    allowEnvironment: ['GIT_ALLOW_PROTOCOL', 'GIT_TERMINAL_PROMPT'],
    ...options,
  }).env(env);
}
