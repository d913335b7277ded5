// A layer by itself, driven through its kind as a plan drives it: every buffer between guard bands, filled with NaN, off alignment.
import type { Engine } from "fedlane";
import { type Fitted, type LayerKind, type Parameter, type Pass, type Placed, type Shape, sizeOf } from "#dist/nn/layer.js";
import { type Guarded, guarded } from "./memory.ts";

export interface Solo {
  readonly output: Shape;
  readonly parameters: readonly Parameter[];
  readonly y: Float32Array;
  /** y of a pass that keeps nothing for backward. */
  readonly predicted: Float32Array;
  readonly dx: Float32Array;
  /** alpha gradient + beta w in place of w, or undefined for a kind without. */
  readonly updated: Float32Array | undefined;
  /** What norms added to 0.5. */
  readonly norms: Float64Array | undefined;
}

/** Forward, backward, norms and gradient of m rows of a layer of one input, placed for a batch of m + 2. */
export function solo<L>(
  engine: Engine,
  kind: LayerKind<L>,
  layer: L,
  input: Shape,
  data: { readonly x: Float32Array; readonly dy: Float32Array; readonly w: Float32Array },
  [alpha, beta]: readonly [number, number] = [1, 0],
): Solo {
  const { kernels } = engine;
  kind.check("test", layer);
  const output = kind.shape("test", layer, [input]);
  const parameters = kind.parameters?.(layer, [input]) ?? [];
  const m = data.x.length / sizeOf(input);
  const batch = m + 2;
  const fitted: Fitted<L> = { layer, inputs: [input], output };
  const blocks: Guarded[] = [];
  const block = (content: Float32Array | Float64Array | Uint8Array, offset = 4): Guarded => {
    const made = guarded(engine, content, offset);
    blocks.push(made);
    return made;
  };
  const nan = (size: number) => block(new Float32Array(size).fill(Number.NaN));
  const rubbish = (bytes: number) => (bytes === 0 ? { address: 0 } : block(new Uint8Array(bytes).fill(0xff)));

  const [x, y, dy, dx, w] = [block(data.x), nan(m * sizeOf(output)), block(data.dy), nan(data.x.length), block(data.w)];
  const [state, scratch] = [rubbish(kind.stateBytes?.(fitted, batch) ?? 0), rubbish(kind.scratchBytes?.(kernels, fitted, batch) ?? 0)];
  let offset = 0;
  const at = parameters.map(({ shape }) => {
    const here = offset;
    offset += 4 * sizeOf(shape);
    return here;
  });
  const placed: Placed<L> = {
    ...fitted,
    x: [x.address],
    y: y.address,
    dy: dy.address,
    dx: [dx.address],
    state: state.address,
    scratch: scratch.address,
    at,
  };
  const pass: Pass = { m, w: w.address, training: true, key: 0, nonce: 0, counter: 0 };
  kind.forward(kernels, { ...placed, dy: 0, dx: [0], state: 0 }, { ...pass, training: false });
  const predicted = y.f32();
  kind.forward(kernels, placed, pass);
  // What the kind says it does not read is gone before backward.
  const gone = (p: Guarded, size: number) => new Float32Array(engine.arena.memory.buffer as ArrayBuffer, p.address, size).fill(Number.NaN);
  const result = y.f32();
  if (!kind.reads.x) gone(x, data.x.length);
  if (!kind.reads.y) gone(y, result.length);
  kind.backward?.(kernels, placed, pass);
  const norms = block(new Float64Array(m).fill(0.5), 8);
  kind.norms?.(kernels, placed, pass, norms.address);
  kind.gradient?.(kernels, placed, pass, alpha, beta, w.address);
  const got: Solo = {
    output,
    parameters,
    y: result,
    predicted,
    dx: dx.f32(),
    updated: kind.gradient ? w.f32() : undefined,
    norms: kind.norms ? new Float64Array(norms.bytes().buffer) : undefined,
  };
  for (const made of blocks) made.release();
  return got;
}
