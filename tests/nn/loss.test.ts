import {
  binaryCrossEntropy,
  bpr,
  DisposedError,
  DTypeError,
  type Engine,
  EngineMismatchError,
  huber,
  type Loss,
  meanSquaredError,
  ParameterError,
  ShapeError,
  softmaxCrossEntropy,
  type Tensor,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { checkLoss, lossKind } from "#dist/nn/loss.js";
import { expectWithin } from "../support/bound.ts";
import { countCases } from "../support/count.ts";
import { bits, EPS32, EPS64, extremes, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { guarded } from "../support/memory.ts";
import { runs } from "../support/runs.ts";
import * as reference from "./loss.reference.ts";

const DENORMAL = 2 ** -149;
const OUTPUTS = [1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 62, 1000] as const;
const M = 3;

/** Predictions of every kind: ordinary, wide, +-1e4, equal, the edges of f32. */
const KINDS: Record<string, (size: number, seed: number) => Float32Array> = {
  normal: (size, seed) => normals(size, seed),
  wide: (size, seed) => normals(size, seed, 30),
  tenThousands: (size, seed) => normals(size, seed).map((v) => (v > 0 ? 1e4 : -1e4)),
  equal: (size) => new Float32Array(size).fill(-12.5),
  extreme: (size, seed) => extremes(size, seed),
};
function probabilities(size: number): Float32Array {
  const r = random(17);
  return Float32Array.from({ length: size }, (_, i) => (i % 3 === 2 ? r() : i % 3)); // 0, 1, soft
}

interface Subject {
  readonly loss: Loss;
  readonly twin: reference.Twin;
  readonly outputs: readonly number[];
  targets(make: (size: number, seed: number) => Float32Array, size: number): Float32Array;
  /** The loss through its wrapper. */
  mean(x: Tensor<"f32">, targets: Tensor<"f32">, gradient?: Tensor<"f32">): number;
}
const hubers = [0.75, 100].map((delta): [string, Subject] => [
  `huber ${delta}`,
  {
    loss: { type: "huber", delta },
    twin: reference.huber(delta),
    outputs: OUTPUTS,
    targets: (make, size) => make(size, 2),
    mean: (x, t, g) => huber(x, t, g, { delta }),
  },
]);
const SUBJECTS: Record<string, Subject> = {
  "binary cross-entropy": {
    loss: "binaryCrossEntropy",
    twin: reference.binaryCrossEntropy,
    outputs: OUTPUTS,
    targets: (_, size) => probabilities(size),
    mean: binaryCrossEntropy,
  },
  "mean squared error": {
    loss: "meanSquaredError",
    twin: reference.meanSquaredError,
    outputs: OUTPUTS,
    targets: (make, size) => make(size, 2),
    mean: meanSquaredError,
  },
  ...Object.fromEntries(hubers),
  bpr: { loss: "bpr", twin: reference.bpr, outputs: OUTPUTS.filter((n) => n > 1), targets: (_, size) => new Float32Array(size), mean: (x, _, g) => bpr(x, g) },
};

/** The kernel between guard bands, through the door of the plan: out of place, then in place on x, which must give the same bits. */
function kernelResults(engine: Engine, loss: Loss, n: number, alpha: number, x: Float32Array, targets: Float32Array, offset = 4) {
  const kind = lossKind(loss);
  const m = x.length / n;
  const [px, pt, pd] = [guarded(engine, x, offset), guarded(engine, targets, offset), guarded(engine, new Float32Array(x.length).fill(Number.NaN), offset)];
  const run = (dx: number) => kind.run(engine.kernels, m, n, alpha, px.address, kind.target === "none" ? 0 : pt.address, dx, 0);
  const sum = run(pd.address);
  expect(bits(px.f32())).toEqual(bits(x));
  expect(run(px.address)).toBe(sum);
  const gradient = pd.f32();
  expect(bits(px.f32())).toEqual(bits(gradient));
  for (const p of [px, pt, pd]) p.release();
  return { sum, gradient };
}

const largest = (x: ArrayLike<number>) => Array.from(x).reduce((a, v) => Math.max(a, Math.abs(v)), 0);

forEachBuild("nn/loss", (engine) => {
  describe.each(Object.entries(SUBJECTS))("%s against the twin", (_, { loss, twin, outputs, targets }) => {
    const ran = countCases(outputs.length * Object.keys(KINDS).length);
    test.each(outputs)("%i outputs", (n) => {
      for (const make of Object.values(KINDS)) {
        ran();
        const [x, alpha] = [make(M * n, 1), 1 / M];
        const t = targets(make, M * n);
        const got = kernelResults(engine(), loss, n, alpha, x, t);
        // Terms are not negative: N additions and a dozen roundings a term, here and in the twin; e^-708 stands for what is below it.
        const want = twin.loss(n, x, t);
        expectWithin([got.sum], [want], () => (M * n + 24) * EPS64 * want + 1e-300, Math.max(1e-250, 1e-9 * want));
        // One rounding to f32 (bpr's positive: of the others and of their sum) and a dozen of f64, of which binary cross-entropy's are of sigmoid.
        const g = twin.gradient(n, alpha, x, t);
        const room = loss === "binaryCrossEntropy" ? 16 * EPS64 * (alpha / n) : 0;
        expectWithin(got.gradient, g, (i) => 2 * EPS32 * (1 + 1e-6) * Math.abs(g[i]!) + room + n * DENORMAL, 1e-6 * Math.max(1e-30, largest(g)));
      }
    });
  });

  describe.each(Object.entries(SUBJECTS))("%s", (name, { loss, twin, outputs, targets, mean }) => {
    test("the gradient is the central difference of the twin's loss", () => {
      for (const n of [1, 2, 3, 7].filter((o) => outputs.includes(o))) {
        engine().scope(() => {
          const [x, t] = [normals(M * n, 5, 2), targets((size, seed) => normals(size, seed), M * n)];
          const dx = engine().tensor("f32", [M, n]);
          const value = mean(engine().tensor("f32", [M, n], x), engine().tensor("f32", [M, n], t), dx);
          expectWithin([value], [twin.loss(n, x, t) / M], () => 1e-14 * (1 + value), 1e-6);
          const h = 2 ** -12;
          const slope = Float64Array.from(x, (_, i) => {
            const at = (d: number) =>
              twin.loss(
                n,
                Float64Array.from(x, (v, j) => (j === i ? v + d : v)),
                t,
              ) / M;
            return (at(h) - at(-h)) / (2 * h);
          });
          // Smooth: third derivatives below 1/4 make h^2/24. Huber's kink within h of a point: h/4. Rounding 2^-52 loss / h; f32.
          const curve = name.startsWith("huber") ? h / 4 : h ** 2 / 24;
          expectWithin(dx.toArray(), slope, (i) => curve + (2 ** -49 * (1 + value)) / h + 2 * EPS32 * Math.abs(slope[i]!), 1e-4);
        });
      }
    });

    test("NaN reaches its own element (bpr: and the positive; from the positive its row) and the sum, in every lane", () => {
      let ran = 0;
      for (const n of [2, 5, 9]) {
        for (let bad = 0; bad < M * n; bad++) {
          ran++;
          const x = normals(M * n, 6);
          x[bad] = Number.NaN;
          const { sum, gradient } = kernelResults(engine(), loss, n, 1, x, targets(normals, M * n));
          expect(sum).toBe(Number.NaN);
          const row = (i: number) => Math.floor(i / n) === Math.floor(bad / n);
          const reached = (i: number) => (name === "bpr" ? row(i) && (i === bad || i % n === 0 || bad % n === 0) : i === bad);
          expect(Array.from(gradient, Number.isNaN)).toEqual(Array.from(gradient, (_, i) => reached(i)));
        }
      }
      expect(ran).toBe(3 * 16);
    });

    test("without a gradient the loss is the same; with the gradient on x too; no rows give 0", () => {
      engine().scope(() => {
        const n = 6;
        const [x, t] = [engine().tensor("f32", [M, n], normals(M * n, 8)), engine().tensor("f32", [M, n], targets(normals, M * n))];
        const dx = engine().tensor("f32", [M, n]);
        const value = mean(x, t, dx);
        expect(mean(x, t)).toBe(value);
        expect(value).toBeGreaterThan(0);
        expect(mean(x, t, x)).toBe(value);
        expect(bits(x.toArray())).toEqual(bits(dx.toArray()));
        const [none, into] = [engine().tensor("f32", [0, n]), engine().tensor("f32", [0, n])];
        expect([mean(none, none, into), mean(none, none)]).toEqual([0, 0]);
      });
    });

    test("bad input is refused and changes nothing", async () => {
      const other = (await allEngines())["scalar"]!;
      const foreign = other.tensor("f32", [2, 3]);
      engine().scope(() => {
        const make = (shape: number | number[]) => engine().tensor("f32", shape);
        const [x, t, out] = [make([2, 3]), make([2, 3]), engine().tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6])];
        const gone = make([2, 3]);
        gone.dispose();
        for (const [bad, error] of [
          [make(6), ShapeError],
          [make([3, 2]), ShapeError],
          [engine().tensor("f64", [2, 3]) as unknown as Tensor<"f32">, DTypeError],
          [gone, DisposedError],
          [foreign, EngineMismatchError],
          ["x" as unknown as Tensor<"f32">, ParameterError],
        ] as const) {
          expect(() => mean(bad, t, out)).toThrow(error);
          if (name !== "bpr") expect(() => mean(x, bad, out)).toThrow(error);
          expect(() => mean(x, t, bad)).toThrow(error);
        }
        expect(() => mean(make([2, 0]), make([2, 0]), make([2, 0]))).toThrow(ParameterError);
        if (name === "bpr") expect(() => mean(make([2, 1]), t)).toThrow("expected number of outputs to be a finite number >= 2, got 1");
        else expect(() => mean(x, t, t)).toThrow(/expected gradient to be another tensor than targets/);
        expect([...out.toArray()]).toEqual([1, 2, 3, 4, 5, 6]);
      });
      foreign.dispose();
    });
  });

  // The examples of Keras's own documentation; bpr by hand.
  test("golden values", () => {
    engine().scope(() => {
      const f32 = (...values: number[]) => engine().tensor("f32", [2, 2], values);
      expect(binaryCrossEntropy(f32(-18.6, 0.51, 2.94, -12.8), f32(0, 1, 0, 0))).toBeCloseTo(0.8654579642, 7);
      expect(meanSquaredError(f32(1, 1, 1, 0), f32(0, 1, 0, 0))).toBe(0.5);
      expect(huber(f32(0.6, 0.4, 0.4, 0.6), f32(0, 1, 0, 0))).toBeCloseTo(0.155, 7);
      expect(huber(f32(2, -2, 0.5, 0), f32(0, 0, 0, 0))).toBe((1.5 + 1.5 + 0.125) / 4);
      const g = f32(0, 0, 0, 0);
      expect(bpr(f32(1, 1, -7, -7), g)).toBe(Math.LN2);
      expect([...g.toArray()]).toEqual([-0.25, 0.25, -0.25, 0.25]);
    });
  });

  test("a loss near 0 keeps its relative accuracy: log(1 + e^-z) is not lost, nor its gradient", () => {
    let ran = 0;
    // Above 37, log(1 + e^-z) = e^-z (1 - e^-z/2 ...) differs from e^-z in no bit of f64.
    for (const z of [37.5, 40, 60, 85, 300, 700]) {
      const tiny = Math.exp(-z);
      for (const n of [1, 2, 4, 5]) {
        for (const sign of [1, -1]) {
          ran++;
          const x = new Float32Array(n).fill(sign * z);
          const { sum, gradient } = kernelResults(engine(), "binaryCrossEntropy", n, n, x, new Float32Array(n).fill(sign === 1 ? 1 : 0));
          expect(Math.abs(sum / tiny - 1)).toBeLessThan(8 * EPS64);
          for (const g of gradient) expect(Math.abs(g + sign * tiny)).toBeLessThanOrEqual(EPS32 * (1 + 1e-6) * tiny + DENORMAL);
        }
        const row = new Float32Array(n + 1).fill(-z);
        row[0] = 0;
        const { sum, gradient } = kernelResults(engine(), "bpr", n + 1, n, row, row);
        expect(Math.abs(sum / tiny - 1)).toBeLessThan(8 * EPS64);
        for (const g of gradient.subarray(1)) expect(Math.abs(g - tiny)).toBeLessThanOrEqual(EPS32 * (1 + 1e-6) * tiny + DENORMAL);
      }
    }
    expect(ran).toBe(48);
    // Between: against log1p and exp of the platform, whose error is below 1 ulp each.
    const r = random(23);
    for (let k = 0; k < runs(2000); k++) {
      const z = Math.fround(40 * r());
      const { sum } = kernelResults(engine(), "binaryCrossEntropy", 1, 1, Float32Array.of(z), Float32Array.of(1));
      const want = Math.log1p(Math.exp(-z));
      expect(Math.abs(sum - want)).toBeLessThanOrEqual(10 * EPS64 * want);
    }
  });

  test("logits of +-1e4 and +-3e38 do not overflow: a wrong answer costs its size, a right one nothing", () => {
    for (const size of [1e4, 3e38]) {
      for (let n = 1; n < 10; n++) {
        const z = Math.fround(size);
        for (const sign of [1, -1]) {
          const x = new Float32Array(n).fill(sign * z);
          const [right, wrong] = [new Float32Array(n).fill(sign === 1 ? 1 : 0), new Float32Array(n).fill(sign === 1 ? 0 : 1)];
          const good = kernelResults(engine(), "binaryCrossEntropy", n, n, x, right);
          expect(good.sum).toBeLessThan(1e-300);
          expect(good.gradient.every((g) => g === 0)).toBe(true);
          const bad = kernelResults(engine(), "binaryCrossEntropy", n, n, x, wrong);
          expect(Math.abs(bad.sum / z - 1)).toBeLessThan(n * EPS64);
          expect([...bad.gradient]).toEqual(new Array(n).fill(sign));
          const row = new Float32Array(n + 1).fill(sign * z);
          row[0] = -sign * z;
          const { sum, gradient } = kernelResults(engine(), "bpr", n + 1, n, row, row);
          if (sign === 1) expect(Math.abs(sum / (2 * z) - 1)).toBeLessThan(n * EPS64);
          else expect(sum).toBeLessThan(1e-300);
          expect([...gradient].map((g) => g + 0)).toEqual([-n, ...new Array(n).fill(1)].map((g) => (sign === 1 ? g : 0)));
        }
      }
    }
  });

  test("rows of bpr's gradient add up to 0 but for one rounding; a shift of a row changes no bit", () => {
    for (const n of [2, 3, 8, 100]) {
      const x = Float32Array.from(normals(M * n, 11), (v) => Math.round(v * 64) / 64);
      const got = kernelResults(engine(), "bpr", n, 1, x, x);
      for (let i = 0; i < M; i++) {
        const row = got.gradient.subarray(i * n, (i + 1) * n);
        expect(row[0]).toBeLessThan(0);
        expect(Math.abs(row.reduce((s, v) => s + v, 0))).toBeLessThanOrEqual(EPS32 * -row[0]!);
      }
      const shifted = kernelResults(
        engine(),
        "bpr",
        n,
        1,
        x.map((v) => v + 128),
        x,
      );
      expect([shifted.sum, bits(shifted.gradient)]).toEqual([got.sum, bits(got.gradient)]);
    }
  });

  test("targets outside [0, 1] are refused by binary cross-entropy, named", () => {
    engine().scope(() => {
      const [x, out] = [engine().tensor("f32", [1, 3]), engine().tensor("f32", [1, 3], [7, 8, 9])];
      for (const t of [-0.1, 1.001, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(() => binaryCrossEntropy(x, engine().tensor("f32", [1, 3], [1, t, 0]), out)).toThrow(/expected targets in \[0, 1\], got .* at index 1/);
      }
      for (const delta of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => huber(x, x, out, { delta })).toThrow(ParameterError);
      expect(() => huber(x, x, out, { Delta: 1 } as object)).toThrow(ParameterError);
      expect([...out.toArray()]).toEqual([7, 8, 9]);
    });
  });

  test("softmax cross-entropy through the door is that of its wrapper", () => {
    engine().scope(() => {
      const [x, labels] = [engine().tensor("f32", [3, 5], normals(15, 1)), engine().tensor("i32", 3, [4, 0, 2])];
      const [a, b] = [engine().tensor("f32", [3, 5]), engine().tensor("f32", [3, 5])];
      const kind = lossKind("softmaxCrossEntropy");
      const { kernels } = engine();
      const scratch = engine().scratch(kind.scratchBytes!(kernels, 5));
      expect(kind.run(kernels, 3, 5, 1 / 3, x.address, labels.address, a.address, scratch) / 3).toBe(softmaxCrossEntropy(x, labels, b));
      expect(bits(a.toArray())).toEqual(bits(b.toArray()));
      expect(() => kind.checkTarget!("fit", labels, 4)).toThrow(/fit: expected labels in \[0, 4\), got 4 at index 0/);
    });
  });
});

describe("nn/loss as data", () => {
  test("every loss says what it is compared with", () => {
    const all: Loss[] = ["softmaxCrossEntropy", "binaryCrossEntropy", "meanSquaredError", { type: "huber", delta: 2 }, "bpr"];
    const said = all.map((loss) => {
      checkLoss("op", loss);
      const kind = lossKind(loss);
      return [kind.target, kind.targetSize(7), kind.minOutputs];
    });
    expect(said).toEqual([
      ["labels", 1, 1],
      ["values", 7, 1],
      ["values", 7, 1],
      ["values", 7, 1],
      ["none", 0, 2],
    ]);
  });

  test("what is no loss is refused in the caller's words", () => {
    for (const bad of ["mse", "huber", "toString", null, undefined, 3, {}, { type: "bpr" }, [], { type: "huber" }, { type: "huber", delta: 0 }])
      expect(() => checkLoss("fit", bad as Loss)).toThrow(ParameterError);
    expect(() => checkLoss("fit", { type: "huber", delta: 1, beta: 2 } as Loss)).toThrow(/"beta"/);
    expect(() => checkLoss("fit", "mse" as Loss)).toThrow(
      'fit: expected loss to be "softmaxCrossEntropy", "binaryCrossEntropy", "meanSquaredError", "bpr" or { type: "huber", delta }, got "mse"',
    );
  });

  test("every build gives the same bits: f64, nothing fused", async () => {
    const engines = Object.values(await allEngines());
    expect(engines.length).toBeGreaterThanOrEqual(2);
    let ran = 0;
    const all = Object.values(KINDS);
    const join = (parts: readonly Float32Array[]) => Float32Array.from(parts.flatMap((part) => [...part]));
    for (const { loss, outputs, targets } of Object.values(SUBJECTS)) {
      for (const n of outputs) {
        ran++;
        const [x, t] = [join(all.map((make) => make(M * n, 1))), join(all.map((make) => targets(make, M * n)))];
        const got = engines.map((engine) => {
          const { sum, gradient } = kernelResults(engine, loss, n, 0.3, x, t, 1);
          return [sum, bits(gradient)];
        });
        for (const values of got) expect(values).toEqual(got[0]);
      }
    }
    expect(ran).toBe(5 * OUTPUTS.length - 1);
  });
});
