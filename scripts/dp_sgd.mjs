// npm run results:dp-sgd: the three published settings of DP-SGD on MNIST (TensorFlow Privacy, tutorials/README.md; delta 1e-5, batches of
// 256, accuracy the mean of 10 runs), each trained once here, with accuracy and epsilon beside the published ones.
//   --epochs N   fewer epochs than published, to try it out
// The reports go to reports/.
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { rdpEpsilon } from "../dist/index.js";

mkdirSync("reports", { recursive: true });
const { epochs: most = "1000" } = parseArgs({ options: { epochs: { type: "string" } } }).values;
const SETTINGS = [
  { noise: 1.3, clip: 1.5, rate: 0.25, epochs: 15, epsilon: 1.19, accuracy: 95.0 },
  { noise: 1.1, clip: 1.0, rate: 0.15, epochs: 60, epsilon: 3.01, accuracy: 96.6 },
  { noise: 0.7, clip: 1.5, rate: 0.25, epochs: 45, epsilon: 7.1, accuracy: 97.0 },
];

console.log("| noise multiplier | clip | learning rate | epochs | published accuracy | here | published epsilon | by the same accountant | tight (charged) |");
console.log("|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
for (const { noise, clip, rate, epsilon, accuracy, ...setting } of SETTINGS) {
  const epochs = Math.min(setting.epochs, Number(most));
  const args = `--dp dp-sgd --clients 1 --epsilon 100 --noise-multiplier ${noise} --clip ${clip} --learning-rate ${rate} --rounds ${epochs} --workers 1`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["dist/cli/main.js", "simulate", "mnist", ...args.split(" "), "--json", "--out", `reports/dp-sgd-${noise}.html`],
    { encoding: "utf8", maxBuffer: 2 ** 26 },
  );
  if (status !== 0) throw new Error(stderr);
  const rounds = stdout.split("\n").flatMap((line) => (line.includes('"type":"round"') ? [JSON.parse(line)] : []));
  const last = rounds.at(-1);
  // The published epsilon is that of Renyi bounds at whole orders with the conversion of Mironov 2017, and of 60000 / 256 steps an epoch.
  const event = {
    mechanism: { type: "gaussian", noiseMultiplier: noise },
    sampling: { type: "poisson", rate: 256 / 60000 },
    count: Math.floor((epochs * 60000) / 256),
  };
  const same = rdpEpsilon([event], { delta: 1e-5, adjacency: "add-remove", unit: "example", conversion: "classic" }).epsilon;
  const cells = [
    noise,
    clip,
    rate,
    epochs,
    `${accuracy.toFixed(1)} %`,
    `${(100 * last.accuracy).toFixed(1)} %`,
    epsilon,
    same.toFixed(2),
    last.epsilon.toFixed(2),
  ];
  console.log(`| ${cells.join(" | ")} |`);
}
