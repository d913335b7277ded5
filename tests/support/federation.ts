// A small federation with a known answer: two classes on either side of a plane.
import { dense } from "fedlane";
import type { SimulationConfig, SimulationData } from "fedlane/worker";
import { random } from "./data.ts";

const FEATURES = 8;

function rows(n: number, seed: number): { x: Float32Array; labels: Int32Array } {
  const r = random(seed);
  const x = Float32Array.from({ length: n * FEATURES }, () => 2 * r() - 1);
  const labels = Int32Array.from({ length: n }, (_, i) => {
    let s = 0;
    for (let j = 0; j < FEATURES; j++) s += x[i * FEATURES + j]! * (j % 2 === 0 ? 1 : -1);
    return s > 0 ? 1 : 0;
  });
  return { x, labels };
}

/** 240 rows to train on, 100 to test. */
export const smallData: SimulationData = { train: rows(240, 1), test: rows(100, 2) };

/** 8 clients of 30 rows, half of them a round, 8-bit updates, 4 rounds. */
export const smallConfig = {
  layers: [dense(FEATURES, 9, "relu"), dense(9, 2)],
  partition: Array.from({ length: 8 }, (_, c) => Uint32Array.from({ length: 30 }, (_, i) => c * 30 + i)),
  clientFraction: 0.5,
  epochs: 2,
  batchSize: 7,
  learningRate: 0.2,
  bits: 8,
  rounds: 4,
  unsafeSeed: 5,
} satisfies SimulationConfig;
