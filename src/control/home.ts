import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { FnmeshError, messageOf } from '../errors.js';

// A unix socket's path is limited by the kernel's sockaddr_un: 108 bytes on Linux, 104 on macOS, one for the end.
const SOCKET_PATH_LIMIT = process.platform === 'darwin' ? 103 : 107;

/**
 * The folder of the embedded server's state: FNMESH_HOME, else `fnmesh` in the XDG state folder.
 * @throws FnmeshError `usage` when FNMESH_HOME is not absolute, or too long for the control socket inside it.
 */
export function stateDir(env: NodeJS.ProcessEnv = process.env): string {
  const asked = env['FNMESH_HOME'];
  const xdg = env['XDG_STATE_HOME'];
  const dir = asked || join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.local', 'state'), 'fnmesh');
  if (!isAbsolute(dir)) {
    throw new FnmeshError('usage', `FNMESH_HOME must be an absolute path, not '${dir}'`, {
      try: `export FNMESH_HOME="$PWD/${dir}"`,
    });
  }
  const length = Buffer.byteLength(controlSocket(dir));
  if (length > SOCKET_PATH_LIMIT) {
    throw new FnmeshError(
      'usage',
      `the state folder's path is too long for a unix socket: ${dir}/control.sock has ${length} bytes, ${SOCKET_PATH_LIMIT} is the most`,
      { try: 'export FNMESH_HOME=/tmp/fnmesh-$USER' },
    );
  }
  return dir;
}

/** The file by which a server holds the state folder; it goes last when the server ends. */
export function lockFile(dir: string): string {
  return join(dir, 'server.pid');
}

/** The control socket's path inside the state folder. */
export function controlSocket(dir: string): string {
  return join(dir, 'control.sock');
}

/** The error for a state folder that the system does not let us use, with what to look at. */
export function cannot(what: 'read' | 'write to', dir: string, cause: unknown): FnmeshError {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  const why = code === 'ENOSPC' ? 'no space is left on its disk' : messageOf(cause);
  const way = WAYS_OUT[code];
  return new FnmeshError('failed', `Cannot ${what} the state in ${dir}: ${why}`, {
    cause,
    ...(way && { try: way(dir) }),
  });
}

const looked = (dir: string): string => `ls -ld ${dir}`;
const WAYS_OUT: Partial<Record<string, (dir: string) => string>> = {
  ENOSPC: (dir) => `df -h ${dir}`,
  EROFS: () => 'export FNMESH_HOME=/a/folder/of/yours',
  EACCES: looked,
  EPERM: looked,
  EEXIST: looked,
  ENOENT: looked,
  ENOTDIR: looked,
};
