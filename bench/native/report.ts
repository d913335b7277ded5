// What bench/native.ts prints, from what was measured. Pure: tests/bench/native.test.ts.
import type { Build } from "fedlane";

/** First line of bench/native/steps.py. */
export interface Native {
  readonly python: string;
  readonly torch: string;
  readonly numpy: string;
  /** Whether PyTorch has vmap. */
  readonly vmap: boolean;
  readonly blas: {
    /** Libraries of the process that are one. */
    readonly files: readonly string[];
    /** What OpenBLAS says of itself. */
    readonly about: string;
    /** What PyTorch was built for. */
    readonly torch: readonly string[];
    /** Rate of a product of 512. */
    readonly gflops: number;
  };
}

/** One row: milliseconds of the samples, or why there are none. */
export interface Row {
  readonly name: string;
  readonly shape: string;
  readonly native: readonly number[];
  readonly ours: Partial<Readonly<Record<Build, readonly number[]>>>;
  /** Promise: native time over ours at least `times`. */
  readonly target?: { readonly build: Build; readonly times: number };
  readonly note?: string;
}

export const median = (samples: readonly number[]): number => {
  const sorted = [...samples].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
};

const least = (samples: readonly number[]): number => (samples.length === 0 ? Number.NaN : Math.min(...samples));

const digits = (x: number): string => (Number.isNaN(x) ? "" : x >= 100 ? x.toFixed(0) : x.toPrecision(3));

/** GFLOP/s below which a BLAS is no rival: the reference BLAS makes about 3. */
const SLOW = 10;

/** Which BLAS NumPy and PyTorch call, in one sentence, with a warning when it proves nothing. */
export function blasSentence({ blas }: Native): string {
  const named = blas.about || blas.files.join(", ") || `unknown (PyTorch was built for ${blas.torch.join(", ") || "an unnamed one"})`;
  const reference = blas.files.some((file) => /\/(blas\/)?libblas\.so[.\d]*$/.test(file)) && !blas.files.some((file) => /openblas|mkl|blis|atlas/.test(file));
  const rate = `${digits(blas.gflops)} GFLOP/s in a product of 512`;
  if (!reference && blas.gflops >= SLOW) return `BLAS: ${named}; ${rate}.`;
  return `BLAS: ${named}; ${rate}. WARNING: this is a reference BLAS or as slow as one and the ratios prove nothing; on Debian, apt-get install libopenblas0-pthread.`;
}

/** The table, then one sentence a target. */
export function report(native: Native, machine: string, rows: readonly Row[]): string {
  const ratio = (row: Row, build: Build, of = median) => of(row.native) / of(row.ours[build] ?? []);
  const lines = rows.map((row) => {
    const times = [row.ours.simd ?? [], row.ours.relaxed ?? [], row.native].map(median);
    const ratios = [median, least].flatMap((of) => [ratio(row, "simd", of), ratio(row, "relaxed", of)]);
    return `| ${[row.name, row.shape, ...[...times, ...ratios].map(digits), row.note ?? ""].join(" | ")} |`;
  });
  const promises = rows.flatMap((row) => {
    if (!row.target) return [];
    const { build, times } = row.target;
    const found = ratio(row, build);
    const verdict = Number.isNaN(found)
      ? "not measured"
      : `${found >= times ? "met" : "missed"} (${digits(found)}; by the least samples ${digits(ratio(row, build, least))})`;
    return [`- ${row.name}, ${row.shape}, ${build}: native takes at least ${digits(times)} times our time: ${verdict}`];
  });
  return [
    `${machine}; Python ${native.python}, PyTorch ${native.torch}, NumPy ${native.numpy}; one thread each, turn by turn in one session.`,
    blasSentence(native),
    "",
    "Median milliseconds of an iteration, the answers of both sides compared first. The ratios are native over ours, above 1 ours is faster: of the medians, and of the least samples, which a busy machine disturbs less.",
    "",
    "| work | shape | ours, simd | ours, relaxed | native | native / simd | native / relaxed | least, simd | least, relaxed | |",
    `|---|---|${"--:|".repeat(7)}---|`,
    ...lines,
    "",
    ...promises,
    "",
  ].join("\n");
}
