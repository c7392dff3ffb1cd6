// Which host names lead to this machine and nowhere else.

/**
 * Whether a host name is this machine's loopback, so that nobody else can read what is sent there: `localhost`, names
 * under `.localhost` (RFC 6761, 6.3), 127.0.0.0/8, `[::1]`.
 * @param hostname Without a port, and IPv6 in brackets, as `URL.hostname` has it.
 */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\]|.*\.localhost)$/i.test(hostname);
}
