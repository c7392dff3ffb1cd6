// What `render` is composed of: the folder, and what the cluster and the Fn server tell of it unless they are not to be asked.
import { chosenOnCluster } from './compose-choose.js';
import { connect, locateIn } from './compose.js';
import { FnmeshError } from './errors.js';
import type { Emit } from './events.js';
import type { Observed } from './fn/observe.js';
import type { Rendered } from './kubernetes/render/files.js';
import type { Site } from './kubernetes/site.js';
import type { RouteTable } from './router/router.js';
import type { ClusterSettings } from './target/cluster.js';
import type { TargetFlags } from './target/target.js';

/**
 * The files that a deploy from this folder amounts to.
 * @throws FnmeshError `usage` for a target without a cluster, `config` for what is wrong in the folder or not known.
 */
export async function renderFor(
  flags: TargetFlags & { kustomize: boolean; 'live-edits': boolean; offline: boolean },
  emit: Emit,
): Promise<{ rendered: Rendered; stream: string }> {
  const chosen = await chosenOnCluster(flags);
  const { readProject } = await import('./project/read.js');
  const { renderApp } = await import('./deploy/render.js');
  const { asStream, renderFiles } = await import('./kubernetes/render/files.js');
  const project = await readProject(process.cwd(), emit);
  const app = project.app.name;
  const known = flags.offline ? await offline(app, chosen.router.cluster) : await live(app, flags, emit);
  if (known.site.pin.kind === 'secret') {
    const text =
      'the routes hold the secret of the pins in clear: pin: on or pin: off for the target if they are committed';
    emit({ type: 'warning', text });
  }
  const objects = renderApp(project, known.site, known.observed, known.table, locateIn(chosen));
  const rendered = renderFiles(
    { app, target: chosen.name.value, ...objects },
    { kustomize: flags.kustomize, liveEdits: flags['live-edits'] },
  );
  return { rendered, stream: asStream(rendered) };
}

type Known = { site: Site; observed: Observed | null; table: RouteTable };

async function offline(app: string, settings: ClusterSettings): Promise<Known> {
  const { siteFrom } = await import('./kubernetes/detect/site-from.js');
  return { site: siteFrom(app, settings, null), observed: null, table: { app, routes: [] } };
}

async function live(app: string, flags: TargetFlags, emit: Emit): Promise<Known> {
  const { fn, router, place } = await connect(flags, emit);
  if (place === null) throw new FnmeshError('usage', 'this target has no cluster');
  const { observe } = await import('./fn/observe.js');
  try {
    const [site, observed, table] = await Promise.all([
      place.site(app, 'read'),
      observe(fn, app),
      router.read(app),
    ]);
    return { site, observed, table };
  } finally {
    place.close();
  }
}
