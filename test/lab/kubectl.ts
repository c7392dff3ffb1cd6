// Real kubectl, with a kubeconfig.
import { spawn } from 'node:child_process';

/** What a program printed and how it ended. */
export type Ran = { code: number; stdout: string; stderr: string };

/** Runs kubectl and gives what it printed, whatever its exit code. */
export function ranKubectl(
  program: string,
  args: readonly string[],
  kubeconfig: string,
  input = '',
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, KUBECONFIG: kubeconfig };
    const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
