import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/command.js';
import { dryRunFlag, targetFlags, yesFlag } from '../../cli/flags.js';
import { confirm } from '../../cli/prompt.js';

import { installView } from '../../cli/views/install.js';
import { chosenCluster, clusterOf } from '../../compose-choose.js';
import { FN_DEFAULTS, parseSecretKey } from '../../kubernetes/install/options.js';

/** `fnmesh install fn`: Fn itself on a cluster. */
export default class InstallFn extends BaseCommand {
  static override summary = 'Bring Fn itself onto a cluster: API server, load balancers, runners, storage';
  static override description =
    'Shows what would be made and asks. Runners bring a container engine of their own and are privileged; nothing else is.\n' +
    'The Fn API knows no login: it is reachable only inside the cluster, from the namespaces that are named.';
  static override examples = [
    '<%= config.bin %> install fn --render > fn.yaml',
    '<%= config.bin %> install fn --target prod --calls-from hello',
    '<%= config.bin %> install fn --context my-cluster --into fn --make-namespace --dry-run',
  ];
  static override flags = {
    ...targetFlags,
    into: Flags.string({
      description: 'the namespace that Fn goes to',
      default: FN_DEFAULTS.namespace,
      helpValue: 'NAME',
    }),
    name: Flags.string({
      description: 'what the names of its objects begin with',
      default: FN_DEFAULTS.name,
      helpValue: 'NAME',
    }),
    'make-namespace': Flags.boolean({ description: 'make the namespace too', default: false }),
    'calls-from': Flags.string({
      description: "namespace whose Pods may call functions: the proxies' (default: the target's)",
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME',
    }),
    'api-from': Flags.string({
      description: 'namespace whose Pods may use the Fn API',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME',
    }),
    'server-image': Flags.string({
      description: "Fn's image, best with its digest",
      default: FN_DEFAULTS.images.server,
      helpValue: 'IMAGE',
    }),
    'engine-image': Flags.string({
      description: "the runners' container engine: an image of Docker in Docker",
      default: FN_DEFAULTS.images.engine,
      helpValue: 'IMAGE',
    }),
    runners: Flags.integer({
      description: 'how many runners',
      default: FN_DEFAULTS.replicas.runner,
      min: 1,
      helpValue: 'N',
    }),
    database: Flags.string({
      description: 'SECRET/KEY that holds FN_DB_URL of a MySQL or PostgreSQL (default: SQLite on a volume)',
      helpValue: 'SECRET/KEY',
    }),
    'registry-login': Flags.string({
      description: 'SECRET/KEY that holds a Docker config.json for private registries',
      helpValue: 'SECRET/KEY',
    }),
    render: Flags.boolean({ description: 'print the objects as YAML and touch nothing', default: false }),
    yes: yesFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(InstallFn);
    const { renderFn } = await import('../../kubernetes/install/fn.js');
    const { cluster: settings } = await chosenCluster(flags);
    const own = settings.namespace === null ? [] : [settings.namespace.value];
    const install = renderFn({
      ...FN_DEFAULTS,
      namespace: flags.into,
      name: flags.name,
      makeNamespace: flags['make-namespace'],
      images: { server: flags['server-image'], engine: flags['engine-image'] },
      replicas: { ...FN_DEFAULTS.replicas, runner: flags.runners },
      clusterDomain: settings.clusterDomain,
      callsFrom: flags['calls-from'] ?? own,
      apiFrom: flags['api-from'] ?? [],
      storage:
        flags.database === undefined
          ? FN_DEFAULTS.storage
          : { kind: 'secret', url: parseSecretKey(flags.database, '--database') },
      registryLogin:
        flags['registry-login'] === undefined
          ? null
          : parseSecretKey(flags['registry-login'], '--registry-login'),
    });
    if (flags.render) {
      const { documents } = await import('../../kubernetes/render/files.js');
      return this.done(install, () => documents(install.objects));
    }
    const { planInstall, applyInstall } = await import('../../kubernetes/install/apply.js');
    const cluster = await clusterOf(settings, this.emit);
    try {
      const plan = await planInstall(install, cluster);
      const text = installView(plan, cluster.identity, true);
      if (flags['dry-run']) return this.done(plan, () => text);
      if (plan.changes.length > 0 && !flags.yes) {
        this.emit({ type: 'note', text });
        if (!(await confirm('Install this?', flags.yes, this.line)))
          return this.done({ ...plan, changes: [] }, () => 'nothing was changed');
      }
      const done = await applyInstall(install, cluster, this.emit);
      this.done(done, () => installView(done, cluster.identity, false));
    } finally {
      cluster.close();
    }
  }
}
