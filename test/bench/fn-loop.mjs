// What the plain Fn CLI does for one version after the other, with the same compiler, the same image and the same push
// as fnmesh: only how much is done at a time, and how much at all, differs. It starts no process but the compiler and
// packs the layer under all images once, so it is faster than any such script.
import { HttpClient } from '../../dist/fn/http.js';
import { goImage } from '../../dist/oci/image.js';
import { parseReference } from '../../dist/oci/reference.js';
import { Registry } from '../../dist/oci/registry.js';

/** What fnmesh gives to `go build`. */
const BUILD = ['build', '-trimpath', '-ldflags=-s -w'];
const ENV = {
  CGO_ENABLED: '0',
  GOOS: 'linux',
  GOARCH: 'amd64',
  GOAMD64: 'v1',
  GOFLAGS: '-buildvcs=false',
  GOWORK: 'off',
};
const PLATFORM = { os: 'linux', architecture: 'amd64' };

/** Compiles a version's folder as fnmesh does, for linux/amd64. */
export function goBuild(place, folder, binary) {
  return place.exec('go', [...BUILD, '-o', binary, '.'], folder, ENV);
}

/** The image that fnmesh would make of a binary. */
export function imageOf(binary) {
  const labels = { 'org.opencontainers.image.version': '0.0.1' };
  return goImage({ binary, entrypoint: ['./func'], labels, platform: PLATFORM });
}

/** Deploys versions one after the other. */
export class FnLoop {
  /**
   * @param {string} api URL of the Fn server.
   * @param {string} registry `host:port/path`.
   * @param {string} app Its name; it is there, as are its versions' fns and triggers.
   */
  constructor(api, registry, app) {
    this.http = new HttpClient({ url: api, timeoutMs: 30_000 });
    Object.assign(this, { registry, app });
  }

  /** `make` gives a version's image, which is pushed under the tag. */
  async run(versions, tag, make) {
    // `fn deploy --all` looks the app up and puts its config once.
    const app = await this.#named('/v2/apps?', this.app);
    await this.#call('PUT', `/v2/apps/${app.id}`, app);
    for (const version of versions) {
      const name = `${this.app}-${version}`;
      const image = await this.#push(await make(version), `${this.registry}/${name}:${tag}`);
      const fn = await this.#named(`/v2/fns?app_id=${app.id}&`, name);
      await this.#call('PUT', `/v2/fns/${fn.id}`, { ...fn, image });
      const trigger = await this.#named(`/v2/triggers?app_id=${app.id}&fn_id=${fn.id}&`, name);
      await this.#call('PUT', `/v2/triggers/${trigger.id}`, trigger);
    }
  }

  /** With connections of its own, as every `docker push` has; gives the pushed image's name. */
  async #push(image, name) {
    return (await new Registry().push(image, parseReference(name))).reference;
  }

  async #named(path, name) {
    const { items } = await this.#call('GET', `${path}name=${name}`);
    if (items.length !== 1) throw new Error(`there are ${items.length} ${name}`);
    return items[0];
  }

  async #call(method, path, sent) {
    const { status, body } = await this.http.send(method, path, sent);
    if (status !== 200) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  }
}
