// `npm run lab:cluster`: the lab with all that README's section "On Kubernetes" speaks of, and a shell in it.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { sectionOf } from '../helpers/readme-steps.js';
import { startLab } from './lab.js';
import { readmeSettings, readmeStage } from './readme-stage.js';

const lab = await startLab();
const stage = await readmeStage(lab);
const folder = mkdtempSync(join(tmpdir(), 'fnmesh-lab-'));
writeFileSync(join(folder, 'fnmesh.yaml'), readmeSettings(sectionOf('On Kubernetes'), stage));
mkdirSync(join(folder, 'bin'));
symlinkSync(resolve('bin/run.js'), join(folder, 'bin', 'fnmesh'));
symlinkSync(resolve('bin/run.js'), join(folder, 'bin', 'kubectl-fnmesh'));
process.stdout.write(
  'A cluster of its own, until you leave this shell:\n' +
    '  fnmesh init hello-app --runtime go && cd hello-app && cp ../fnmesh.yaml .\n' +
    '  kubectl create namespace hello\n' +
    '  fnmesh deploy --all --target prod\n',
);
const shell = spawn(process.env['SHELL'] ?? 'bash', [], {
  cwd: folder,
  stdio: 'inherit',
  env: {
    ...process.env,
    KUBECONFIG: stage.kubeconfig,
    PATH: `${join(folder, 'bin')}:${process.env['PATH']}`,
  },
});
// Ctrl-C is for what runs in the shell.
process.on('SIGINT', () => undefined);
await new Promise((done) => shell.once('close', done));
await stage.close();
await lab.stop();
rmSync(folder, { recursive: true, force: true });
