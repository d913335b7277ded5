// Tree aggregation: running sums of a stream of rounds, whose noise grows with the logarithm of their number. docs/derivations/tree.md.
//
// Node (l, k) covers the 2^l rounds k 2^l + 1 .. (k + 1) 2^l and has noise of its own, drawn from fork(l, k) of the key. The first t rounds
// are covered by one node for every bit of t. All noise is integer, so that sums of nodes are exact and stay on the grid.
import { checkChoice, checkNumber, checkOptions, checkTensor } from "../engine/check.ts";
import type { Engine } from "../engine/engine.ts";
import { DisposedError, EngineMismatchError, PrivacyError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { Nodes, type RoundNoiseOptions } from "./round_noise.ts";

export type TreeMethod = "plain" | "efficient";
const METHODS = ["plain", "efficient"] as const satisfies readonly TreeMethod[];

export interface TreeNoiseOptions extends RoundNoiseOptions {
  /**
   * "plain" (default): the noise of a prefix is the sum of its nodes; no state but the step, about two draws a round.
   * "efficient": every node's own noise is averaged with that of its descendants (Honaker 2015, from below): less noise for the same privacy;
   * keeps 8 bytes a number for every bit of the step, two draws a round, and resuming draws everything again once.
   */
  readonly method?: TreeMethod;
}

/** A million rounds: with node noise below 2^28 every sum here is below 2^53 and so exact. */
const MAX_STEPS = 2 ** 20;
const MAX_NODE_NOISE = 2 ** 28;

/** Noise for a stream of rounds. Made by {@link createTreeNoise}. Dispose of it when done: it holds noise. */
export class TreeNoise {
  readonly engine: Engine;
  readonly size: number;
  readonly method: TreeMethod;
  /** False when the key came from a seed. */
  readonly private: boolean;
  readonly #nodes: Nodes;
  /** Of the efficient method, by level: sum over the node's descendants at depth i of 2^(l - i) times their noise. Integers. */
  #blocks: Map<number, Float64Array> | undefined = new Map();
  #step = 0;

  /** @internal Use createTreeNoise(). */
  constructor(nodes: Nodes, method: TreeMethod) {
    this.engine = nodes.engine;
    this.size = nodes.size;
    this.method = method;
    this.private = nodes.stream.private;
    this.#nodes = nodes;
  }

  /** Rounds done. With the key it is all there is to store. */
  get step(): number {
    return this.#step;
  }

  /**
   * x <- x + N_t - N_(t-1) for the next round t, N_t the noise of the prefix of t rounds and N_0 = 0: the sum of the first t results is the
   * sum of the first t rounds plus N_t. Modulo 2^32.
   * @param x the round's sum of clipped contributions, integers on the grid
   * @throws {@link PrivacyError} after 2^20 rounds; x and the step are unchanged
   */
  next(x: Tensor<"i32">): Tensor<"i32"> {
    const op = "treeNoise.next";
    this.#check(op, "x", x);
    const t = this.#step + 1;
    if (t > MAX_STEPS) throw new PrivacyError(`${op}: expected at most ${MAX_STEPS} rounds, got another; start a new tree`);
    if (this.method === "plain") {
      const [gone, come] = [coverOf(t - 1), coverOf(t)];
      const shared = gone.findIndex(([l]) => l < come.at(-1)![0]);
      this.#nodes.with(come.slice(-1), (added) => {
        this.#nodes.with(shared < 0 ? [] : gone.slice(shared), (removed) => {
          const [a, b, out] = [added.view, removed.view, x.view];
          for (let i = 0; i < out.length; i++) out[i] = out[i]! + a[i]! - b[i]!;
        });
      });
    } else this.#grow(t, x);
    this.#step = t;
    return x;
  }

  /**
   * out <- N_t, drawn again from the key: popcount(t) nodes for "plain", all 2 t for "efficient". The step stays.
   * @param t rounds of the prefix, 0 to the step: noise of rounds to come is nobody's to see
   */
  prefix(t: number, out: Tensor<"i32">): Tensor<"i32"> {
    const op = "treeNoise.prefix";
    checkNumber(op, "t", t, { min: 0, max: this.#step, integer: true });
    this.#check(op, "out", out);
    if (this.method === "plain") {
      this.#nodes.with(coverOf(t), (sum) => out.view.set(sum.view));
      return out;
    }
    const again = new TreeNoise(this.#nodes, "efficient");
    this.#nodes.with([], (sum) => {
      try {
        again.skip(t, sum);
      } finally {
        again.dispose();
      }
      out.view.set(sum.view);
    });
    return out;
  }

  /** @internal Does the noise of t rounds, added to x where one is given. */
  skip(t: number, x?: Tensor<"i32">): void {
    if (this.method === "efficient") for (let step = 1; step <= t; step++) this.#grow(step, x);
    this.#step = t;
  }

  /** Wipes and frees; the noise cannot be used afterwards. The stream stays its owner's. */
  dispose(): void {
    for (const block of this.#blocks?.values() ?? []) block.fill(0);
    this.#blocks = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * Round t of the efficient method. Of a node of level l, block_l = 2^l own + block_(l-1) of its left + of its right half, and its share of
   * the noise is block_l / (2^(l+1) - 1), rounded: 2^-i weighs the descendants at depth i, whose sum has 2^i times the variance.
   */
  #grow(t: number, x?: Tensor<"i32">): void {
    const blocks = this.#blocks!;
    const level = trailingZeros(t);
    const block = new Float64Array(this.size);
    for (let l = 0; l <= level; l++) {
      const left = l > 0 ? blocks.get(l - 1)! : undefined;
      this.#nodes.with([[l, t / 2 ** l - 1]], (own) => {
        const noise = own.view;
        for (let i = 0; i < block.length; i++) {
          if (Math.abs(noise[i]!) > MAX_NODE_NOISE) throw new PrivacyError(`treeNoise: expected noise of a node within 2^28, got ${noise[i]}`);
          block[i] = block[i]! + 2 ** l * noise[i]! + (left ? left[i]! : 0);
        }
      });
    }
    if (x) {
      const out = x.view;
      for (let i = 0; i < out.length; i++) {
        let change = share(block[i]!, level);
        for (let l = 0; l < level; l++) change -= share(blocks.get(l)![i]!, l);
        out[i] = out[i]! + change;
      }
    }
    for (let l = 0; l < level; l++) {
      blocks.get(l)!.fill(0);
      blocks.delete(l);
    }
    blocks.set(level, block);
  }

  #check(op: string, name: string, x: Tensor<"i32">): void {
    if (!this.#blocks) throw new DisposedError(`${op}: expected live noise, got one that was disposed`);
    checkTensor(op, name, x, "i32", { size: this.size });
    if (x.engine !== this.engine)
      throw new EngineMismatchError(`${op}: expected ${name} in the engine of the noise, got a tensor of another`, { argument: name });
  }
}

