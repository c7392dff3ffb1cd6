// One container of a Pod as a real process: in the Pod's network namespace, with mounts, a process tree and a root
// of its own, as the Pod's user and without capabilities. Its image is Debian's nginx.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ContainerSpec, PodSpec } from './pod-types.js';

const run = promisify(execFile);

/** What a container needs of its Pod. */
export type ContainerSetup = {
  pod: PodSpec;
  container: ContainerSpec;
  env: Record<string, string>;
  /** A folder of the container's own. */
  dir: string;
  /** The process that holds the Pod's network namespace. */
  sandbox: number;
  /** Volume name → its folder on this machine. */
  volumes: Record<string, string>;
  nginx: string;
};

/** A running container. */
export type Container = {
  /** Exit code when it ended by itself, 128 + the signal's number when it was killed. */
  ended: Promise<number>;
  signal(name: 'SIGQUIT' | 'SIGKILL'): void;
  /** Runs a command inside it; rejects when that fails. */
  exec(command: string[]): Promise<void>;
  /** The main process, as this namespace counts. */
  pid(): number | null;
};

/** Starts a container. What it prints goes to the file `log` of its folder. */
export function startContainer(setup: ContainerSetup): Container {
  const { dir, sandbox } = setup;
  const log = join(dir, 'log');
  const script = join(dir, 'start.sh');
  writeFileSync(script, startScript(setup));
  // nginx opens /dev/stdout anew, as its own user.
  const output = openSync(log, 'a');
  chmodSync(log, 0o666);
  const inside = [
    'unshare',
    '--mount',
    '--propagation=private',
    '--pid',
    '--fork',
    '--kill-child',
    'sh',
    script,
  ];
  const child = spawn('nsenter', [`--net=/proc/${sandbox}/ns/net`, ...inside], {
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const ended = new Promise<number>((resolve) => {
    child.on('error', () => resolve(128));
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 143)));
  });
  const pid = (): number | null => mainProcess(child);
  return {
    ended,
    pid,
    signal: (name) => {
      // unshare takes its child with it; a signal that nginx shall handle must go to nginx itself.
      const target = name === 'SIGKILL' ? (child.pid ?? null) : pid();
      try {
        if (target !== null) process.kill(target, name);
      } catch {
        // It has ended meanwhile.
      }
    },
    exec: async (command) => {
      await run('nsenter', ['-t', String(pid()), '-m', '-n', '-p', '-r', '-w', '--', ...command]);
    },
  };
}

function mainProcess({ pid }: ChildProcess): number | null {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return first ? Number(first) : null;
  } catch {
    return null;
  }
}

/** What the new process tree does first: lay out the container's root, give up its rights, become the command. */
function startScript({ pod, container, env, dir, volumes, nginx }: ContainerSetup): string {
  const context = { ...pod.securityContext, ...container.securityContext };
  const root = join(dir, 'root');
  const [user, group] = [context.runAsUser ?? 101, context.runAsGroup ?? 101];
  const mounts = (container.volumeMounts ?? []).map(({ name, mountPath, subPath, readOnly }) => {
    const from = quoted(subPath === undefined ? volumes[name]! : join(volumes[name]!, subPath));
    const to = quoted(join(root, mountPath));
    const writable = pod.volumes?.find((volume) => volume.name === name)?.emptyDir && !readOnly;
    return `
if [ -d ${from} ]; then mkdir -p ${to}; else mkdir -p "$(dirname ${to})"; touch ${to}; fi
mount --bind ${from} ${to}${writable ? '' : `\nmount -o remount,bind,ro ${to}`}`;
  });
  const command = container.command
    ? [...container.command, ...(container.args ?? [])]
    : (container.args ?? ['nginx', '-g', 'daemon off;']);
  const variables = Object.entries({ PATH: '/image:/usr/sbin:/usr/bin:/sbin:/bin', ...env });
  return `set -eu
mkdir -p ${quoted(root)}
mount -t tmpfs -o mode=755 container ${quoted(root)}
cd ${quoted(root)}
mkdir usr etc etc/nginx etc/ssl dev proc run image tmp var var/run var/cache var/cache/nginx var/log var/log/nginx
chmod 1777 tmp
chown ${user}:${group} var/cache/nginx var/log/nginx
mount --bind /usr usr
mount -o remount,bind,ro usr
mount --bind /etc/ssl etc/ssl
mount -o remount,bind,ro etc/ssl
for name in bin sbin lib lib64; do
  if [ -L /$name ]; then ln -s usr/$name $name; elif [ -d /$name ]; then mkdir $name; mount --bind /$name $name; fi
done
touch image/nginx
mount --bind ${quoted(nginx)} image/nginx
printf 'root:x:0:0::/:/bin/false\\nnginx:x:101:101::/:/bin/false\\n' >etc/passwd
printf 'root:x:0:\\nnginx:x:101:\\n' >etc/group
printf 'types { text/html html; application/json json; }\\n' >etc/nginx/mime.types
for name in null zero random urandom; do touch dev/$name; mount --bind /dev/$name dev/$name; done
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t proc proc proc
${mounts.join('')}
${context.readOnlyRootFilesystem ? `mount -o remount,ro ${quoted(root)}` : ''}
exec env -i ${variables.map(([name, value]) => quoted(`${name}=${value}`)).join(' ')} \\
  chroot ${quoted(root)} setpriv --reuid=${user} --regid=${group} --clear-groups --no-new-privs \\
  --inh-caps=-all --bounding-set=-all -- ${command.map(quoted).join(' ')}
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
