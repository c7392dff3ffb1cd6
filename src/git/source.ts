// Where a template's files come from: a folder, or a git repository at one commit.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { FnmeshError } from '../errors.js';

/** A folder, or a repository with the branch, tag or commit to take from it. */
export type TemplateSource =
  { kind: 'folder'; path: string } | { kind: 'git'; url: string; ref: string | undefined };

// `git@host:path`: what ssh knows as its short form. The host must not look like an option.
const SHORT_SSH = /^[A-Za-z0-9_][\w.-]*@[A-Za-z0-9][\w.-]*:[^\s:][^\s]*$/;
const URL_FORM = /^(https|http|ssh|file|git):\/\//;
const REF = /^[A-Za-z0-9_][\w./@+-]*$/;

/**
 * Reads `PATH`, `GIT-URL` or either with `#ref`. A path is a repository when it has a ref or ends in `.git`,
 * else a plain folder. Taken are https, ssh, git@host:path, file and local paths; git's other transports
 * (`ext::` runs programs) are refused, as is everything that git would read as an option.
 * @throws FnmeshError `usage`.
 */
export function parseTemplateSource(text: string, cwd: string): TemplateSource {
  if (text === '' || text.startsWith('-') || /[\0\r\n]/.test(text)) throw refused(text);
  const local = resolve(cwd, text.replace(/^~(?=\/|$)/, homedir()));
  if (!isRemote(text) && existsSync(local) && !/\.git\/?$/.test(text)) return { kind: 'folder', path: local };

  const hash = text.lastIndexOf('#');
  const address = hash === -1 ? text : text.slice(0, hash);
  const ref = hash === -1 ? undefined : text.slice(hash + 1);
  if (ref !== undefined && (!REF.test(ref) || ref.includes('..') || ref.includes('@{'))) {
    throw new FnmeshError('usage', `${JSON.stringify(ref)} is no name of a branch, tag or commit`, {
      try: `${address}#main`,
    });
  }
  if (isRemote(address)) {
    if (!isAllowed(address)) throw refused(text);
    return { kind: 'git', url: address, ref };
  }
  const path = resolve(cwd, address.replace(/^~(?=\/|$)/, homedir()));
  if (address === '' || !existsSync(path)) {
    throw new FnmeshError('usage', `no template at ${path}`, {
      try: 'give a folder, or a git URL such as https://host/repo#main',
    });
  }
  return { kind: 'git', url: path, ref };
}

function isRemote(address: string): boolean {
  return (
    /^[A-Za-z][A-Za-z0-9+.-]*::?/.test(address) || address.includes('::') || /^[^/]*@[^/]*:/.test(address)
  );
}

function isAllowed(address: string): boolean {
  if (SHORT_SSH.test(address)) return true;
  const scheme = URL_FORM.exec(address)?.[1];
  if (scheme === undefined || scheme === 'http' || scheme === 'git' || /\s/.test(address)) return false;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  // A host that starts with a dash would reach ssh as an option.
  return (
    url !== undefined &&
    (scheme === 'file' || url.hostname !== '') &&
    !/^-/.test(url.hostname) &&
    !/^-/.test(decodeURIComponent(url.username))
  );
}

function refused(text: string): FnmeshError {
  return new FnmeshError('usage', `${JSON.stringify(text)} is no template that fnmesh takes`, {
    try: 'give a folder, or a git address: https://…, ssh://…, git@host:path or file://…, with #branch if need be',
  });
}
