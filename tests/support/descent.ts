// What every optimizer kernel must do, as one battery of tests. All have the parameters (n, ...scalars, mu, g, w0, c, w, ...state).
import type { Engine, Kernels } from "fedlane";
import { describe, expect, test } from "vitest";
import { countCases } from "./count.ts";
import { bits, extremes, LENGTHS, normals } from "./data.ts";
import { allEngines, forEachBuild } from "./engines.ts";
import { guarded } from "./memory.ts";
import { add, exact, madd, type Rounded, sub } from "./rounding.ts";
import { expectSameBits } from "./same.ts";

/** One optimizer kernel, its twin and its rounding bound, element by element. */
export interface Descent {
  readonly name: string;
  kernel(kernels: Kernels): (...args: number[]) => void;
  /** lr, wd, and the rest in the kernel's order. */
  readonly scalars: readonly number[];
  /** Signs of the state vectors' values: "square" ones are > 0. */
  readonly state: readonly ("any" | "square")[];
  /** New weight and state from the gradient d (weight decay and term included), in f64. */
  twin(scalars: readonly number[], d: number, w: number, state: readonly number[]): readonly number[];
  /** The same in f32 with bounds. */
  rounded(scalars: readonly Rounded[], d: Rounded, w: Rounded, state: readonly Rounded[]): readonly Rounded[];
}

/** Which vectors of the local term are there. */
const TERMS = [
  { term: "no term", prox: false, control: false },
  { term: "w0", prox: true, control: false },
  { term: "c", prox: false, control: true },
  { term: "w0 and c", prox: true, control: true },
] as const;
const MU = Math.fround(0.3);

interface Vectors {
  readonly w: Float32Array;
  readonly g: Float32Array;
  readonly w0: Float32Array;
  readonly c: Float32Array;
  readonly state: readonly Float32Array[];
}
function vectors(pass: Descent, n: number, seed: number): Vectors {
  const state = pass.state.map((kind, k) => normals(n, seed + 4 + k, 0.5).map((x) => (kind === "square" ? x * x + 0.01 : x)));
  return { w: normals(n, seed), g: normals(n, seed + 1), w0: normals(n, seed + 2), c: normals(n, seed + 3), state };
}

/** Runs the kernel on copies between guard bands; gives the weights and the state. Inputs must come back as they were. */
function run(engine: Engine, pass: Descent, v: Vectors, mu: number, prox: boolean, control: boolean, offset = 0): Float32Array[] {
  const [g, w0, c, w] = [v.g, v.w0, v.c, v.w].map((x) => guarded(engine, x, offset)) as [Guarded, Guarded, Guarded, Guarded];
  const state = v.state.map((x) => guarded(engine, x, offset));
  const addresses = [g.address, prox ? w0.address : 0, control ? c.address : 0, w.address, ...state.map(({ address }) => address)];
  pass.kernel(engine.kernels)(v.w.length, ...pass.scalars, mu, ...addresses);
  expectSameBits(g.f32(), v.g, "gradient");
  expectSameBits(w0.f32(), v.w0, "w0");
  expectSameBits(c.f32(), v.c, "c");
  const out = [w, ...state].map((block) => block.f32());
  for (const block of [g, w0, c, w, ...state]) block.release();
  return out;
}
type Guarded = ReturnType<typeof guarded>;

