import fc from "fast-check";
import {
  ACTIVATIONS,
  activation,
  DisposedError,
  DTypeError,
  type Engine,
  EngineMismatchError,
  gelu,
  geluBackward,
  leakyRelu,
  leakyReluBackward,
  ParameterError,
  ShapeError,
  sigmoid,
  sigmoidBackward,
  silu,
  siluBackward,
  type Tensor,
  tanh,
  tanhBackward,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { activationKinds } from "../../src/nn/activation.ts";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, extremes, LENGTHS, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { runKind } from "../support/kinds.ts";
import { guarded } from "../support/memory.ts";
import { runs } from "../support/runs.ts";
import * as reference from "./activation.reference.ts";

type F32 = Tensor<"f32">;
const SLOPE = Math.fround(0.3);

/** One activation: kernel numbers, wrapper, twin. `ulps` is how far y may be from the twin. */
interface Case {
  readonly type: Exclude<(typeof ACTIVATIONS)[number], "linear" | "relu" | "softmax">;
  readonly ulps: number;
  /** What the gradient is taken from. */
  readonly from: "x" | "y";
  run(x: F32, out: F32): F32;
  back(value: F32, dy: F32, dx: F32): F32;
  kernel(engine: Engine, n: number, x: number, y: number): void;
  backKernel(engine: Engine, n: number, value: number, dy: number, dx: number): void;
  twin(x: number): number;
  /** The derivative as a function of `from`, and its largest error but for the rounding to f32. */
  slope(value: number): { readonly value: number; readonly bound: number };
}
const CASES: readonly Case[] = [
  {
    type: "leakyRelu",
    ulps: 0.5,
    from: "y",
    run: (x, out) => leakyRelu(x, 0.3, out),
    back: (y, dy, dx) => leakyReluBackward(y, 0.3, dy, dx),
    kernel: ({ kernels }, n, x, y) => kernels.leaky_relu_f32(n, 0.3, x, y),
    backKernel: ({ kernels }, n, y, dy, dx) => kernels.leaky_relu_backward_f32(n, 0.3, y, dy, dx),
    twin: (x) => reference.leakyRelu(x, SLOPE),
    slope: (y) => ({ value: reference.fromOutput.leakyRelu(y, SLOPE), bound: 0 }),
  },
  {
    type: "sigmoid",
    ulps: 2,
    from: "y",
    run: sigmoid,
    back: sigmoidBackward,
    kernel: ({ kernels }, n, x, y) => kernels.sigmoid_f32(n, x, y),
    backKernel: ({ kernels }, n, y, dy, dx) => kernels.sigmoid_backward_f32(n, y, dy, dx),
    twin: reference.sigmoid,
    slope: (y) => ({ value: reference.fromOutput.sigmoid(y), bound: 2 * EPS32 * reference.fromOutput.sigmoid(y) }),
  },
  {
    type: "tanh",
    ulps: 2,
    from: "y",
    run: tanh,
    back: tanhBackward,
    kernel: ({ kernels }, n, x, y) => kernels.tanh_f32(n, x, y),
    backKernel: ({ kernels }, n, y, dy, dx) => kernels.tanh_backward_f32(n, y, dy, dx),
    twin: Math.tanh,
    slope: (y) => ({ value: reference.fromOutput.tanh(y), bound: 3 * EPS32 * reference.fromOutput.tanh(y) }),
  },
  {
    type: "silu",
    ulps: 2,
    from: "x",
    run: silu,
    back: siluBackward,
    kernel: ({ kernels }, n, x, y) => kernels.silu_f32(n, x, y),
    backKernel: ({ kernels }, n, x, dy, dx) => kernels.silu_backward_f32(n, x, dy, dx),
    twin: reference.silu,
    slope: (x) => {
      const [p, q] = reference.fromInput.silu(x);
      return { value: p + q, bound: 7 * EPS32 * (p + Math.abs(q)) };
    },
  },
  {
    type: "gelu",
    ulps: 0.6,
    from: "x",
    run: gelu,
    back: geluBackward,
    kernel: ({ kernels }, n, x, y) => kernels.gelu_f32(n, x, y),
    backKernel: ({ kernels }, n, x, dy, dx) => kernels.gelu_backward_f32(n, x, dy, dx),
    twin: reference.gelu,
    slope: (x) => {
      const [p, q] = reference.fromInput.gelu(x);
      return { value: p + q, bound: 5e-9 * Math.min(p, 1 - p) + 2e-9 * Math.abs(q) + 1e-15 };
    },
  },
];

/** Any finite f32: every exponent, random digits. */
function anywhere(n: number, seed: number): Float32Array {
  const r = random(seed);
  const x = new Float32Array(Uint32Array.from({ length: n }, () => Math.floor(2 ** 32 * r())).buffer);
  return x.map((v) => (Number.isFinite(v) ? v : 1));
}
const uniformly = (n: number, seed: number, width: number) => {
  const r = random(seed);
  return Float32Array.from({ length: n }, () => width * (2 * r() - 1));
};
/** Values where a text may break: zeros, where a clamp sets in or a result leaves the range of f32, far out. */
const HARD = [
  0, 1.4e-45, 1e-38, 6e-8, 2e-4, 0.35, 0.7518, 9.01, 9.02, 14.4, 14.5, 14.6, 16.64, 17.3, 20, 30, 87, 88.4, 88.8, 91, 103.9, 104.9, 109, 1e4, 3.4e38,
];

/** Distance in units of the last place of `want`, those of denormals below 2^-126. 0 for equal values, NaN among them. */
function ulps(got: number, want: number): number {
  if (Object.is(got, want) || got === want) return 0;
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(want))));
  return Math.abs(got - want) / 2 ** (exponent - 23);
}
function expectUlps(got: Float32Array, x: Float32Array, twin: (x: number) => number, limit: number): void {
  const [far, i] = Array.from(x, (v, j) => ulps(got[j]!, twin(v))).reduce(([a, at], v, j) => (v > a ? [v, j] : [a, at]), [0, 0]);
  expect(far, `${got[i]} for ${x[i]}, the twin says ${twin(x[i]!)}`).toBeLessThanOrEqual(limit);
}

