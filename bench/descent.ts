// A step of an optimizer as a benchmark: the same weights, gradient and checks for all.
import { type BoundTerm, createOptimizer, type Engine, type OptimizerOptions } from "fedlane";
import { normals } from "../tests/support/data.ts";
import { type Benchmark, type Case, filling, once, U32, worst } from "./kit.ts";
import type { Tfjs } from "./rivals/tfjs.ts";
import { CNN_UPDATE, count, UPDATE } from "./shapes.ts";

type F32 = Float32Array;
type TfOptimizer = ReturnType<Tfjs["train"]["adam"]>;

export interface Descent {
  readonly name: string;
  readonly options: OptimizerOptions & { readonly learningRate: number };
  /** State vectors, each read and written. */
  readonly state: number;
  /** It takes a root and a quotient an element. */
  readonly roots?: true;
  /** The weight after the first step, in f64. */
  twin(g: number, w: number, w0: number): number;
  /** A step in plain TypeScript; g, w0, w and the state are given. */
  plain(g: F32, w: F32, state: readonly F32[], w0: F32): void;
  /** Start value of the last state vector of `plain`. */
  readonly start?: number;
  tfjs?(tf: Tfjs): TfOptimizer;
  /** The local term, from vectors of weights to be near. */
  term?(engine: Engine, w0: F32): BoundTerm;
  /** Vectors that the term reads. */
  readonly termVectors?: number;
}

/** Rows of one optimizer: a model of the size of the 2NN, and of the large CNN. */
export function benchmarks(descent: Descent): Benchmark[] {
  return [UPDATE, CNN_UPDATE].map((n) => {
    const { options, state, termVectors = 0 } = descent;
    const input = once(() => ({ w: normals(n, 1), g: normals(n, 2), w0: normals(n, 3) }));
    const truth = once(() => Float64Array.from(input().w, (w, i) => descent.twin(input().g[i]!, w, input().w0[i]!)));
    return {
      name: descent.name,
      shape: count(n),
      // Gradient and term read; weights and state read and written.
      bytes: 4 * n * (3 + 2 * state + termVectors),
      footprint: 4 * n * (2 + state + termVectors),
      ...(descent.roots && { roots: n }),
      tolerance: "4 u (|w| + |w0| + lr (1 + |g|)) an element",
      check: (w) =>
        worst(
          w,
          truth(),
          Float64Array.from(input().w, (v, i) => 4 * U32 * (Math.abs(v) + Math.abs(input().w0[i]!) + options.learningRate * (1 + Math.abs(input().g[i]!)))),
        ),
      ours: (engine) => {
        const [w, g] = [engine.copy(input().w), engine.copy(input().g)];
        const optimizer = createOptimizer(engine, n, options);
        const term = descent.term?.(engine, input().w0);
        return { run: () => void optimizer.step(w, g, term), result: () => w.view };
      },
      plain: () => {
        const w = input().w.slice();
        const vectors = Array.from({ length: state }, (_, i) => new Float32Array(n).fill(i === state - 1 ? (descent.start ?? 0) : 0));
        return filling(w, () => descent.plain(input().g, w, vectors, input().w0));
      },
      ...(descent.tfjs && {
        tfjs: (tf: Tfjs): Case => {
          const w = tf.variable(tf.tensor1d(input().w));
          const g = tf.tensor1d(input().g);
          const optimizer = descent.tfjs!(tf);
          return { run: () => optimizer.applyGradients([{ name: w.name, tensor: g }]), result: () => w.dataSync() };
        },
      }),
    } satisfies Benchmark;
  });
}
