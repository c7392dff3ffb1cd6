// What a person may write as a server's address or as a registry, and the one form of it that fnmesh uses.

/** The usable form of a text, or what is wrong with it; the problem never repeats the text, which may hold a password. */
export type Written = { value: string } | { problem: string };

/**
 * Reads the base URL of a server: http or https, without credentials, query and fragment. Without a scheme it
 * is http, as Fn's tools read it (fnproject/fn_go, provider/provider.go: CanonicalFnAPIUrl), but the port is
 * not filled in. A path prefix is kept, a final slash is not.
 */
export function readAddress(text: string): Written {
  const written = text.trim();
  if (written === '') return { problem: 'is empty' };
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(written) ? written : `http://${written}`;
  if (!/^https?:/i.test(full)) return { problem: 'must start with http:// or https://' };
  const authority = /^https?:\/\/([^/?#]*)/i.exec(full)?.[1] ?? '';
  if (authority.includes('@')) {
    return { problem: 'must hold no user name or password: a token goes into FN_TOKEN' };
  }
  if (/[?#]/.test(full)) return { problem: 'must not hold "?" or "#"' };
  // URL readers drop tabs, turn "\" into "/", skip slashes before a host, and take a bare number for an address.
  if (authority === '' || /^\d+(:\d*)?$/.test(authority) || /[\s\\]/.test(full) || !URL.canParse(full)) {
    return { problem: 'is no URL such as http://localhost:8080' };
  }
  const url = new URL(full);
  return { value: url.origin + url.pathname.replace(/\/+$/, '') };
}

/** Reads what stands before image names, such as `registry.example.com/team`; a final slash is dropped. */
export function readRegistry(text: string): Written {
  const written = text.trim().replace(/\/+$/, '');
  if (written === '') return { problem: 'is empty' };
  if (written.includes('@')) {
    return { problem: 'must hold no user name or password: `docker login` keeps them' };
  }
  if (written.includes('://')) return { problem: 'must be without http:// or https://' };
  if (!/^[\w.:[\]-]+(\/[\w.-]+)*$/.test(written)) {
    return { problem: 'is no registry such as registry.example.com/team' };
  }
  return { value: written };
}