/** The nodes that cover rounds 1 .. t: one for every bit of t, the highest first. */
function coverOf(t: number): (readonly [level: number, index: number])[] {
  const cover: [number, number][] = [];
  for (let l = 31; l >= 0; l--) if ((t >>> l) & 1) cover.push([l, (t >>> l) - 1]);
  return cover;
}

const trailingZeros = (t: number): number => 31 - Math.clz32(t & -t);

/** block / (2^(l+1) - 1) rounded to the nearest integer, exactly. The divisor is odd, so there are no ties. */
function share(block: number, l: number): number {
  const divisor = 2 ** (l + 1) - 1;
  let quotient = Math.floor(block / divisor);
  let rest = block - quotient * divisor;
  if (rest < 0)
    [quotient, rest] = [quotient - 1, rest + divisor]; // the division rounds
  else if (rest >= divisor) [quotient, rest] = [quotient + 1, rest - divisor];
  return 2 * rest > divisor ? quotient + 1 : quotient;
}

/**
 * Noise for the running sums of a stream of rounds without amplification by sampling (DP-FTRL). One round in which a client takes part
 * moves every node above it: {@link treeEvents} says what that costs.
 * @param options size, noise of a node, stream, method, step
 * @throws {@link ParameterError} naming the option; {@link PrivacyError} for a stream that is a fork
 * Source: Dwork et al. 2010, Chan et al. 2011; Kairouz et al. 2021 (arXiv:2103.00039), algorithm 1 and appendix B; Honaker 2015.
 * @example
 * const grid = gaussianGrid({ sigma: 4, clipNorm: 1, size: model.size });
 * const noise = createTreeNoise(engine, { size: model.size, noise: grid, stream: await job.stream({ role: "noise" }) });
 * noise.next(sum); // every round; sum: i32, of what clipToGrid() gave
 * treeEvents({ noiseMultiplier: grid.mechanism.noiseMultiplier, leaves: rounds, participations: 1 }); // for the accountant: all rounds together
 */
export function createTreeNoise(engine: Engine, options: TreeNoiseOptions): TreeNoise {
  const op = "createTreeNoise";
  checkOptions(op, options, ["size", "noise", "stream", "step", "method"]);
  const { method = "plain", step = 0 } = options;
  checkChoice(op, "method", method, METHODS);
  checkNumber(op, "step", step, { min: 0, max: MAX_STEPS, integer: true });
  const noise = new TreeNoise(new Nodes(op, engine, options), method);
  noise.skip(step);
  return noise;
}

/**
 * Variance of the noise of a prefix of t rounds when that of a node is sigma^2: popcount(t) sigma^2 for "plain"; for "efficient" a node of
 * level l counts 1 / (2 - 2^-l). The rounding of the latter, at most half a unit of the grid a node, is left out.
 */
export function treeVariance(t: number, sigma: number, method: TreeMethod = "plain"): number {
  const op = "treeVariance";
  checkNumber(op, "t", t, { min: 0, max: MAX_STEPS, integer: true });
  checkNumber(op, "sigma", sigma, { min: 0 });
  checkChoice(op, "method", method, METHODS);
  return sigma ** 2 * coverOf(t).reduce((sum, [l]) => sum + (method === "plain" ? 1 : 1 / (2 - 2 ** -l)), 0);
}
