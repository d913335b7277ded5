// What the benches say of what they measured: targets kept or not, and the comparison with native code.
import { describe, expect, test } from "vitest";
import type { Contender, Outcome } from "../../bench/kit.ts";
import { shareOfLimit } from "../../bench/limits.ts";
import { blasSentence, median, type Native, type Row, report } from "../../bench/native/report.ts";
import { verdicts } from "../../bench/targets.ts";

describe("targets", () => {
  const limits = { madd: { scalar: 10, simd: 40, relaxed: 80 }, copy: { cache: 100, memory: 30 } };
  const timed = (benchmark: string, contender: Contender, milliseconds: number, rate?: number): Outcome => ({
    benchmark,
    shape: "s",
    contender,
    status: "timed",
    median: milliseconds,
    ...(rate === undefined ? {} : { rate, unit: "GFLOP/s" }),
  });
  const outcomes = [
    timed("a", "ours simd", 2, 30),
    timed("a", "ours relaxed", 1, 60),
    timed("a", "jax-js", 8),
    { ...timed("a", "tfjs-cpu", 1), status: "wrong" } as const,
    timed("b", "ours simd", 3),
  ];
  const a = ["a", "s"] as const;

  test("each kind is met at its figure and missed beyond it", () => {
    const said = verdicts(outcomes, limits, [
      { work: a, rival: "jax-js", times: 4 },
      { work: a, rival: "jax-js", times: 4.1 },
      { work: a, share: 0.75 },
      { work: a, share: 0.76 },
      { work: a, than: ["b", "s"], most: 0.67 },
      { work: a, than: ["b", "s"], most: 0.66 },
      { work: a, fast: 2 },
      { work: a, fast: 2.1 },
      { work: a, each: 100, perSecond: 50_000 },
      { work: a, each: 100, perSecond: 50_001 },
    ]);
    expect(said.map((text) => / (met|missed) \(/.exec(text)?.[1])).toEqual([
      "met",
      "missed",
      "met",
      "missed",
      "met",
      "missed",
      "met",
      "missed",
      "met",
      "missed",
    ]);
    expect(said[0]).toBe("a, s: at least 4 times jax-js: met (4.00)");
    expect(said[2]).toBe("a, s: at least 0.75 of the limit: met (0.750)");
    expect(said[4]).toBe("a, s: at most 0.67 of b, s: met (0.667)");
  });

  test("the limit of work on vectors is a copy of its footprint, or the roots where they bind more", () => {
    const own = { ...limits, roots: { simd: 2 }, copy: { ...limits.copy, of: { 4096: 50 } } };
    const outcome: Outcome = { ...timed("v", "ours simd", 0.001), rate: 40, unit: "GB/s" };
    expect(shareOfLimit(outcome, own)).toBeCloseTo(0.4, 12); // of 100 in cache
    expect(shareOfLimit({ ...outcome, footprint: 4096 }, own)).toBeCloseTo(0.8, 12);
    expect(shareOfLimit({ ...outcome, footprint: 4096, roots: 1800 }, own)).toBeCloseTo(0.9, 12); // 1.8 of 2 milliards a second
    expect(shareOfLimit({ ...outcome, footprint: 4096, roots: 200 }, own)).toBeCloseTo(0.8, 12);
    expect(shareOfLimit({ ...outcome, footprint: 4096, roots: 1800, contender: "ours scalar" }, own)).toBeCloseTo(0.8, 12); // not measured there
  });

  test("nothing is said of work that was not run, nor claimed against a rival that is missing or wrong", () => {
    expect(verdicts(outcomes, limits, [{ work: ["c", "s"], share: 0.1 }])).toEqual([]);
    const others = verdicts(outcomes, limits, [
      { work: a, rival: "convnetjs", times: 1 },
      { work: a, rival: "tfjs-cpu", times: 0.1 },
      { work: a, than: ["c", "s"], most: 9 },
    ]);
    expect(others).toHaveLength(3);
    for (const text of others) expect(text).toMatch(/: not measured$/);
  });
});

describe("native", () => {
  const blas = {
    files: ["/usr/lib/openblas-pthread/libblas.so.3", "/usr/lib/openblas-pthread/libopenblasp-r0.3.21.so"],
    about: "OpenBLAS 0.3.21",
    torch: ["generic"],
  };
  const native: Native = { python: "3.11.2 (/usr/bin/python3)", torch: "1.13.0", numpy: "1.24.2", vmap: true, blas: { ...blas, gflops: 121 } };

  test("medians", () => {
    expect([median([3]), median([4, 1, 2]), median([4, 1, 2, 3])]).toEqual([3, 2, 2.5]);
    expect(median([])).toBeNaN();
  });

  test("the BLAS is named, and one that proves nothing is called so", () => {
    expect(blasSentence(native)).toBe("BLAS: OpenBLAS 0.3.21; 121 GFLOP/s in a product of 512.");
    const reference = { ...blas, files: ["/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0"], about: "" };
    expect(blasSentence({ ...native, blas: { ...reference, gflops: 2.6 } })).toMatch(/^BLAS: \/usr\/lib\S+; 2.60 GFLOP\/s .* WARNING: .*libopenblas0/);
    expect(blasSentence({ ...native, blas: { ...reference, gflops: 50 } })).toContain("WARNING");
    expect(blasSentence({ ...native, blas: { files: [], about: "", torch: ["mkl"], gflops: 90 } })).toBe(
      "BLAS: unknown (PyTorch was built for mkl); 90.0 GFLOP/s in a product of 512.",
    );
    expect(blasSentence({ ...native, blas: { files: [], about: "", torch: [], gflops: 3 } })).toContain("WARNING");
  });

  test("ratios are native over ours, per build; targets are judged; what was not measured is left empty", () => {
    const rows: Row[] = [
      { name: "2NN step", shape: "batch 10", native: [0.9, 0.8, 1], ours: { simd: [0.3], relaxed: [0.2, 0.25, 0.3] }, target: { build: "simd", times: 1 } },
      { name: "big", shape: "batch 10", native: [10], ours: { simd: [40], relaxed: [30] }, target: { build: "relaxed", times: 1 / 2.5 } },
      { name: "odd", shape: "batch 32", native: [], ours: {}, target: { build: "simd", times: 10 }, note: "no vmap" },
    ];
    const lines = report(native, "machine", rows).split("\n");
    expect(lines).toContain("| 2NN step | batch 10 | 0.300 | 0.250 | 0.900 | 3.00 | 3.60 | 2.67 | 4.00 |  |");
    expect(lines).toContain("| odd | batch 32 |  |  |  |  |  |  |  | no vmap |");
    expect(lines).toContain("- 2NN step, batch 10, simd: native takes at least 1.00 times our time: met (3.00; by the least samples 2.67)");
    expect(lines).toContain("- big, batch 10, relaxed: native takes at least 0.400 times our time: missed (0.333; by the least samples 0.333)");
    expect(lines).toContain("- odd, batch 32, simd: native takes at least 10.0 times our time: not measured");
  });
});
