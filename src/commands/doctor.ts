import { appName } from '../cli/app.js';
import { BaseCommand } from '../cli/command.js';
import { appFlag, targetFlags } from '../cli/flags.js';
import { doctorView } from '../cli/views/doctor.js';
import { stateDir } from '../control/home.js';
import { askedPorts, DEFAULT_FN_PORT, DEFAULT_GATEWAY_PORT } from '../control/ports.js';
import type { DoctorResult } from '../inspect/doctor.js';
import type { TargetFlags } from '../target/target.js';

/** `fnmesh doctor`: what this machine, or a target's cluster, has, and what that means. */
export default class Doctor extends BaseCommand {
  static override summary = 'Check what this machine has, or with --target what a cluster has and permits';
  static override description =
    'This machine: node, go, python, git, ports, state folder, server. A cluster: API server, CRDs, gateway, mesh, the Fn\n' +
    'server, permissions, and what is not as it shall be. Nothing is changed. Exit code 1 when something is wrong that\n' +
    'keeps fnmesh from its main job.';
  static override examples = ['<%= config.bin %> doctor', '<%= config.bin %> doctor --target prod'];
  static override flags = { ...targetFlags, app: appFlag };

  async run(): Promise<void> {
    const { flags } = await this.parse(Doctor);
    const isSaid = Object.values(flags).some((value) => typeof value === 'string');
    const result = isSaid || (await namesCluster(flags)) ? await this.ofTarget(flags) : await ofMachine();
    this.done(
      result,
      () => doctorView(result),
      result.checks.every(({ state }) => state !== 'fail'),
    );
  }

  private async ofTarget(flags: TargetFlags & { app?: string | undefined }): Promise<DoctorResult> {
    const { doctorFor } = await import('../compose-doctor.js');
    return doctorFor(flags, await appName(flags.app, this.emit), this.emit);
  }
}

/** Whether FNMESH_TARGET or fnmesh.yaml means a cluster; what is wrong with them is not this machine's fault. */
async function namesCluster(flags: TargetFlags): Promise<boolean> {
  const { isClusterNamed } = await import('../compose-choose.js');
  if (process.env['FNMESH_TARGET']) return isClusterNamed(flags);
  return isClusterNamed(flags).catch(() => false);
}

async function ofMachine(): Promise<DoctorResult> {
  const { doctor } = await import('../inspect/doctor.js');
  const ports = askedPorts({});
  return doctor(stateDir(), {
    fn: ports.fnPort ?? DEFAULT_FN_PORT,
    gateway: ports.gatewayPort ?? DEFAULT_GATEWAY_PORT,
  });
}
