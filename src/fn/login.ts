// Logins in addresses, which are shown nowhere. Pure.

/**
 * A text whose URLs have lost what may be a user name and password: everything before the last `@` of each.
 * @param text An address such as an app's `syslog_url`, or a sentence with one in it.
 */
export function withoutLogin(text: string): string {
  return text.replace(/:\/\/[^\s"']*@/g, '://');
}
