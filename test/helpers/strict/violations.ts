// What would have broken a real Fn server, or what it would have stored by mistake (seen with fnproject/fn 0.3.753).
import { isId } from '../../../src/fn/sendable.js';
import type { Ask } from './api.js';

/** Everything about a request that must never be sent, one line each. */
export function violationsOf({ method, path, query, body }: Ask): string[] {
  const where = `${method} ${path.slice(0, 80)}`;
  const found: string[] = [];
  const id = /^\/v2\/(?:apps|fns|triggers)\/([^/]+)/.exec(path)?.[1];
  const ids = [id, query.get('app_id'), query.get('fn_id')].filter((each) => typeof each === 'string');
  for (const each of ids) if (!isId(each)) found.push(`${where}: ${each.slice(0, 40)} is no id`);
  const sent = parsed(body);
  for (const [key, value] of Object.entries(sent.annotations ?? {})) {
    if (value === null) found.push(`${where}: annotation ${key} is null`);
    if (key.startsWith('fnproject.io/')) found.push(`${where}: annotation ${key} is the server's own`);
  }
  if (sent.id !== undefined) found.push(`${where}: the body has an id`);
  if (method === 'PUT') {
    for (const key of ['name', 'app_id', 'created_at', 'updated_at']) {
      if (key in sent) found.push(`${where}: the body has ${key}`);
    }
  }
  return found;
}

/** Whether the real server's process ends on such a path. */
export function isDeadly(path: string): boolean {
  const id = /^\/v2\/(?:apps|fns|triggers)\/([^/]+)/.exec(path)?.[1] ?? '';
  return id.length >= 256 || /[^ -~]/.test(id);
}

function parsed(body: string): { id?: unknown; annotations?: Record<string, unknown> } {
  try {
    return (JSON.parse(body) as object | null) ?? {};
  } catch {
    return {};
  }
}
