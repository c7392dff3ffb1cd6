// The volumes of one Pod as folders: ConfigMaps and Secrets as files, the rest empty.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Api } from './api.js';
import type { Pod } from './pod-types.js';

/** A ConfigMap or Secret as it is served. */
type Source = { data?: Record<string, string>; binaryData?: Record<string, string> };

/**
 * Writes the volumes of a Pod below `dir` and gives volume name → folder.
 * @throws Error in the kubelet's words when a ConfigMap, Secret or key is missing.
 */
export async function writeVolumes(api: Api, pod: Pod, dir: string): Promise<Record<string, string>> {
  const folders: Record<string, string> = {};
  for (const { name, configMap, secret } of pod.spec.volumes ?? []) {
    const folder = join(dir, name);
    folders[name] = folder;
    mkdirSync(folder, { recursive: true });
    // As the kubelet makes them: any user of the Pod may write.
    chmodSync(folder, 0o777);
    const keys = configMap ?? secret;
    if (!keys) continue;
    const [plural, from] = configMap ? ['configmaps', configMap.name] : ['secrets', secret!.secretName];
    const { status, body } = await api.ask(
      'GET',
      `/api/v1/namespaces/${pod.metadata.namespace}/${plural}/${from}`,
    );
    if (status === 404 && keys.optional) continue;
    if (status !== 200)
      throw new Error(`MountVolume.SetUp failed for volume "${name}" : ${plural} "${from}" not found`);
    const { data = {}, binaryData = {} } = body as Source;
    const bytes = new Map<string, Buffer>();
    for (const [key, text] of Object.entries(data))
      bytes.set(key, Buffer.from(text, secret ? 'base64' : 'utf8'));
    for (const [key, text] of Object.entries(binaryData)) bytes.set(key, Buffer.from(text, 'base64'));
    for (const { key, path } of keys.items ?? [...bytes.keys()].map((key) => ({ key, path: key }))) {
      const content = bytes.get(key);
      if (!content)
        throw new Error(
          `MountVolume.SetUp failed for volume "${name}" : references non-existent key: ${key}`,
        );
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content, { mode: 0o644 });
    }
  }
  return folders;
}
