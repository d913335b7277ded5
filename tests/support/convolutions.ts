// What the tests of conv2d and depthwise_conv2d share: shapes, data, calls of the raw kernels, and the comparison with a twin.
import type { Engine } from "fedlane";
import { type Conv, place } from "../nn/conv2d.reference.ts";
import { expectWithin } from "./bound.ts";
import { EPS32, EPS64, normals } from "./data.ts";
import { guarded } from "./memory.ts";

type Pair = readonly [number, number];
export interface Options {
  readonly strides?: Pair;
  readonly padding?: "same" | "valid";
  readonly dilation?: Pair;
}
export type Case = readonly [m: number, image: Pair, c: number, kernel: Pair, n: number, options?: Options];

/** The geometry of a case; undefined where not one window fits. */
export function conv([m, [h, w], c, [kh, kw], n, options = {}]: Case): Conv | undefined {
  const { strides = [1, 1], padding = "valid", dilation = [1, 1] } = options;
  const [[oh, ph], [ow, pw]] = [place(h, kh, strides[0], dilation[0], padding), place(w, kw, strides[1], dilation[1], padding)];
  if (oh < 1 || ow < 1) return undefined;
  return { m, h, w, c, kh, kw, n, oh, ow, sh: strides[0], sw: strides[1], ph, pw, dh: dilation[0], dw: dilation[1] };
}

const same = "same";
/** Strides, both paddings, dilations, windows of one cell and larger than the image, images of several blocks, groups of small ones. */
export const CASES: readonly Case[] = [
  [0, [4, 3], 2, [3, 3], 3, { padding: same }],
  [1, [1, 1], 1, [1, 1], 1],
  [2, [5, 7], 3, [1, 1], 8],
  [3, [6, 5], 1, [5, 5], 3, { padding: same }],
  [2, [4, 9], 5, [1, 3], 17, { padding: same }],
  [2, [7, 4], 8, [3, 2], 5],
  [2, [3, 2], 3, [5, 5], 4, { padding: same }],
  [2, [9, 8], 3, [3, 3], 5, { strides: [2, 2], padding: same }],
  [2, [8, 9], 1, [3, 3], 8, { strides: [3, 1] }],
  [1, [11, 10], 4, [2, 3], 3, { strides: [2, 3], padding: same }],
  [2, [6, 7], 2, [1, 1], 3, { strides: [2, 3], padding: same }],
  [2, [9, 10], 3, [3, 3], 5, { dilation: [2, 3], padding: same }],
  [1, [10, 9], 8, [3, 2], 3, { dilation: [3, 2] }],
  [2, [10, 13], 3, [3, 3], 4, { strides: [2, 3], dilation: [3, 2], padding: same }],
  [1, [12, 12], 1, [4, 4], 2, { strides: [2, 2], dilation: [2, 2] }],
  [40, [3, 4], 2, [2, 2], 3, { padding: same }], // several groups of images, the last one smaller
  [2, [20, 33], 3, [3, 5], 9, { padding: same }], // several blocks of outputs
  [1, [2, 300], 1, [1, 3], 2, { padding: same }], // a row of outputs larger than a block
];

/** The geometry in the order of the kernels' arguments. */
export type Geometry = Parameters<Engine["kernels"]["conv2d_scratch_f32"]>;
export const counts = (g: Conv): Geometry => [g.m, g.h, g.w, g.c, g.kh, g.kw, g.n, g.oh, g.ow, g.sh, g.sw, g.ph, g.pw, g.dh, g.dw];

/** The kernels of one kind of convolution and its twin. */
export interface Subject {
  kernels(engine: Engine): {
    readonly scratch: (...g: Geometry) => number;
    readonly forward: (...of: [...Geometry, x: number, k: number, b: number, y: number, scratch: number]) => void;
    readonly inputGradient: (...of: [...Geometry, dy: number, k: number, dx: number, scratch: number]) => void;
    readonly weightGradient: (...of: [...Geometry, alpha: number, beta: number, x: number, dy: number, dk: number, db: number, scratch: number]) => void;
    readonly norms: (...of: [...Geometry, x: number, dy: number, norms: number, scratch: number]) => void;
  };
  readonly channels: (g: Conv) => number;
  readonly forward: (g: Conv, x: ArrayLike<number>, k: ArrayLike<number>, b: ArrayLike<number>) => Float64Array;
  readonly inputGradient: (g: Conv, dy: ArrayLike<number>, k: ArrayLike<number>) => Float64Array;
  readonly kernelGradient: (g: Conv, x: ArrayLike<number>, dy: ArrayLike<number>) => Float64Array;
  readonly biasGradient: (channels: number, dy: ArrayLike<number>) => Float64Array;
}

export function data(subject: Subject, g: Conv) {
  const channels = subject.channels(g);
  return {
    x: normals(g.m * g.h * g.w * g.c, 1),
    k: normals(g.kh * g.kw * g.c * g.n, 2),
    b: normals(channels, 3),
    dy: normals(g.m * g.oh * g.ow * channels, 4),
  };
}
type Data = ReturnType<typeof data>;

