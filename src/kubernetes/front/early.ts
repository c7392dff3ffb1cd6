// What is looked at before anything is built or deployed, so that a slip in fnmesh.yaml leaves nothing half done.
import type { ClusterSettings } from '../../target/cluster.js';
import type { Cluster } from '../cluster.js';
import { namespaceLabels } from '../detect/search.js';
import type { Site } from '../site.js';
import { checkGateway } from './references.js';
import { readGateway } from './surroundings.js';

/**
 * Makes sure that the site's namespace is there, and a gateway that takes its routes. What may not be read, and a
 * gateway that is still to be made, is left to the plan.
 * @throws FnmeshError `config` as `namespaceLabels` and `checkGateway`.
 */
export async function checkEarly(
  cluster: Cluster,
  site: Site,
  { makeGateway }: Pick<ClusterSettings, 'makeGateway'>,
): Promise<void> {
  const { namespace } = site;
  const [gateway, labels] = await Promise.all([
    readGateway(cluster, site),
    namespaceLabels(cluster, namespace),
  ]);
  if (gateway === undefined || (gateway === null && makeGateway)) return;
  checkGateway(site, gateway, { namespace, labels });
}
