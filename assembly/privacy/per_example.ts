// Clipping of every example's gradient by its norm alone: factors from squared norms, then the output gradients scaled by row,
// so that one weighted backward product gives the clipped sum and no example's gradient is ever in memory.
import { scale_f32 } from "../linalg/vector";

/**
 * factors_i <- min(1, c / sqrt(norms_i)) rounded down. Returns how many norms were not finite (or negative): their factor is 0.
 *
 * m  examples    c > 0 finite    norms: m x f64, squared L2 norms    factors: m x f32, disjoint
 * Promise: factors_i sqrt(norms_i), computed in f64, never exceeds c: where the quotient was rounded up past it, the factor is the next f32 below.
 * sqrt(norms_i) <= c gives exactly 1, a zero norm too. A quotient below 2^-150 gives 0. Numerics: same bits in every build.
 * Source: Goodfellow 2015 (arXiv:1510.01799); Abadi et al. 2016 (arXiv:1607.00133), algorithm 1; Lee and Kifer 2020 (arXiv:2009.03106).
 */
export function clip_factors_f64_f32(m: usize, c: f64, norms: usize, factors: usize): usize {
  let bad: usize = 0;
  for (let i: usize = 0; i < m; i++) {
    const norm = f64.sqrt(load<f64>(norms + (i << 3)));
    let f: f32 = 1;
    if (!(norm < Infinity)) {
      f = 0;
      bad++;
    } else if (norm > c) {
      f = <f32>(c / norm);
      if (<f64>f * norm > c) f = reinterpret<f32>(reinterpret<u32>(f) - 1);
    }
    store<f32>(factors + (i << 2), f);
  }
  return bad;
}

/**
 * Y_i <- factors_i X_i. m rows of n f32; factors: m x f32; y: m x n f32, may be x.
 * A factor of 0 makes the row +0 even where X_i holds NaN or Inf, so a broken example adds nothing; a factor of 1 leaves the bits; one rounding else.
 * Numerics: same bits in every build. Source: Li et al. 2021 (arXiv:2110.05679), section 4; Lee and Kifer 2020 (arXiv:2009.03106).
 */
export function scale_rows_f32(m: usize, n: usize, factors: usize, x: usize, y: usize): void {
  for (let i: usize = 0; i < m; i++) {
    const f = load<f32>(factors + (i << 2)), xi = x + ((i * n) << 2), yi = y + ((i * n) << 2);
    if (f == 0) memory.fill(yi, 0, n << 2);
    else if (f == 1) memory.copy(yi, xi, n << 2);
    else scale_f32(n, f, xi, yi);
  }
}
