// Which of two things an undo takes back first: a deploy, of which the Fn server tells, or a shift, of which the router does.

/**
 * Whether the newest deploy comes after the newest shift. Each time is that of the clock of the machine which wrote it:
 * where two machines' clocks differ by more than lies between the two changes, the order is wrong, and `undo --dry-run`
 * shows it. A deploy's time is that of its start, so of one moment the shift is the newer.
 * @param deploy `at` as RFC 3339, as is the shift's; null: there is none to undo.
 */
export function isDeployNewest<Deploy extends { at: string }>(
  deploy: Deploy | null,
  shift: { at: string } | undefined,
): deploy is Deploy {
  if (deploy === null) return false;
  // Servers write RFC 3339 with and without a fraction, so that the texts do not compare.
  return shift === undefined || Date.parse(deploy.at) > Date.parse(shift.at);
}
