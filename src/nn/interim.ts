// INTERIM

import type { Engine } from "../engine/engine.ts";
import type { Tensor } from "../engine/tensor.ts";
export interface Optimizer {
  readonly slots: readonly Tensor<"f32">[];
  readonly inPlace: { readonly learningRate: number; readonly weightDecay: number } | undefined;
  applyAt(n: number, g: number, w: number, slots: readonly number[], term?: { mu: number; w0: number; c: number } | undefined): void;
  advance(): void;
  dispose(): void;
}
export function interim(engine: Engine, size: number, o: { learningRate: number; weightDecay: number; momentum: number }): Optimizer {
  const slots = o.momentum > 0 ? [engine.tensorOutsideScopes("f32", size)] : [];
  return {
    slots,
    inPlace: o.momentum > 0 ? undefined : o,
    advance() {},
    dispose() {
      for (const s of slots) s.dispose();
    },
    applyAt(n, g, w, s) {
      engine.kernels.sgd_momentum_f32(n, o.learningRate, o.weightDecay, 0, o.momentum, 0, g, 0, 0, w, s[0]!);
    },
  };
}
export interface BoundTerm {
  mu: number;
  w0: number;
  c: number;
}
