// Keeps what proves who somebody is out of texts that are printed. Pure.

const SECRETS = [
  // A JSON Web Token: three parts in base64url, of which the first is a JSON object.
  /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g,
  /-----BEGIN [^-]+-----[\s\S]*?(-----END [^-]+-----|$)/g,
  /(?<=\b(?:bearer|basic) )[\w.~+/=-]{8,}/gi,
  // What stands before the @ of a URL.
  /(?<=:\/\/)[^/\s@]+(?=@)/g,
];

/** A text of somebody else's without tokens, keys, certificates and logins in URLs: each becomes `…`. */
export function withoutSecrets(text: string): string {
  return SECRETS.reduce((rest, secret) => rest.replace(secret, '…'), text);
}
