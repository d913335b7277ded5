import { createEngine, createMean, createStream, dense, gaussianGrid, localUpdate, releaseQuantized, serverRound } from "fedlane";

const engine = await createEngine();
const model = engine.model([dense(4, 8, "relu"), dense(8, 2)]);
const features = [5.1, 3.5, 1.4, 0.2, 6.7, 3.0, 5.2, 2.3, 4.9, 3.0, 1.4, 0.2, 5.8, 2.7, 5.1, 1.9];
const data = { x: engine.tensor("f32", [4, 4], features), labels: engine.tensor("i32", 4, [0, 1, 0, 1]) };
const stream = await createStream({ purpose: "one round" }); // randomness from the platform
const weights = model.initialise(stream);
const { delta, examples } = localUpdate(model, weights, data, { epochs: 5, batchSize: 2, learningRate: 0.1, shuffle: stream });
const grid = gaussianGrid({ sigma: 0.5, clipNorm: 1, size: model.size });
const update = releaseQuantized(delta, grid, 4, stream); // clipped to norm 1, Gaussian noise of 0.5, 58 parameters in 58 bytes
const mean = createMean(engine, model.size).addQuantized(update, examples); // the server: any number of clients, in any order
console.log(serverRound(weights, mean)); // { updated: true, updates: 1, totalWeight: 4 }