forEachBuild("nn/activation", (engine) => {
  describe.each(CASES)("$type", ({ run, back, kernel, backKernel, twin, slope, ulps: limit, from }) => {
    describe("against the twin, between guard bands, in place or not", () => {
      const ran = countCases(3 * LENGTHS.length);
      test.each(LENGTHS)("n = %i", (n) => {
        for (const make of [normals, extremes, anywhere]) {
          ran();
          const [x, dy] = [make(n, 1), normals(n, 2)];
          const nan = () => guarded(engine(), new Float32Array(n).fill(Number.NaN), 4);
          const [px, pdy, py, pdx] = [guarded(engine(), x, 4), guarded(engine(), dy, 4), nan(), nan()];
          kernel(engine(), n, px.address, py.address);
          const y = py.f32();
          expectUlps(y, x, twin, limit);
          const value = from === "x" ? px : py;
          backKernel(engine(), n, value.address, pdy.address, pdx.address);
          const dx = pdx.f32();
          const at = Array.from(value.f32(), slope);
          // The product with dy rounds once, denormals by half of the least.
          expectWithin(
            dx,
            at.map((s, i) => s.value * dy[i]!),
            (i) => 1.01 * (EPS32 * Math.abs(at[i]!.value * dy[i]!) + at[i]!.bound * Math.abs(dy[i]!)) + 2 ** -149,
            1e-5,
          );
          backKernel(engine(), n, value.address, pdy.address, pdy.address);
          expect(bits(pdy.f32())).toEqual(bits(dx));
          kernel(engine(), n, px.address, px.address);
          expect(bits(px.f32())).toEqual(bits(y));
          for (const p of [px, pdy, py, pdx]) p.release();
        }
      });
    });

    test("everywhere on the line, and densely where it bends", () => {
      engine().scope(() => {
        for (const x of [anywhere(40_000, 3), uniformly(40_000, 4, 20), uniformly(20_000, 5, 120), uniformly(20_000, 6, 0.01)]) {
          const t = engine().tensor("f32", x.length, x);
          expectUlps(run(t, t).toArray(), x, twin, limit);
        }
      });
    });

    test("hard values: finite, and what they tend to; NaN and Infinity in every lane", () => {
      engine().scope(() => {
        const x = Float32Array.from(HARD.flatMap((v) => [v, -v]));
        const t = engine().tensor("f32", x.length, x);
        const dx = engine().tensor("f32", x.length, new Float32Array(x.length).fill(1));
        const y = run(t, engine().tensor("f32", x.length));
        expectUlps(y.toArray(), x, twin, limit);
        expect(y.toArray().every(Number.isFinite)).toBe(true);
        expect(
          back(from === "x" ? t : y, dx, dx)
            .toArray()
            .every(Number.isFinite),
        ).toBe(true);
        for (let lane = 0; lane < 7; lane++) {
          const some = new Float32Array(7).fill(0.5);
          const ordinary = run(engine().tensor("f32", 7, some), engine().tensor("f32", 7)).toArray();
          for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
            some[lane] = bad;
            const got = run(engine().tensor("f32", 7, some), engine().tensor("f32", 7)).toArray();
            const limits = { sigmoid: [1, 0], tanh: [1, -1] } as Record<string, [number, number]>;
            const [up, down] = limits[run.name] ?? [Number.POSITIVE_INFINITY, run === silu || run === gelu ? 0 : Number.NEGATIVE_INFINITY];
            const want = ordinary.slice();
            want[lane] = Number.isNaN(bad) ? bad : bad > 0 ? up : down;
            expect(Array.from(got, (v) => v + 0)).toEqual(Array.from(want)); // -0 + 0 is 0
          }
        }
      });
    });

    test("the gradient is the central difference of the twin", () => {
      engine().scope(() => {
        const x = uniformly(997, 7, 6).map((v) => (Math.abs(v) < 2 ** -10 ? 1 : v)); // leaky ReLU has a kink
        const dy = normals(997, 8);
        const t = engine().tensor("f32", 997, x);
        const y = run(t, engine().tensor("f32", 997));
        const got = back(from === "x" ? t : y, engine().tensor("f32", 997, dy), engine().tensor("f32", 997)).toArray();
        const h = 2 ** -12;
        const want = Array.from(x, (v, i) => ((twin(v + h) - twin(v - h)) / (2 * h)) * dy[i]!);
        // Third derivatives are below 2: h^2 / 3. The slope from y errs by 2 ulp of y and the roundings above.
        expectWithin(got, want, (i) => Math.abs(dy[i]!) * (h ** 2 / 3 + 12 * EPS32), 1e-5);
      });
    });
  });

  test("known values", () => {
    engine().scope(() => {
      const of = (f: (x: F32) => F32, ...x: number[]) => [...f(engine().tensor("f32", x.length, x)).toArray()];
      const f = Math.fround;
      expect(of(sigmoid, 0, 1e4, -1e4, 1)).toEqual([0.5, 1, 0, f(0.7310585786300049)]);
      expect(of(tanh, 0, 20, -20, 3e38, -3e38)).toEqual([0, 1, -1, 1, -1]);
      expect(of(silu, 0, 1e4, -1e4, 3e38, -3e38)).toEqual([0, 1e4, -0, f(3e38), -0]);
      expect(of(gelu, 0, 1e4, -1e4, 3e38, -3e38)).toEqual([0, 1e4, -0, f(3e38), -0]);
      // Keras documentation, activations.gelu: keras.activations.gelu([-3, -1, 0, 1, 3])
      expectWithin(of(gelu, -3, -1, 0, 1, 3), [-0.00404951, -0.15865529, 0, 0.8413447, 2.9959507], () => 5e-7, 1e-6);
      expect(of(leakyRelu, -1, -0, 2)).toEqual([f(-0.3), -0, 2]);
      expect([...leakyRelu(engine().tensor("f32", 1, [-8]), 0).toArray()]).toEqual([-0]);
    });
  });

  test("sigmoid(-x) = 1 - sigmoid(x), tanh is odd, silu(x) - silu(-x) = x, gelu(x) - gelu(-x) = x; tanh and sigmoid rise", () => {
    let count = 0;
    fc.assert(
      fc.property(fc.array(fc.double({ min: -40, max: 40, noNaN: true }), { minLength: 2, maxLength: 40 }), (values) => {
        count++;
        engine().scope(() => {
          const x = Float32Array.from(values).sort();
          const both = (f: (x: F32) => F32) =>
            [x, x.map((v) => -v)].map((v) => f(engine().tensor("f32", v.length, v)).toArray()) as [Float32Array, Float32Array];
          const [s, t, u, g] = [both(sigmoid), both(tanh), both(silu), both(gelu)];
          x.forEach((v, i) => {
            expect(Math.abs(s[0][i]! + s[1][i]! - 1)).toBeLessThanOrEqual(4 * EPS32);
            expect(t[0][i]).toBe(-t[1][i]!);
            for (const [p, q] of [u, g]) expect(Math.abs(p[i]! - q[i]! - v)).toBeLessThanOrEqual(6 * EPS32 * Math.abs(v) + 2 ** -149);
            if (i > 0 && v - x[i - 1]! > 1e-5) for (const [p] of [s, t]) expect(p[i]).toBeGreaterThanOrEqual(p[i - 1]!);
          });
        });
      }),
      { numRuns: runs(50) },
    );
    expect(count).toBe(runs(50));
  });

  test("bad input is refused and changes nothing", async () => {
    const other = (await allEngines())["scalar"]!.tensor("f32", 3);
    engine().scope(() => {
      const [x, out] = [engine().tensor("f32", 3, [-1, 2, -3]), engine().tensor("f32", 3, [7, 8, 9])];
      const gone = engine().tensor("f32", 3);
      gone.dispose();
      for (const { run, back } of CASES) {
        for (const [bad, error] of [
          [engine().tensor("f32", 4), ShapeError],
          [engine().tensor("i32", 3) as unknown as F32, DTypeError],
          [gone, DisposedError],
          [other, EngineMismatchError],
        ] as const) {
          expect(() => run(bad, out)).toThrow(error);
          expect(() => run(x, bad)).toThrow(error);
          expect(() => back(bad, x, out)).toThrow(error);
          expect(() => back(x, bad, out)).toThrow(error);
          expect(() => back(x, out, bad)).toThrow(error);
        }
      }
      for (const slope of [-0.1, Number.NaN, Number.POSITIVE_INFINITY, 1e39, "1" as unknown as number]) {
        expect(() => leakyRelu(x, slope, out)).toThrow(ParameterError);
        expect(() => leakyReluBackward(x, slope, out)).toThrow(ParameterError);
      }
      expect([...x.toArray(), ...out.toArray()]).toEqual([-1, 2, -3, 7, 8, 9]);
    });
    other.dispose();
  });

  describe("as a layer", () => {
    test.each(["relu", ...CASES.map(({ type }) => type)] as const)("%s runs in place or not, on any shape, and reads what it says", (type) => {
      const layer = activation(type);
      const kind = activationKinds[type];
      const [m, shape] = [3, [2, 3, 5]];
      const [x, dy] = [normals(90, 9), normals(90, 10)];
      const results = [false, true].map((inPlace) => runKind(engine(), kind, layer, { m, inputs: [{ shape, values: x }], dy, inPlace }));
      expect(results[0]!.shape).toEqual(shape);
      const slope =
        type === "relu"
          ? (v: number) => Number(v > 0)
          : (v: number) => CASES.find((c) => c.type === type)!.slope(kind.reads.x ? v : results[0]!.y[x.indexOf(v)]!).value;
      const twin = type === "relu" ? (v: number) => Math.max(v, 0) : CASES.find((c) => c.type === type)!.twin;
      expectUlps(results[0]!.y, x, twin, 2);
      expectWithin(
        results[0]!.dx[0]!,
        Array.from(x, (v, i) => slope(v) * dy[i]!),
        (i) => 10 * EPS32 * (1 + Math.abs(dy[i]!)),
        1e-4,
      );
      expect(results[1]).toEqual(results[0]);
    });
  });
});

