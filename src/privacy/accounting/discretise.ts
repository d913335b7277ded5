// Privacy loss distributions on a grid, by connecting the dots (Doroshenko et al. 2022, arXiv:2207.04380). See docs/derivations/pld.md.
import type { Loss } from "./loss.ts";

/** Masses under P of the losses (first + i) step, and of an infinite loss: together they dominate the pair they were made from. */
export interface LossGrid {
  readonly step: number;
  readonly first: number;
  readonly mass: Float64Array<ArrayBuffer>;
  readonly infinity: number;
  /** Variance of the finite losses. */
  readonly variance: number;
}

/** Both directions of add-remove: P with the unit against Q without it, and the reverse; the same grid twice for a symmetric pair. */
export interface LossGrids {
  readonly remove: LossGrid;
  readonly add: LossGrid;
}

/** More cells than this are not made: the step grows instead, and the answer with it. */
const MAX_CELLS = 2 ** 20;
/** Covers the error of the tails: they are taken larger or smaller by this, whichever is worse for privacy. */
const ROUNDING = 2 ** -48;

/**
 * The loss when the unit takes part with probability `rate`: P = (1 - rate) Q0 + rate P0 against Q = Q0, (P0, Q0) being the pair of `loss`.
 * Masses whose delta is below `cut` at either end are given up as infinite losses.
 * @returns undefined when the loss is too large for any grid
 */
export function discretise(loss: Loss, rate: number, step: number, cut: number): LossGrids | undefined {
  const tail = new Float64Array(3);
  // The deltas of both directions at losses l >= 0: rate delta0(m), and rate e^(l - n) delta0(n) where -l comes from -n.
  const removeDelta = (l: number) => {
    loss.above(baseLoss(l, rate), tail);
    return rate * (tail[0]! - tail[2]!);
  };
  const addDelta = (l: number) => {
    const n = -baseLoss(-l, rate);
    if (n === Infinity) return 0;
    loss.above(n, tail);
    return rate * Math.exp(l - n) * (tail[0]! - tail[2]!);
  };
  const symmetric = rate === 1;
  const high = quantile(removeDelta, cut);
  const low = symmetric ? high : quantile(addDelta, cut);
  if (!(high + low < 1e7)) return undefined;
  const h = Math.max(step, (high + low) / MAX_CELLS);
  const last = Math.max(1, Math.ceil(high / h));
  const first = -Math.max(1, Math.ceil(low / h));
  const count = last - first + 1;
  const remove = new Float64Array(count);
  const shrink = Math.exp(-h);
  const split = -Math.expm1(-h);

  // At grid point l: P and e^l Q of the losses above it for a base loss >= 0, of those below it otherwise.
  const at = (index: number, out: Float64Array): boolean => {
    const l = index * h;
    const m = baseLoss(l, rate);
    if (m >= 0) {
      loss.above(m, tail);
      out[0] = ((1 - rate) * tail[1]! + rate * tail[0]!) * (1 + ROUNDING);
      out[1] = ((1 - rate) * tail[1]! + rate * tail[2]!) * (1 - ROUNDING);
      return true;
    }
    if (m === -Infinity) tail.fill(0);
    else loss.above(-m, tail);
    out[0] = ((1 - rate) * tail[0]! + rate * tail[1]!) * (1 - ROUNDING);
    out[1] = Math.exp(l) * tail[0]! * (1 + ROUNDING);
    return false;
  };

  let here = new Float64Array(2);
  let next = new Float64Array(2);
  let above = at(first, here);
  const [belowP, belowQ] = [here[0]!, here[1]!];
  for (let i = 0; i + 1 < count; i++) {
    const nextAbove = at(first + i + 1, next);
    // The masses of the cell (l, l + h] under P, and under Q times e^l.
    let p = next[0]! - here[0]!;
    let q = shrink * next[1]! - here[1]!;
    if (above) {
      p = -p;
      q = -q;
    } else if (nextAbove) {
      p = 1 - here[0]! - next[0]!;
      q = Math.exp((first + i) * h) - here[1]! - shrink * next[1]!;
    }
    // Two masses at its ends that keep both.
    p = Math.max(p, 0);
    const right = Math.min(Math.max((p - q) / split, 0), p);
    remove[i]! += p - right;
    remove[i + 1]! += right;
    const free = here;
    here = next;
    next = free;
    above = nextAbove;
  }
  const [aboveP, aboveQ] = [here[0]!, here[1]!];
  const add = symmetric ? remove : remove.map((mass, i) => mass * Math.exp(-(first + i) * h)).reverse();
  // The ends: what lies below moves up to the first point, what lies above keeps its delta as infinite.
  remove[0]! += belowP;
  remove[count - 1]! += aboveQ;
  const removed = grid(h, first, remove, Math.max(aboveP - aboveQ, 0));
  if (symmetric) return { remove: removed, add: removed };
  const scale = Math.exp(-first * h);
  add[0]! += aboveQ * Math.exp(-last * h);
  add[count - 1]! += belowP * scale;
  return { remove: removed, add: grid(h, -last, add, Math.max((belowQ - belowP) * scale, 0)) };
}

/** The loss of the base pair where the sampled pair has loss l: (1 - rate) + rate e^m = e^l. */
function baseLoss(l: number, rate: number): number {
  if (rate === 1) return l;
  if (l > 30) return l - Math.log(rate) + Math.log1p(-(1 - rate) * Math.exp(-l));
  const y = Math.expm1(l) / rate;
  return y > -1 ? Math.log1p(y) : -Infinity;
}

/** A loss, not much too large, above which delta is at most `cut`. */
function quantile(delta: (l: number) => number, cut: number): number {
  if (delta(0) <= cut) return 0;
  let high = 1e-6;
  while (delta(high) > cut) {
    high *= 2;
    if (high > 1e7) return Infinity;
  }
  let low = high / 2;
  for (let i = 0; i < 12; i++) {
    const middle = (low + high) / 2;
    if (delta(middle) > cut) low = middle;
    else high = middle;
  }
  return high;
}

/** Masses too small to weigh against, at the top, count as infinite: a tilt would make them, and then everything below, vanish. */
const NEGLIGIBLE = 1e-280;

function grid(step: number, first: number, masses: Float64Array<ArrayBuffer>, infinity: number): LossGrid {
  let top = masses.length;
  while (masses[top - 1]! < NEGLIGIBLE) infinity += masses[--top]!;
  const mass = masses.slice(0, top);
  let [mean, square] = [0, 0];
  for (let i = 0; i < top; i++) {
    const l = (first + i) * step;
    mean += mass[i]! * l;
    square += mass[i]! * l * l;
  }
  return { step, first, mass, infinity, variance: Math.max(square - mean * mean, 0) };
}
