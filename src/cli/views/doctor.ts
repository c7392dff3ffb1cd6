import type { DoctorResult } from '../../inspect/doctor.js';
import { table } from '../table.js';

/** `fnmesh doctor`: a row per check. */
export function doctorView(result: DoctorResult): string {
  return table(
    ['check', 'state', 'found', 'what it means'],
    result.checks.map((check) => [check.name, check.state, check.found, check.means]),
  );
}
