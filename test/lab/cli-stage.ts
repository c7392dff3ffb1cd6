// What the tests of the command line against the lab share: an app folder whose functions run on this machine's embedded
// server, reached by the proxies under an Fn Service's name, and the lab's Envoy as the gateway.
import { request } from 'node:http';
import { Workplace } from '../helpers/cli.js';
import { startGateway, type LabGateway } from './gateway.js';
import { type Lab, openLab } from './lab.js';

/** The name under which proxies know the Fn server. */
const FN_HOST = 'fn-lb.fn.svc.cluster.local';

/** An answer through the gateway. */
export type Reply = { status: number; version: string | undefined; callId: string | undefined; body: string };

/** An app on the lab. */
export class ClusterStage {
  readonly lab = openLab();
  readonly place: Workplace;
  readonly host: string;
  exposed!: Awaited<ReturnType<Lab['expose']>>;
  fnPort = 0;

  private constructor(
    readonly app: string,
    readonly namespace: string,
    readonly gateway: LabGateway,
  ) {
    this.host = `${namespace}.example.com`;
    this.place = new Workplace({ KUBECONFIG: this.lab.kubeconfig });
  }

  /**
   * @param files Of the app's folder, as `nodeApp` gives them.
   * @param prefix What the namespace's name begins with.
   */
  static async open(app: string, files: Record<string, string>, prefix = app): Promise<ClusterStage> {
    const lab = openLab();
    const namespace = await lab.namespace(prefix);
    const gateway = await startGateway(lab);
    const stage = new ClusterStage(app, namespace, gateway);
    stage.place.write(files);
    await stage.run('start', '-d');
    stage.fnPort = Number(new URL((await stage.place.server()).fnUrl).port);
    stage.exposed = await lab.expose(stage.fnPort);
    lab.dns.set(FN_HOST, stage.exposed.address);
    return stage;
  }

  /** Writes fnmesh.yaml with the target `lab`, and others that differ from it in some lines. */
  targets(others: Record<string, Record<string, unknown>> = {}): void {
    const lab = {
      router: 'kubernetes',
      namespace: this.namespace,
      host: this.host,
      api: 'istio',
      gateway: 'istio-ingress/public',
      address: this.gateway.url,
      adminUrl: this.gateway.adminUrl,
      mesh: false,
      dns: this.lab.dns.address,
      drain: '1s',
      fn: { api: `http://127.0.0.1:${this.fnPort}`, invoke: `http://${FN_HOST}:${this.exposed.port}` },
    };
    const all: Record<string, object> = {};
    for (const [name, more] of Object.entries({ lab: {}, ...others })) all[name] = { ...lab, ...more };
    // JSON is YAML.
    this.place.write({ [`${this.app}/fnmesh.yaml`]: JSON.stringify({ targets: all }) });
  }

  /** Runs `fnmesh ARGS` in the app's folder. */
  run(...args: string[]) {
    return this.place.run(args, { cwd: this.app });
  }

  /** Runs it, and fails unless it ends with 0. */
  async ok(...args: string[]): Promise<string> {
    const ran = await this.run(...args);
    if (ran.code !== 0)
      throw new Error(`fnmesh ${args.join(' ')}: exit ${ran.code}\n${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }

  /** Runs it with `--json`. */
  json<T>(...args: string[]) {
    return this.place.json<T>(args, { cwd: this.app });
  }

  /** One request through the gateway, as any client makes it. */
  get(path: string, headers: Record<string, string> = {}, host = this.host): Promise<Reply> {
    const url = new URL(this.gateway.url);
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { host: url.hostname, port: url.port || 80, path, headers: { host, ...headers }, agent: false },
        (answer) => {
          let body = '';
          answer.setEncoding('utf8').on('data', (text: string) => (body += text));
          answer.on('error', reject);
          answer.on('end', () =>
            resolve({
              status: answer.statusCode ?? 0,
              version: answer.headers['fnmesh-version'] as string | undefined,
              callId: answer.headers['fn-call-id'] as string | undefined,
              body,
            }),
          );
        },
      );
      outgoing.on('error', reject).end();
    });
  }

  /** Writes a route object as anybody may do with kubectl: its JSON, without spaces, changed. */
  async editRoute(kind: string, name: string, change: (text: string) => string): Promise<void> {
    const { stdout } = await this.lab.kubectl(['-n', this.namespace, 'get', kind, name, '-o', 'json']);
    const { spec } = JSON.parse(stdout) as { spec: unknown };
    const patch = JSON.stringify({ spec: JSON.parse(change(JSON.stringify(spec))) as unknown });
    const args = ['-n', this.namespace, 'patch', kind, name, '--type=merge', '-p', patch];
    const { code, stderr } = await this.lab.kubectl(args);
    if (code !== 0) throw new Error(stderr);
  }

  /** Names of all objects on the cluster that fnmesh made for the app, in order. */
  async objects(): Promise<string[]> {
    const kinds =
      'deployments,services,configmaps,secrets,poddisruptionbudgets,horizontalpodautoscalers,networkpolicies,virtualservices,httproutes';
    const selector = `app.kubernetes.io/managed-by=fnmesh,fnmesh/app=${this.app}`;
    const { stdout } = await this.lab.kubectl([
      '-n',
      this.namespace,
      'get',
      kinds,
      '-l',
      selector,
      '-o',
      'name',
    ]);
    return stdout.split('\n').filter(Boolean).sort();
  }

  async close(): Promise<void> {
    await this.exposed.close();
    await this.gateway.stop();
    await this.place.close();
  }
}
