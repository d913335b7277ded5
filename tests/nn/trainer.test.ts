// A training step is its parts: gradient, clipping, term, optimizer, each of which has its own twin.
import {
  axpy,
  bindTerm,
  clipByNorm,
  clipByValue,
  clippedGradient,
  createOptimizer,
  createStream,
  type Dataset,
  dense,
  type Engine,
  embedding,
  flatten,
  gradient,
  input,
  type LocalUpdateOptions,
  localUpdate,
  type Model,
  type OptimizerOptions,
  ParameterError,
  type ShapeError,
  scale,
  shuffle,
  subtract,
  type Tensor,
} from "fedlane";
import { afterEach, describe, expect, test } from "vitest";
import { noiseOnGrid } from "#dist/privacy/grid_gaussian.js";
import { countCases } from "../support/count.ts";
import { bits, normals, random } from "../support/data.ts";
import { allEngines, forEachBuild } from "../support/engines.ts";
import { noise } from "../support/streams.ts";

const N = 11;
const BATCH = 4;
const OPTIMIZERS: OptimizerOptions[] = [
  { type: "sgd", learningRate: 0.1 },
  { type: "sgd", learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 },
  { type: "sgd", learningRate: { type: "exponential", initial: 0.1, decaySteps: 2, rate: 0.5 } },
  { type: "adam", learningRate: 0.01 },
  { type: "adamw", learningRate: 0.01, weightDecay: 0.1 },
  { type: "adagrad", learningRate: 0.05 },
  { type: "rmsprop", learningRate: 0.01 },
  { type: "yogi", learningRate: 0.01 },
];

interface Problem {
  readonly model: Model;
  readonly weights: Tensor<"f32">;
  readonly data: Dataset;
}
/** Tensors of the test that runs. */
const made: Tensor[] = [];
afterEach(() => {
  for (const tensor of made.splice(0)) tensor.dispose();
});
function keep(p: Problem): Problem {
  made.push(p.weights, p.data.x as Tensor, p.data.labels!);
  return p;
}

function problem(engine: Engine): Problem {
  const model = engine.model([dense(7, 9, "relu"), dense(9, 3)]);
  const r = random(4);
  const labels = Array.from({ length: N }, () => Math.floor(3 * r()));
  return keep({
    model,
    weights: engine.tensor("f32", model.size, normals(model.size, 1, 0.5)),
    data: { x: engine.tensor("f32", [N, 7], normals(7 * N, 2)), labels: engine.tensor("i32", N, labels) },
  });
}
/** Words of four tables of which a batch touches two or three. */
function words(engine: Engine): Problem {
  const model = engine.model([input([2], "u32"), embedding(40, 3), flatten(), dense(6, 3)]);
  const r = random(9);
  const draw = (n: number, below: number) => Array.from({ length: n }, () => Math.floor(below * r()));
  return keep({
    model,
    weights: engine.tensor("f32", model.size, normals(model.size, 1, 0.5)),
    data: { x: engine.tensor("u32", [N, 2], draw(2 * N, 12)), labels: engine.tensor("i32", N, draw(N, 3)) },
  });
}

/** The steps of one epoch by hand: `direction` turns the rows of a step into a gradient. */
async function byHand(
  engine: Engine,
  { model, weights }: Problem,
  optimizer: OptimizerOptions,
  direction: (w: Tensor<"f32">, rows: Tensor<"u32">) => Tensor<"f32">,
  term?: LocalUpdateOptions["localTerm"],
) {
  const stream = await noise(1);
  return engine.scope(() => {
    const w = engine.copy(weights);
    const rule = createOptimizer(engine, model.size, optimizer);
    const bound = term && bindTerm(term, weights);
    const order = shuffle(
      engine.tensor(
        "u32",
        N,
        Uint32Array.from({ length: N }, (_, i) => i),
      ),
      stream,
    ).toArray();
    for (let at = 0; at < N; at += BATCH) rule.step(w, direction(w, engine.tensor("u32", Math.min(BATCH, N - at), order.slice(at, at + BATCH))), bound);
    rule.dispose();
    bound?.dispose();
    return subtract(w, weights, w).toArray();
  });
}
async function trained({ model, weights, data }: Problem, options: Partial<LocalUpdateOptions>) {
  const { delta, ...rest } = localUpdate(model, weights, data, { epochs: 1, batchSize: BATCH, shuffle: await noise(1), ...options });
  const values = delta.toArray();
  delta.dispose();
  return { values, ...rest };
}
const close = (a: Float32Array, b: Float32Array) => {
  const scale = a.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  expect(scale).toBeGreaterThan(1e-3);
  expect(a.reduce((m, v, i) => Math.max(m, Math.abs(v - b[i]!)), 0)).toBeLessThan(1e-5 * scale);
};

