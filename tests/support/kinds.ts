// Runs one layer as a plan does: places its buffers, then a pass forward and a pass backward through its kind.
import type { Engine } from "fedlane";
import { expect } from "vitest";
import { type LayerKind, type Placed, type Shape, sizeOf } from "../../src/nn/layer.ts";
import { type Guarded, guarded } from "./memory.ts";

export interface KindRun {
  /** Examples. */
  readonly m: number;
  /** Shape of one example and the values of all, of each input. */
  readonly inputs: readonly { readonly shape: Shape; readonly values: Float32Array }[];
  readonly dy?: Float32Array;
  /** Output over the first input and its gradient over dy, as far as the kind allows it. */
  readonly inPlace?: boolean;
  /** Inputs whose gradient nobody wants. */
  readonly unwanted?: readonly number[];
  /** Key and nonce of the pass; it starts at block 7. */
  readonly random?: { readonly key: Uint8Array; readonly nonce: Uint8Array };
  readonly training?: boolean;
}
export interface KindResult {
  readonly shape: Shape;
  readonly y: Float32Array;
  /** Gradients of the inputs; empty for one that is unwanted. */
  readonly dx: readonly Float32Array[];
}

/** Buffers hold NaN before they are written and lie between guard bands. */
export function runKind<L>(engine: Engine, kind: LayerKind<L>, layer: L, run: KindRun): KindResult {
  const { m, inputs, inPlace = false, unwanted = [], training = true } = run;
  const op = "test";
  kind.check(op, layer);
  const shapes = inputs.map(({ shape }) => shape);
  const output = kind.shape(op, layer, shapes);
  const fitted = { layer, inputs: shapes, output };
  const live: Guarded[] = [];
  const place = (content: Float32Array | Uint8Array): Guarded => {
    const block = guarded(engine, content, 4);
    live.push(block);
    return block;
  };
  const empty = (n: number) => place(new Float32Array(n).fill(Number.NaN));
  const x = inputs.map(({ values }) => place(values));
  const y = inPlace && kind.inPlace && !kind.reads.x ? x[0]! : empty(m * sizeOf(output));
  const dy = place(run.dy ?? new Float32Array(m * sizeOf(output)));
  const dx = shapes.map((shape, i) => (unwanted.includes(i) ? undefined : inPlace && kind.inPlace && i === 0 ? dy : empty(m * sizeOf(shape))));
  const bytes = (n: number) => place(new Uint8Array(n).fill(0xff)).address;
  const placed: Placed<L> = {
    ...fitted,
    x: x.map(({ address }) => address),
    y: y.address,
    dy: dy.address,
    dx: dx.map((block) => block?.address ?? 0),
    state: bytes(kind.stateBytes?.(fitted, m) ?? 0),
    scratch: bytes(kind.scratchBytes?.(engine.kernels, fitted, m) ?? 0),
    at: [],
  };
  const pass = {
    m,
    w: 0,
    training,
    key: place(run.random?.key ?? new Uint8Array(32)).address,
    nonce: place(run.random?.nonce ?? new Uint8Array(12)).address,
    counter: 7,
  };
  kind.forward(engine.kernels, placed, pass);
  const result = y.f32();
  if (y !== x[0]) expect(x.map((block) => block.f32())).toEqual(inputs.map(({ values }) => values)); // forward leaves its inputs alone
  kind.backward!(engine.kernels, placed, pass);
  const gradients = dx.map((block) => block?.f32() ?? new Float32Array(0));
  for (const block of live) block.release();
  return { shape: output, y: result, dx: gradients };
}