describe("nn/activation across builds", () => {
  test("scalar and simd agree bit for bit; what does not fuse agrees everywhere", async () => {
    const engines = await allEngines();
    for (const { kernel, backKernel, type } of CASES) {
      for (const n of [1, 7, 4097]) {
        for (const [value, dy] of [
          [anywhere(n, 11), normals(n, 12)],
          [uniformly(n, 13, 30), anywhere(n, 14)],
        ] as const) {
          const got = Object.entries(engines).map(([build, engine]) => {
            const [p, q, out] = [guarded(engine, value), guarded(engine, dy), guarded(engine, new Float32Array(n))];
            kernel(engine, n, p.address, out.address);
            const y = bits(out.f32());
            backKernel(engine, n, p.address, q.address, out.address);
            const dx = bits(out.f32());
            for (const block of [p, q, out]) block.release();
            return { build, y, dx };
          });
          const [scalar, simd, relaxed] = ["scalar", "simd", "relaxed"].map((name) => got.find(({ build }) => build === name));
          expect({ ...simd, build: "scalar" }, type).toEqual(scalar);
          if (relaxed && (type === "gelu" || type === "leakyRelu")) expect({ ...relaxed, build: "scalar" }, type).toEqual(scalar);
          if (relaxed && (type === "sigmoid" || type === "tanh")) expect(relaxed.dx, type).toEqual(scalar!.dx);
        }
      }
    }
  });
});

