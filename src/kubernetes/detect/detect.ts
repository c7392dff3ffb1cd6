// What settings leave open of where an app stands, found on the cluster: which API, gateway, host, DNS server, mesh.
import { FnmeshError } from '../../errors.js';
import type { AppName } from '../../routing/route.js';
import type { ClusterSettings } from '../../target/cluster.js';
import type { Cluster } from '../cluster.js';
import { KINDS } from '../object.js';
import type { Pin, Site } from '../site.js';
import { findDoor } from './find-door.js';
import { newPinSecret, readPinSecret } from './pin.js';
import { allowed, namespaceLabels, type Note, type Search } from './search.js';
import { pinFrom, siteOf } from './site-from.js';

/**
 * What to do about the secret part of pins: read it (call, probe), stand one in for it where there is none, so that a
 * plan tells of pins that the writer of the routes then makes one for (deploy, wire), or do without it: then the Site's
 * pins are off, and who writes routes leaves those that are live as they are (shift).
 */
export type PinUse = 'plan' | 'read' | 'none';

/**
 * The Site of an app. What settings say is not asked for: when they say api, gateway, host, dns and mesh, only the
 * pin's secret is read, if at all.
 * @throws FnmeshError `config` when nothing, or more than one thing, fits, with the candidates and the line for
 *   fnmesh.yaml; as Cluster does.
 */
export async function detectSite(
  app: AppName,
  settings: ClusterSettings,
  cluster: Cluster,
  pinUse: PinUse,
): Promise<{ site: Site; notes: Note[] }> {
  const namespace = settings.namespace?.value ?? cluster.identity.namespace;
  const notes: Note[] = [];
  if (settings.namespace === null)
    notes.push({ key: 'namespace', value: namespace, from: `context ${cluster.identity.context}` });
  let labels: ReturnType<Search['labels']> | undefined;
  const search: Search = {
    app,
    settings,
    cluster,
    namespace,
    notes,
    labels: () => (labels ??= namespaceLabels(cluster, namespace)),
  };
  const [door, dns, mesh] = await Promise.all([findDoor(search), findDns(search), findMesh(search)]);
  // Last: nothing more is asked for an app that cannot stand here.
  const unpinned = siteOf(app, settings, { namespace, ...door, dns, mesh, pin: { kind: 'off' } });
  const pin = await pinOf(search, pinUse);
  return { site: { ...unpinned, pin }, notes };
}

async function findDns({ settings, cluster, notes }: Search): Promise<string> {
  if (settings.dns !== null) return settings.dns.value;
  const service = await allowed(cluster.get(KINDS.Service, 'kube-system', 'kube-dns'));
  const address = (service?.['spec'] as { clusterIP?: string } | undefined)?.clusterIP;
  if (address === undefined || address === 'None' || address === '') {
    const why = service === undefined ? 'may not be read' : service === null ? 'is not there' : 'has no IP';
    throw new FnmeshError(
      'config',
      `which DNS server the proxies ask is not known: Service kube-system/kube-dns ${why}`,
      {
        try: 'dns: IP-ADDRESS of the target in fnmesh.yaml: a Pod has it in /etc/resolv.conf',
      },
    );
  }
  notes.push({ key: 'dns', value: address, from: 'Service kube-system/kube-dns' });
  return address;
}

/** Istio 1.31: sidecar injection by `istio-injection` or `istio.io/rev`, ambient by `istio.io/dataplane-mode`. */
async function findMesh({ settings, namespace, notes, labels }: Search): Promise<boolean> {
  if (settings.mesh !== null) return settings.mesh.value;
  const found = await labels();
  const injection = found?.['istio-injection'];
  const isInjected = injection === 'enabled' || (injection === undefined && !!found?.['istio.io/rev']);
  const isAmbient = found?.['istio.io/dataplane-mode'] === 'ambient';
  const mesh = isInjected || isAmbient;
  const why = isAmbient
    ? `namespace ${namespace} is ambient`
    : isInjected
      ? `namespace ${namespace} is injected`
      : found === null
        ? `namespace ${namespace} may not be read: mesh: true if it is part of one`
        : `namespace ${namespace} is in no mesh`;
  notes.push({ key: 'mesh', value: String(mesh), from: why });
  return mesh;
}

async function pinOf({ app, settings, cluster, namespace, notes }: Search, use: PinUse): Promise<Pin> {
  if (settings.pin !== 'secret') return { kind: settings.pin };
  if (use === 'none') return { kind: 'off' };
  const secret = await readPinSecret(cluster, namespace, app);
  const pin = pinFrom(settings, secret ?? (use === 'plan' ? newPinSecret() : null));
  if (pin !== null) return pin;
  notes.push({ key: 'pin', value: 'off', from: `there is no secret for it yet: fnmesh wire makes it` });
  return { kind: 'off' };
}