export function testDescents(title: string, passes: readonly Descent[]): void {
  forEachBuild(title, (engine) => {
    describe.each(passes)("$name against the twin", (pass) => {
      const ran = countCases(TERMS.length * LENGTHS.length);
      describe.each(TERMS)("$term", ({ prox, control }) => {
        test.each(LENGTHS)("n = %i", (n) => {
          ran();
          const v = vectors(pass, n, 10 * n + 1);
          const got = run(engine(), pass, v, MU, prox, control, 4 * (n % 3));
          const scalars = pass.scalars.map(exact);
          for (let i = 0; i < n; i++) {
            const [w, g, w0, c] = [v.w[i]!, v.g[i]!, v.w0[i]!, v.c[i]!];
            const wd = pass.scalars[1]!;
            const d = g + wd * w + (prox ? MU * (w - w0) : 0) + (control ? c : 0);
            const want = pass.twin(
              pass.scalars,
              d,
              w,
              v.state.map((s) => s[i]!),
            );
            let slope = madd(exact(wd), exact(w), exact(g));
            if (prox) slope = madd(exact(MU), sub(exact(w), exact(w0)), slope);
            if (control) slope = add(slope, exact(c));
            const bound = pass.rounded(
              scalars,
              slope,
              exact(w),
              v.state.map((s) => exact(s[i]!)),
            );
            for (const [k, { value, error }] of bound.entries()) {
              const size = 1 + Math.abs(want[k]!);
              if (!(Math.abs(value - want[k]!) <= 1e-12 * size)) expect.fail(`the bound is of another formula than the twin: ${value}, ${want[k]}`);
              if (!(error < 1e-5 * size)) expect.fail(`a bound of ${error} could not fail`);
              if (!(Math.abs(got[k]![i]! - want[k]!) <= error))
                expect.fail(`output ${k}, element ${i}: expected ${want[k]} within ${error}, got ${got[k]![i]}`);
            }
          }
        });
      });
    });

    test.each(passes)("$name: mu = 0 is no term, bit for bit", (pass) => {
      for (const n of [5, 33, 1000]) {
        const v = vectors(pass, n, n);
        const [plain, prox] = [run(engine(), pass, v, 0, false, false), run(engine(), pass, v, 0, true, false)];
        for (const [k, values] of plain.entries()) expectSameBits(prox[k]!, values);
      }
    });

    test.each(passes)("$name: inputs may be one vector", (pass) => {
      const v = vectors(pass, 37, 3);
      const same = { ...v, w0: v.g, c: v.g };
      const want = run(engine(), pass, same, MU, true, true);
      const g = guarded(engine(), v.g);
      const out = [v.w, ...v.state].map((x) => guarded(engine(), x));
      pass.kernel(engine().kernels)(37, ...pass.scalars, MU, g.address, g.address, g.address, ...out.map(({ address }) => address));
      for (const [k, block] of out.entries()) expectSameBits(block.f32(), want[k]!);
      for (const block of [g, ...out]) block.release();
    });

    test.each(passes)("$name: NaN and Infinity reach the weight and state of their own element and no other, in every lane", (pass) => {
      const clean = run(engine(), pass, vectors(pass, 23, 5), MU, true, true);
      const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let bad = 0; bad < 23; bad++)
        for (const [k, at] of (["g", "w", "w0", "c"] as const).entries()) {
          const v = vectors(pass, 23, 5);
          const value = values[(bad + k) % 3]!;
          v[at][bad] = value;
          for (const [k, got] of run(engine(), pass, v, MU, true, true).entries()) {
            const others = got.map((x, i) => (i === bad ? clean[k]![i]! : x));
            expectSameBits(others, clean[k]!, `output ${k} with ${at}[${bad}] = ${value}`);
            expect(Number.isFinite(got[bad]), `output ${k} with ${at}[${bad}] = ${value}`).toBe(false);
          }
        }
    });
  });

  describe(`${title} across builds`, () => {
    test.each(passes)("$name: scalar and simd agree bit for bit, extreme values included", async (pass) => {
      const { scalar, simd } = await allEngines();
      for (const [i, n] of LENGTHS.entries())
        for (const [k, { prox, control }] of TERMS.entries()) {
          const v = vectors(pass, n, n + 7);
          if ((i + k) % 2 === 1) {
            v.g.set(extremes(n, n + 1));
            v.w.set(extremes(n, n + 2));
          }
          const [a, b] = [scalar!, simd!].map((engine) => run(engine, pass, v, MU, prox, control)) as [Float32Array[], Float32Array[]];
          // NaN payloads are outside the promise.
          for (const [k, values] of a.entries()) expectSameBits(plainNaN(b[k]!), plainNaN(values), `n = ${n}, output ${k}`);
        }
    });
    test("the check has teeth: one bit more is another vector", () => {
      const x = normals(9, 1);
      const y = x.slice();
      new Uint32Array(y.buffer)[4]! ^= 1;
      expect(bits(y)).not.toEqual(bits(x));
      expect(() => expectSameBits(y, x)).toThrow();
    });
  });
}
const plainNaN = (x: Float32Array): Float32Array => x.map((v) => (Number.isNaN(v) ? Number.NaN : v));
