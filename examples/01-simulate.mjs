// A federation of 20 clients on a laptop: two workers train, the server averages 4-bit updates.
import { createEngine, createStream, dense, partitionDirichlet, uniform } from "fedlane";
import { simulate } from "fedlane/worker";

const engine = await createEngine();
const stream = await createStream({ purpose: "points and partition", unsafeSeed: 1 });

// Points in a square, class 1 inside the unit circle.
const points = (n) => {
  const x = uniform(engine.tensor("f32", [n, 2]), stream, { low: -1.5, high: 1.5 }).toArray();
  return { x, labels: Int32Array.from({ length: n }, (_, i) => (Math.hypot(x[2 * i], x[2 * i + 1]) < 1 ? 1 : 0)) };
};
const data = { train: points(2000), test: points(500) };

const { rounds, reason } = await simulate(
  data,
  {
    layers: [dense(2, 32, "relu"), dense(32, 2)],
    partition: partitionDirichlet(engine, data.train.labels, 20, stream, 1),
    clientFraction: 0.25,
    epochs: 3,
    batchSize: 10,
    learningRate: 0.3,
    bits: 4,
    rounds: 60,
    targetAccuracy: 0.95,
    unsafeSeed: 1,
  },
  { workers: 2 },
);
console.log(`${reason} after ${rounds.length} rounds: ${(100 * rounds.at(-1).accuracy).toFixed(1)} % with ${rounds.at(-1).totalBytesUp} bytes sent up`);