forEachBuild("nn/trainer", (engine) => {
  describe("localUpdate is gradient() and optimizer.step(), for every optimizer", () => {
    const ran = countCases(OPTIMIZERS.length);
    test.each(OPTIMIZERS)("%o", async (optimizer) => {
      ran();
      const p = problem(engine());
      const plain = (w: Tensor<"f32">, rows: Tensor<"u32">) => gradient(p.model, w, p.data, { rows }).gradient;
      const { values, steps } = await trained(p, { optimizer });
      expect(steps).toBe(3);
      close(values, await byHand(engine(), p, optimizer, plain));
    });
  });

  describe("a table of words moves in the rows of the batch only, for every optimizer", () => {
    test.each(OPTIMIZERS)("%o", async (optimizer) => {
      const e = engine();
      const p = words(e);
      const touched = new Set((p.data.x as Tensor<"u32">).toArray());
      const table = p.model.layout[0]!;
      for (let id = 0; id < 40; id++) if (!touched.has(id)) p.weights.view.fill(Number.NaN, 3 * id, 3 * id + 3); // never read
      const { values, loss } = await trained(p, { optimizer });
      expect(Number.isFinite(loss)).toBe(true);
      for (let i = 0; i < table.size; i++) {
        if (touched.has(Math.floor(i / 3))) expect(Math.abs(values[i]!)).toBeGreaterThan(0);
        else expect(values[i]).toBeNaN(); // NaN - NaN: left alone
      }
      // One step in which every row is touched is the step of a dense gradient.
      const stream = await noise(1);
      e.scope(() => {
        const weights = e.tensor("f32", p.model.size, normals(p.model.size, 1, 0.5));
        const all = {
          x: e.tensor(
            "u32",
            [20, 2],
            Uint32Array.from({ length: 40 }, (_, i) => i),
          ),
          labels: e.tensor("i32", 20),
        };
        const { delta } = localUpdate(p.model, weights, all, { epochs: 1, batchSize: 20, optimizer, shuffle: stream });
        const rule = createOptimizer(e, p.model.size, optimizer);
        const w = e.copy(weights);
        rule.step(w, gradient(p.model, weights, all).gradient);
        close(delta.toArray(), subtract(w, weights, w).toArray());
        rule.dispose();
      });
    });
  });

  test("clipping of the gradient: by value, by array, by global norm", async () => {
    const p = problem(engine());
    const sgd = { type: "sgd", learningRate: 0.5 } as const;
    const whole = (w: Tensor<"f32">, rows: Tensor<"u32">) => gradient(p.model, w, p.data, { rows }).gradient;
    close(
      (await trained(p, { optimizer: sgd, clipping: { value: 0.05 } })).values,
      await byHand(engine(), p, sgd, (w, rows) => clipByValue(whole(w, rows), 0.05)),
    );
    const clipped = (w: Tensor<"f32">, rows: Tensor<"u32">) => {
      const g = whole(w, rows);
      clipByNorm(g, 0.2);
      return g;
    };
    close((await trained(p, { optimizer: sgd, clipping: { globalNorm: 0.2 } })).values, await byHand(engine(), p, sgd, clipped));
    const arrays = (w: Tensor<"f32">, rows: Tensor<"u32">) => {
      const g = whole(w, rows);
      for (const { offset, size } of p.model.layout) {
        const part = engine().tensor("f32", size, g.view.slice(offset, offset + size));
        clipByNorm(part, 0.1);
        g.view.set(part.view, offset);
      }
      return g;
    };
    close((await trained(p, { optimizer: sgd, clipping: { norm: 0.1 } })).values, await byHand(engine(), p, sgd, arrays));
  });

  describe("per-example clipping: the clipped sum over the batch size, through any optimizer", () => {
    test.each([OPTIMIZERS[0]!, OPTIMIZERS[3]!])("%o", async (optimizer) => {
      const p = problem(engine());
      for (const perLayer of [false, true]) {
        const mean = (w: Tensor<"f32">, rows: Tensor<"u32">) => scale(1 / BATCH, clippedGradient(p.model, w, p.data, { clipNorm: 0.4, perLayer, rows }).sum);
        const got = await trained(p, { optimizer, perExampleClipping: { clipNorm: 0.4, perLayer } });
        expect(got.nonFinite).toBe(0);
        close(got.values, await byHand(engine(), p, optimizer, mean));
      }
    });
  });

  test("a NaN among the examples is left out and counted with per-example clipping, and only then", async () => {
    const p = problem(engine());
    (p.data.x as Tensor<"f32">).view[3] = Number.NaN;
    const options = { optimizer: OPTIMIZERS[0]!, epochs: 2 };
    const got = await trained(p, { ...options, perExampleClipping: { clipNorm: 1 } });
    expect([got.nonFinite, Number.isFinite(got.loss), got.values.every(Number.isFinite)]).toEqual([2, true, true]);
    expect((await trained(p, options)).loss).toBeNaN();
  });

  test("Poisson sampling: epochs x ceil(n / B) steps of random size, empty ones too; the same stream repeats it", async () => {
    const p = problem(engine());
    const options = { optimizer: OPTIMIZERS[0]!, sampling: "poisson", batchSize: 1, epochs: 20, perExampleClipping: { clipNorm: 0.5 } } as const;
    const [a, b] = [await trained(p, options), await trained(p, options)];
    expect(a.steps).toBe(20 * N); // of expected size 1: about 80 of them are empty
    expect(bits(a.values)).toEqual(bits(b.values));
    expect(a.values.every(Number.isFinite)).toBe(true);
    expect(bits((await trained(p, { ...options, shuffle: await noise(2) })).values)).not.toEqual(bits(a.values));
  });

  describe("DP-SGD: the noise of the grid on the clipped sum, both over the expected batch, through any optimizer", () => {
    test.each([OPTIMIZERS[0]!, OPTIMIZERS[3]!])("%o", async (optimizer) => {
      const p = problem(engine());
      const [steps, clipNorm, noiseMultiplier] = [3, 0.4, 2];
      // A batch as large as the data is sampled whole.
      const options = { optimizer, sampling: "poisson", batchSize: N, epochs: steps, perExampleClipping: { clipNorm } } as const;
      const got = await trained(p, { ...options, noise: { noiseMultiplier, stream: await noise(5) } });
      const stream = await noise(5);
      const want = engine().scope(() => {
        const w = engine().copy(p.weights);
        const rule = createOptimizer(engine(), p.model.size, optimizer);
        for (let i = 0; i < steps; i++) {
          const { sum } = clippedGradient(p.model, w, p.data, { clipNorm });
          noiseOnGrid(sum, noiseMultiplier * clipNorm, stream, N);
          rule.step(w, sum);
        }
        rule.dispose();
        return subtract(w, p.weights, w).toArray();
      });
      close(got.values, want);
      const calm = await trained(p, options);
      expect(calm.values.some((v, i) => Math.abs(v - got.values[i]!) > 1e-2)).toBe(true);
    });

    test("every step has its own noise, empty batches too: the weights move by the sum of all of it, over the batch size", async () => {
      const p = problem(engine());
      const [epochs, learningRate, clipNorm, noiseMultiplier] = [20, 0.01, 1e-6, 1e5]; // gradients are next to nothing
      const options = { learningRate, sampling: "poisson", batchSize: 1, epochs, perExampleClipping: { clipNorm } } as const;
      const got = await trained(p, { ...options, noise: { noiseMultiplier, stream: await noise(7) } });
      expect(got.steps).toBe(epochs * N); // about 80 of them empty
      const stream = await noise(7);
      const want = engine().scope(() => {
        const w = engine().copy(p.weights);
        for (let i = 0; i < got.steps; i++) {
          const z = engine().tensor("f32", w.size);
          noiseOnGrid(z, noiseMultiplier * clipNorm, stream, 1);
          axpy(-learningRate, z, w);
          z.dispose();
        }
        return subtract(w, p.weights, w).toArray();
      });
      close(got.values, want);
    });
  });

  test("FedProx: its term in the step; mu = 0 changes no bit of the optimizer pass", async () => {
    const p = problem(engine());
    const momentum = OPTIMIZERS[1]!;
    const term = { type: "fedprox", mu: 0.7 } as const;
    const whole = (w: Tensor<"f32">, rows: Tensor<"u32">) => gradient(p.model, w, p.data, { rows }).gradient;
    close((await trained(p, { optimizer: momentum, localTerm: term })).values, await byHand(engine(), p, momentum, whole, term));
    const none = await trained(p, { optimizer: momentum });
    expect(bits((await trained(p, { optimizer: momentum, localTerm: { type: "fedprox", mu: 0 } })).values)).toEqual(bits(none.values));
  });

  test("an optimizer goes on from call to call; one of another size is refused", async () => {
    const p = problem(engine());
    const rule = createOptimizer(engine(), p.model.size, OPTIMIZERS[3]!);
    await trained(p, { optimizer: rule });
    await trained(p, { optimizer: rule });
    expect(rule.steps).toBe(6);
    rule.dispose();
    const other = createOptimizer(engine(), p.model.size + 1, OPTIMIZERS[3]!);
    await expect(trained(p, { optimizer: other })).rejects.toThrow(/optimizer of 93 parameters|optimizer of \d+ parameters/);
    other.dispose();
  });

  test("what is refused leaves nothing allocated", async () => {
    const p = problem(engine());
    const before = engine().stats().liveBlocks;
    const bad: [Partial<LocalUpdateOptions>, typeof ParameterError | typeof ShapeError][] = [
      [{}, ParameterError],
      [{ learningRate: 0.1, optimizer: OPTIMIZERS[0]! }, ParameterError],
      [{ optimizer: { type: "adamax" } as never }, ParameterError],
      [{ learningRate: 0.1, clipping: {} }, ParameterError],
      [{ learningRate: 0.1, clipping: { value: 1, norm: 1 } }, ParameterError],
      [{ learningRate: 0.1, clipping: { value: 0 } }, ParameterError],
      [{ learningRate: 0.1, perExampleClipping: { clipNorm: Number.NaN } }, ParameterError],
      [{ learningRate: 0.1, perExampleClipping: { clipNorm: 1, perlayer: true } as never }, ParameterError],
      [{ learningRate: 0.1, sampling: "random" as never }, ParameterError],
      [{ learningRate: 0.1, sampling: "poisson", noise: { noiseMultiplier: 1, stream: await noise(3) } }, ParameterError], // no bound
      [{ learningRate: 0.1, perExampleClipping: { clipNorm: 1 }, noise: { noiseMultiplier: 1, stream: await noise(3) } }, ParameterError], // shuffled
      [{ learningRate: 0.1, sampling: "poisson", perExampleClipping: { clipNorm: 1 }, noise: { noiseMultiplier: 0, stream: await noise(3) } }, ParameterError],
      [{ learningRate: 0.1, sampling: "poisson", perExampleClipping: { clipNorm: 1 }, noise: { noiseMultiplier: 1 } as never }, ParameterError],
      [{ learningRate: 0.1, localTerm: { type: "fedprox", mu: -1 } }, ParameterError],
      [{ learningRate: 0.1, localTerm: { type: "feddyn", alpha: 1, history: p.weights.view as never } }, ParameterError],
    ];
    for (const [options, Class] of bad) await expect(trained(p, options)).rejects.toThrow(Class);
    // Private noise on batches that a seed tells; the other way round nothing is claimed.
    const hidden = await createStream({ purpose: "noise" });
    const step = { learningRate: 0.1, sampling: "poisson", perExampleClipping: { clipNorm: 1 } } as const;
    await expect(trained(p, { ...step, noise: { noiseMultiplier: 1, stream: hidden }, shuffle: await noise(3) })).rejects.toThrow("shuffle");
    await trained(p, { ...step, noise: { noiseMultiplier: 1, stream: hidden }, shuffle: await createStream({ purpose: "batches" }) });
    hidden.dispose();
    expect(() => clippedGradient(p.model, p.weights, p.data, { clipNorm: 0 })).toThrow(ParameterError);
    expect(engine().stats().liveBlocks).toBe(before);
  });
});

describe("nn/trainer across builds", () => {
  test("every optimizer trains to the same bits in scalar and simd", async () => {
    const { scalar, simd } = await allEngines();
    for (const optimizer of OPTIMIZERS) {
      const results = await Promise.all(
        [scalar!, simd!].map(async (e) => [bits((await trained(problem(e), { optimizer })).values), bits((await trained(words(e), { optimizer })).values)]),
      );
      expect(results[0]).toEqual(results[1]);
    }
  });
});