describe("activation()", () => {
  test("makes plain frozen data of every name but linear", () => {
    expect(ACTIVATIONS).toEqual(["linear", "relu", "leakyRelu", "gelu", "silu", "tanh", "sigmoid", "softmax"]);
    for (const name of ACTIVATIONS) {
      if (name === "linear") continue;
      const layer = activation(name);
      expect(layer).toEqual({ type: name });
      expect(Object.isFrozen(layer)).toBe(true);
      expect(JSON.parse(JSON.stringify(layer))).toEqual(layer);
      activationKinds[name].check("test", layer);
    }
    expect(activation("leakyRelu", { slope: 0.01 })).toEqual({ type: "leakyRelu", slope: 0.01 });
  });

  test("refuses other names, slopes out of range or out of place, and misspelt options", () => {
    const make = activation as (name: unknown, options?: unknown) => unknown;
    for (const name of ["linear", "Relu", "toString", undefined, 3, null]) expect(() => make(name)).toThrow(/activation: expected "relu" or .* got/);
    expect(() => make("relu", { slope: 0.1 })).toThrow(/expected slope with "leakyRelu" only/);
    expect(() => make("leakyRelu", { slope: -1 })).toThrow(/activation: expected slope to be a finite number >= 0/);
    expect(() => make("leakyRelu", { alpha: 1 })).toThrow(ParameterError);
    expect(() => make("leakyRelu", 0.1)).toThrow(ParameterError);
    expect(() => activationKinds.leakyRelu.check("model", { type: "leakyRelu", slope: Number.NaN })).toThrow(/model: expected slope/);
  });
});
