// What the project promises itself, as data, and whether a run kept it. Of the simd build, one thread.
import type { Contender, Outcome } from "./kit.ts";
import { type Limits, shareOfLimit } from "./limits.ts";
import { LAYOUTS } from "./shapes.ts";

type Work = readonly [benchmark: string, shape: string];

export type Target = { readonly work: Work } & (
  | { readonly rival: Contender; readonly times: number } // at least so many times faster than a rival
  | { readonly share: number } // at least this share of the limit of the same run
  | { readonly than: Work; readonly most: number } // at most so many times the time of other work of ours
  | { readonly each: number; readonly perSecond: number } // at least so many a second, of which an iteration makes `each`
  | { readonly fast: number } // the relaxed build at least so many times faster than the simd build
);

const [ten, thirtyTwo] = ["batch 10", "batch 32"] as const;

export const TARGETS: readonly Target[] = [
  ...["256x256x256", "512x512x512"].flatMap((shape) => LAYOUTS.map((layout): Target => ({ work: [`gemm ${layout}`, shape], share: 0.9 }))),
  ...[10, 32].flatMap((m): Target[] => [
    { work: ["gemm nn", `${m}x200x784`], share: 0.75 },
    { work: ["gemm nt", `${m}x784x200`], share: 0.75 },
    { work: ["gemm tn step", `784x200x${m}`], share: 0.75 },
  ]),
  { work: ["gemm nn", "512x512x512"], fast: 1.3 },
  { work: ["2NN step", ten], rival: "jax-js", times: 2.5 },
  { work: ["2NN step", thirtyTwo], rival: "jax-js", times: 1.5 },
  { work: ["2NN step", ten], rival: "tfjs-wasm", times: 14 },
  { work: ["2NN step", thirtyTwo], rival: "tfjs-wasm", times: 8 },
  { work: ["2NN step", ten], share: 0.7 },
  { work: ["2NN step", thirtyTwo], share: 0.8 },
  { work: ["2NN step, hollow kernels", ten], than: ["2NN step", ten], most: 0.05 },
  { work: ["logistic step", ten], rival: "tfjs-wasm", times: 20 },
  { work: ["small CNN step", ten], rival: "convnetjs", times: 12 },
  { work: ["small CNN step", ten], rival: "jax-js", times: 30 },
  { work: ["McMahan CNN step", ten], rival: "jax-js", times: 60 },
  { work: ["McMahan CNN step", ten], rival: "tfjs-cpu", times: 500 },
  { work: ["McMahan CNN step", ten], share: 0.65 },
  { work: ["McMahan CNN step", ten], fast: 1.3 },
  { work: ["matrix factorisation step", thirtyTwo], rival: "tfjs-wasm", times: 50 },
  { work: ["2NN step, clipped", thirtyTwo], than: ["2NN step", thirtyTwo], most: 1.15 },
  { work: ["2NN step, clipped", thirtyTwo], rival: "tfjs-wasm", times: 50 },
  { work: ["2NN step, clipped", thirtyTwo], rival: "jax-js", times: 50 },
  { work: ["McMahan CNN step, clipped", thirtyTwo], than: ["McMahan CNN step", thirtyTwo], most: 1.6 },
  ...["sgd", "momentum", "nesterov", "adam", "yogi", "adagrad", "rmsprop"].map((name): Target => ({ work: [name, "1,663,370"], share: 0.85 })),
  { work: ["clip + noise", "199,210"], rival: "tfjs-wasm", times: 3 },
  { work: ["grid noise", "199,210"], each: 199_210, perSecond: 50e6 },
  { work: ["grid noise", "199,210"], rival: "tfjs-wasm", times: 2.5 },
  { work: ["clip + grid noise + quantize", "199,210"], rival: "tfjs-wasm", times: 8 },
  { work: ["chacha20", "256 KiB"], each: 2 ** 18, perSecond: 1e9 },
  { work: ["discrete Gaussian, sigma 1000.5", "199,210"], each: 199_210, perSecond: 3e6 },
  { work: ["weighted mean", "10 x 199,210"], rival: "tfjs-wasm", times: 3 },
];

const digits = (x: number): string => x.toPrecision(3);

/** One sentence a target whose work was run: met, missed or, without the other side of it, not measured. */
export function verdicts(outcomes: readonly Outcome[], limits: Limits, targets: readonly Target[] = TARGETS): string[] {
  const find = ([benchmark, shape]: Work, contender: Contender) =>
    outcomes.find((o) => o.benchmark === benchmark && o.shape === shape && o.contender === contender && o.status === "timed");
  const ratio = (a: Outcome | undefined, b: Outcome | undefined) => a && b && a.median! / b.median!;
  return targets.flatMap((target) => {
    const { work } = target;
    const ours = find(work, "ours simd");
    if (!ours) return [];
    const [promise, figure, kept] =
      "rival" in target
        ? [`at least ${target.times} times ${target.rival}`, ratio(find(work, target.rival), ours), (f: number) => f >= target.times]
        : "share" in target
          ? [`at least ${target.share} of the limit`, shareOfLimit(ours, limits), (f: number) => f >= target.share]
          : "than" in target
            ? [`at most ${target.most} of ${target.than.join(", ")}`, ratio(ours, find(target.than, "ours simd")), (f: number) => f <= target.most]
            : "each" in target
              ? [`at least ${digits(target.perSecond)} a second`, (1000 * target.each) / ours.median!, (f: number) => f >= target.perSecond]
              : [`relaxed at least ${target.fast} times simd`, ratio(ours, find(work, "ours relaxed")), (f: number) => f >= target.fast];
    return `${work.join(", ")}: ${promise}: ${figure === undefined ? "not measured" : `${kept(figure) ? "met" : "missed"} (${digits(figure)})`}`;
  });
}
