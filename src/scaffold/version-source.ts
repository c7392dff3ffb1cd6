// Which files a new version starts from: a template's that was named, or a runtime's own.
import { withCheckout } from '../git/repo.js';
import { parseTemplateSource } from '../git/source.js';
import { which } from '../process/run.js';
import { folderVersions } from './folder.js';
import type { VersionSource } from './plan.js';
import { type Runtime, templateVersions } from './templates.js';

/** What was asked for. */
export type SourceRequest = { cwd: string; runtime?: Runtime; template?: string };

/**
 * The source of a new function's versions: `--template`, else `--runtime`, else the runtime that all of the
 * app's functions have, else Go where it is installed, else Node, which is said.
 * @param runtimes the runtimes in the app's func.yaml files.
 * @throws FnmeshError `usage` or `config` for a template, `failed` when a repository cannot be had.
 */
export async function versionSource(
  request: SourceRequest,
  runtimes: readonly string[],
): Promise<{ source: VersionSource; notes: string[] }> {
  const { cwd, runtime, template } = request;
  if (template !== undefined) {
    const asked = runtime === undefined ? {} : { runtime };
    const from = parseTemplateSource(template, cwd);
    const source =
      from.kind === 'folder'
        ? await folderVersions(from.path, asked)
        : await withCheckout(from.url, from.ref, (dir) => folderVersions(dir, { ...asked, inline: true }));
    return { source, notes: [] };
  }
  if (runtime !== undefined) return { source: await templateVersions(runtime), notes: [] };
  const usual = commonRuntime(runtimes);
  if (usual !== undefined) return { source: await templateVersions(usual), notes: [] };
  const hasGo = (await which('go')) !== undefined;
  return {
    source: await templateVersions(hasGo ? 'go' : 'node'),
    notes: hasGo
      ? []
      : ['go is not installed, so this is a Node.js function; --runtime go writes Go all the same'],
  };
}

function commonRuntime(runtimes: readonly string[]): Runtime | undefined {
  const known = runtimes.map((name) => /^(go|node|python)[\d.]*$/.exec(name)?.[1]);
  const [first] = known;
  return first !== undefined && known.every((name) => name === first) ? (first as Runtime) : undefined;
}
