// Kubernetes quantities: `500m`, `0.5`, `1Gi`.

const FORM = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E))?$/;
const DECIMAL: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY: readonly string[] = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/**
 * The number that a quantity stands for: `500m` → 0.5, `1Ki` → 1024; null when it is none
 * (Kubernetes 1.36, k8s.io/apimachinery/pkg/api/resource).
 */
export function quantityOf(text: string | number): number | null {
  const [, digits, exponent, suffix] = FORM.exec(String(text)) ?? [];
  if (digits === undefined) return null;
  if (suffix !== undefined && BINARY.includes(suffix))
    return Number(digits) * 1024 ** (BINARY.indexOf(suffix) + 1);
  // Read as a decimal text: 500 * 10 ** -3 would not be 0.5 for every number of digits.
  return Number(`${digits}${exponent ?? (suffix === undefined ? '' : `e${DECIMAL[suffix]}`)}`);
}
