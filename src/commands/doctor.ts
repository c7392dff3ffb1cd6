import { BaseCommand } from '../cli/command.js';
import { doctorView } from '../cli/views/doctor.js';
import { stateDir } from '../control/home.js';
import { askedPorts, DEFAULT_FN_PORT, DEFAULT_GATEWAY_PORT } from '../control/ports.js';

/** `fnmesh doctor`: what this machine has, and what that means. */
export default class Doctor extends BaseCommand {
  static override summary = 'Check what this machine has: node, go, python, git, ports, state folder, server';
  static override description = 'Exit code 1 when something is wrong that keeps fnmesh from its main job.';
  static override examples = ['<%= config.bin %> doctor'];

  async run(): Promise<void> {
    await this.parse(Doctor);
    const { doctor } = await import('../inspect/doctor.js');
    const ports = askedPorts({});
    const result = await doctor(stateDir(), {
      fn: ports.fnPort ?? DEFAULT_FN_PORT,
      gateway: ports.gatewayPort ?? DEFAULT_GATEWAY_PORT,
    });
    this.done(
      result,
      () => doctorView(result),
      result.checks.every(({ state }) => state !== 'fail'),
    );
  }
}