/** All kernels between guard bands, off alignment, outputs and scratch NaN at first; the step with alpha, beta too, on k and b. */
export function kernelResults(engine: Engine, subject: Subject, g: Conv, { x, k, b, dy }: Data, alpha: number, beta: number) {
  const call = subject.kernels(engine);
  const geometry = counts(g);
  const block = (v: Float32Array | Float64Array) => guarded(engine, v, 4);
  const nan = (size: number) => block(new Float32Array(size).fill(Number.NaN));
  const [px, pk, pb, pdy] = [block(x), block(k), block(b), block(dy)];
  const [y, dx, dk, db, norms] = [nan(dy.length), nan(x.length), nan(k.length), nan(b.length), block(new Float64Array(g.m).fill(2))];
  const scratch = guarded(engine, new Uint8Array(call.scratch(...geometry)).fill(0xff));
  call.forward(...geometry, px.address, pk.address, pb.address, y.address, scratch.address);
  call.inputGradient(...geometry, pdy.address, pk.address, dx.address, scratch.address);
  call.weightGradient(...geometry, 1, 0, px.address, pdy.address, dk.address, db.address, scratch.address);
  call.norms(...geometry, px.address, pdy.address, norms.address, scratch.address);
  call.weightGradient(...geometry, alpha, beta, px.address, pdy.address, pk.address, pb.address, scratch.address);
  const got = {
    y: y.f32(),
    dx: dx.f32(),
    dk: dk.f32(),
    db: db.f32(),
    k: pk.f32(),
    b: pb.f32(),
    norms: new Float64Array(norms.bytes().buffer),
  };
  for (const p of [px, pk, pb, pdy, y, dx, dk, db, norms, scratch]) p.release();
  return got;
}

/** Every kernel against the twin, within bounds that the twin computes from the magnitudes of the data. The signal is one lost product. */
export function check(engine: Engine, subject: Subject, g: Conv): void {
  const { x, k, b, dy } = data(subject, g);
  const abs = (v: Float32Array) => v.map(Math.abs);
  const [lr, wd] = [Math.fround(0.5), Math.fround(0.25)];
  const got = kernelResults(engine, subject, g, { x, k, b, dy }, -lr, Math.fround(1 - lr * wd));
  const channels = subject.channels(g);
  const [dk, db] = [subject.kernelGradient(g, x, dy), subject.biasGradient(channels, dy)];
  const size = {
    y: subject.forward(g, abs(x), abs(k), abs(b)),
    dx: subject.inputGradient(g, abs(dy), abs(k)),
    dk: subject.kernelGradient(g, abs(x), abs(dy)),
    db: subject.biasGradient(channels, abs(dy)),
  };
  const [cells, outputs] = [g.kh * g.kw, g.m * g.oh * g.ow];
  expectWithin(got.y, subject.forward(g, x, k, b), (i) => (cells * g.c + 4) * EPS32 * size.y[i]!, 0.1);
  expectWithin(got.dx, subject.inputGradient(g, dy, k), (i) => (cells * g.n + 4) * EPS32 * size.dx[i]!, 0.1);
  expectWithin(got.dk, dk, (i) => (outputs + 4) * EPS32 * size.dk[i]!, 0.1);
  expectWithin(got.db, db, (i) => (outputs + 4) * EPS32 * size.db[i]!, 0.1);
  // The fused update is the gradient, then the step w - lr (g + wd w).
  const step = (w: Float32Array, grad: Float64Array) => Float64Array.from(w, (v, i) => v - lr * (grad[i]! + wd * v));
  expectWithin(got.k, step(k, dk), (i) => (outputs + 4) * EPS32 * (lr * size.dk[i]! + Math.abs(k[i]!)), 0.1);
  expectWithin(got.b, step(b, db), (i) => (outputs + 4) * EPS32 * (lr * size.db[i]! + Math.abs(b[i]!)), 0.1);
  // Norms by the slow way: one example at a time. They were 2 before.
  const one = { ...g, m: 1 };
  const [pixels, pixelsOut] = [g.h * g.w * g.c, g.oh * g.ow * channels];
  const each = Array.from({ length: g.m }, (_, i) => {
    const [xi, dyi] = [x.subarray(i * pixels, (i + 1) * pixels), dy.subarray(i * pixelsOut, (i + 1) * pixelsOut)];
    const values = [...subject.kernelGradient(one, xi, dyi), ...subject.biasGradient(channels, dyi)];
    const sizes = [...subject.kernelGradient(one, abs(xi), abs(dyi)), ...subject.biasGradient(channels, abs(dyi))];
    const errors = sizes.map((s) => (g.oh * g.ow + 4) * EPS32 * s);
    const norm = values.reduce((s, v) => s + v * v, 0);
    return { norm, bound: errors.reduce((s, e, j) => s + 2 * e * Math.abs(values[j]!) + e * e, 0) + values.length * EPS64 * (2 + norm) };
  });
  // As fractions: the signal is the share of the bias.
  const relative = got.norms.map((v, i) => (v - 2) / each[i]!.norm);
  expectWithin(relative, new Float64Array(g.m).fill(1), (i) => each[i]!.bound / each[i]!.norm, 0.02);
}
