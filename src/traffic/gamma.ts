// The regularised incomplete gamma function, which is the tail of the chi-square distribution.

/**
 * The probability that a chi-square variable with `degrees` degrees of freedom is at least `statistic`.
 */
export function chiSquareTail(statistic: number, degrees: number): number {
  return upperGamma(degrees / 2, statistic / 2);
}

/**
 * Q(a, x) = Γ(a, x) / Γ(a) for a > 0: the series of 1 − Q below x = a + 1, the continued fraction above, where each
 * converges fast (Abramowitz and Stegun 6.5.29 and 6.5.31). Good to about twelve digits.
 */
export function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  return x < a + 1 ? 1 - scale * lowerSeries(a, x) : scale * upperFraction(a, x);
}

/** Σ xⁿ / (a (a+1) … (a+n)) */
function lowerSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; term > sum * Number.EPSILON; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return sum;
}

/** 1 / (x+1−a − 1(1−a) / (x+3−a − 2(2−a) / (x+5−a − …))), from the left by Lentz's method. */
function upperFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = Infinity;
  let d = 1 / b;
  let value = d;
  for (let n = 1, factor = 0; Math.abs(factor - 1) > 4 * Number.EPSILON && n < 10_000; n++) {
    const numerator = -n * (n - a);
    b += 2;
    d = 1 / (b + numerator * d);
    c = b + numerator / c;
    factor = c * d;
    value *= factor;
  }
  return value;
}

/** ln Γ(x) for x > 0: Stirling's series from 20 on, where four terms give all digits, reached by Γ(x+1) = xΓ(x). */
export function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  for (; z < 20; z++) shift += Math.log(z);
  const square = 1 / (z * z);
  const series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / z;
  return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series - shift;
}
