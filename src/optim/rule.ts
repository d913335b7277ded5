// What all optimizers share: how one is driven (OptimizerKind), and the checks of a step on tensors.
import { checkBoolean, checkDisjoint, checkNumber, checkSameEngine, checkTensor } from "../engine/check.ts";
import type { Kernels } from "../engine/engine.ts";
import type { Tensor } from "../engine/tensor.ts";
import { addressesOf, type BoundTerm, type TermAddresses } from "./term.ts";

type F32 = Tensor<"f32">;

/**
 * One pass of an optimizer over n elements, its scalars already bound: addresses of the gradient, the weights, the state vectors (as many as
 * the optimizer has) and the local term. Nothing is checked.
 */
export type Descent = (n: number, g: number, w: number, slots: readonly number[], term: TermAddresses) => void;

/** @internal Code of one kind of optimizer. O is its description: plain data. */
export interface OptimizerKind<O> {
  /** @throws {@link ParameterError} */
  check(op: string, options: O): void;
  /** The value each state vector starts with; as many as there are vectors. */
  slots(options: O): readonly number[];
  /** The pass of step `step` (counted from 1) at this rate. */
  bind(kernels: Kernels, options: O, rate: number, step: number): Descent;
}

/** Weight decay, the same for every optimizer. */
export interface WeightDecay {
  /** Weight decay, >= 0, default 0 (AdamW: 0.01). */
  readonly weightDecay?: number;
  /** False (default): weightDecay w is added to the gradient. True: w <- w - rate weightDecay w beside the step (Loshchilov & Hutter 2017, arXiv:1711.05101). */
  readonly decoupled?: boolean;
}
export function checkDecay(op: string, { weightDecay = 0, decoupled = false }: WeightDecay): void {
  checkNumber(op, "weightDecay", weightDecay, { min: 0, f32: true });
  checkBoolean(op, "decoupled", decoupled);
}
/** The two ways as the kernels take them: wd in the gradient, decay of the weights. */
export function decays({ weightDecay = 0, decoupled = false }: WeightDecay, rate: number): { wd: number; decay: number } {
  return decoupled ? { wd: 0, decay: rate * weightDecay } : { wd: weightDecay, decay: 0 };
}

/** Less would vanish in f32 once the bias correction is folded in. */
const MIN_EPSILON = 1e-30;
export function checkEpsilon(op: string, epsilon: number): void {
  checkNumber(op, "epsilon", epsilon, { min: MIN_EPSILON, f32: true });
}

/** base^n for an integer n >= 0, by squaring: the same bits in every engine, which Math.pow does not promise. */
export function power(base: number, n: number): number {
  let result = 1;
  for (let b = base; n > 0; n = Math.floor(n / 2), b *= b) if (n % 2 === 1) result *= b;
  return result;
}

/** Checks the tensors of a step, then runs it. */
export function descend(op: string, weights: F32, gradient: F32, slots: Readonly<Record<string, F32>>, term: BoundTerm | undefined, bind: () => Descent): F32 {
  checkTensor(op, "weights", weights, "f32");
  const n = weights.size;
  const others = { gradient, ...slots };
  for (const [name, tensor] of Object.entries(others)) checkTensor(op, name, tensor, "f32", { size: n });
  checkSameEngine(op, { weights, ...others });
  const local = addressesOf(op, term, { weights, ...slots });
  const inputs: Record<string, F32> = { gradient };
  for (const [name, output] of Object.entries({ weights, ...slots })) {
    checkDisjoint(op, inputs, name, output);
    inputs[name] = output;
  }
  const addresses = Object.values(slots).map(({ address }) => address);
  bind()(n, gradient.address, weights.address, addresses, local);
  return weights;
}
