import {
  type Adjacency,
  discreteGaussianSumGap,
  type Mechanism,
  ParameterError,
  PrivacyError,
  type PrivacyEvent,
  type RdpOptions,
  rdpCurve,
  rdpDelta,
  rdpEpsilon,
  rdpToDelta,
  rdpToEpsilon,
  type Sampling,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { random } from "../../support/data.ts";
import { runs } from "../../support/runs.ts";

const ADD: RdpOptions = { adjacency: "add-remove", unit: "example" };
const REPLACE: RdpOptions = { adjacency: "replace-one", unit: "example" };
const ALL: Sampling = { type: "all" };
const poisson = (rate: number): Sampling => ({ type: "poisson", rate });
const gaussian = (noiseMultiplier: number): Mechanism => ({ type: "gaussian", noiseMultiplier });
const dpSgd = (rate: number, sigma: number, count = 1): PrivacyEvent => ({ mechanism: gaussian(sigma), sampling: poisson(rate), count });

/** integral of f over [-40, 40] in steps of 1/64: Simpson, whose nodes hold the kinks at whole numbers. */
function integral(f: (x: number) => number): number {
  let sum = 0;
  for (let i = 0; i <= 5120; i++) sum += (i === 0 || i === 5120 ? 1 : i % 2 === 1 ? 4 : 2) * f(i / 64 - 40);
  return sum / 192;
}
const normal = (x: number, mean: number, s: number) => Math.exp(-((x - mean) ** 2) / (2 * s * s)) / (s * Math.sqrt(2 * Math.PI));
const renyi = (a: number, p: (x: number) => number, q: (x: number) => number) =>
  Math.log(integral((x) => (q(x) < 1e-290 ? 0 : q(x) * (p(x) / q(x)) ** a))) / (a - 1);

describe("golden values", () => {
  // NUMERICS 3.3; digits printed there. The row (.01, 1, 1000) stands here with the value of the erfc series at 50 digits.
  test.each([
    [0.01, 1.1, 1000, 1e-5, 1.71177009122, 9.6],
    [256 / 60000, 1.1, 14062, 1e-5, 2.59655586895, 8.1],
    [0.04, 1.5, 2250, 1e-5, 7.32911117148, 3.9],
    [0.1, 2, 100, 1e-5, 2.58056880866, 7.6],
    [0.2, 0.5, 3, 1e-3, 8.95787793131, 2],
    [0.008, 1, 2500, 1e-5, 2.51414721384, 7.6],
    [1, 10, 50, 1e-6, 3.54236123162, 7.9],
    [0.01, 1, 1000, 1e-5, 2.1013652716484, 7.8],
    [1, 5, 100, 1e-5, 10.7255096964, 3.3],
  ])("q %d, sigma %d, %i steps", (q, sigma, steps, delta, want, order) => {
    const got = rdpEpsilon([dpSgd(q, sigma, steps)], { ...ADD, delta });
    expect(Math.abs(got.epsilon / want - 1)).toBeLessThan(5e-12);
    expect(got.order).toBe(order);
    expect(got.warning).toBeUndefined();
  });

  test("one step at order 5 and 50", () => {
    const [five, fifty] = rdpCurve([dpSgd(0.01, 2.5)], { ...ADD, orders: [5, 50] });
    expect(Math.abs(five! / 4.36151312462e-5 - 1)).toBeLessThan(1e-11);
    expect(Math.abs(fifty! / 4.76920750774e-4 - 1)).toBeLessThan(1e-11);
  });

  // (a - 1) RDP(a) by 40-digit quadrature of E[(1 + y)^a - 1 - a y] in mpmath; where the erfc series converge, both agree to all digits.
  test.each([
    [0.01, 2.5, [9.52747524600597e-7, 6.5007089718804e-6, 2.59537728835776e-5, 0.000439644211252862, 0.000951628098339301]],
    [0.2, 0.5, [0.0202580927671302, 0.218080537780257, 2.39230884869537, 88.088271865605, 198.277126754468]],
    [1e-6, 1, [9.45052707114707e-14, 6.44354815011604e-13, 2.56883341617254e-12, 4.30951604541864e-11, 9.27121259935853e-11]],
    [0.04, 1.5, [4.81656740034299e-5, 0.000331555846955862, 0.00134803396416533, 0.0264050183789982, 0.0652575534739218]],
    [0.3, 0.15, [1.31926454814746, 14.8607076664812, 63.6753069944948, 1105.51647335379, 2384.87669643285]],
    [0.999, 0.7, [0.112042056118242, 0.764346812713848, 3.04888146473646, 51.1760696776065, 110.101339444341]],
  ])("fractional orders, q %d, sigma %d", (q, sigma, want) => {
    const orders = [1.1, 1.5, 2.3, 7.6, 10.9];
    const got = rdpCurve([dpSgd(q, sigma)], { ...ADD, orders });
    for (const [i, a] of orders.entries()) expect(Math.abs((got[i]! * (a - 1)) / want[i]! - 1), `order ${a}`).toBeLessThan(1e-13);
  });

  test("whole orders by the binomial series meet the quadrature beside them", () => {
    for (const [q, sigma] of [
      [1e-4, 3],
      [0.01, 1],
      [0.5, 0.6],
      [0.9, 8],
    ] as const) {
      for (const a of [2, 3, 17, 128]) {
        const [below, at, above] = rdpCurve([dpSgd(q, sigma)], { ...ADD, orders: [a - 1e-7, a, a + 1e-7] });
        const slope = Math.abs(above! - below!) / at!;
        expect(slope).toBeLessThan(1e-4);
        expect(Math.abs((below! + above!) / (2 * at!) - 1), `q ${q} sigma ${sigma} order ${a}`).toBeLessThan(1e-12);
      }
    }
  });

  test("a constant curve of 1.1 on orders 2 to 32, and the warning that the grid ends there", () => {
    const orders = Array.from({ length: 31 }, (_, i) => i + 2);
    const got = rdpToEpsilon(
      orders.map(() => 1.1),
      orders,
      1e-5,
    );
    expect(got.epsilon).toBeCloseTo(1.32783806176, 11);
    expect(got.order).toBe(32);
    expect(got.warning).toMatch(/32.*end of the grid/);
  });

  test("the classic conversion gives the published 3.01", () => {
    expect(rdpEpsilon([dpSgd(256 / 60000, 1.1, 14062)], { ...ADD, delta: 1e-5, conversion: "classic" }).epsilon).toBeCloseTo(3.01, 2);
  });

  test("Skellam, and the gap of a sum of discrete Gaussians", () => {
    const mechanism: Mechanism = { type: "skellam", variance: 100, l1: 10, l2: 5 };
    expect(rdpCurve([{ mechanism, sampling: ALL }], { ...ADD, orders: [2] })[0]).toBeCloseTo(0.253375, 14);
    expect(Math.abs(discreteGaussianSumGap(1, 100) / 5.477886990601e-4 - 1)).toBeLessThan(1e-12);
    expect(discreteGaussianSumGap(0.1, 1)).toBe(0);
    let naive = 0;
    for (let k = 1; k < 200_000; k++) naive += 10 * Math.exp((-2 * Math.PI ** 2 * 0.25 * k) / (k + 1));
    const bound = discreteGaussianSumGap(0.5, 200_000); // sums 10,000 terms and bounds the rest
    expect(bound).toBeGreaterThanOrEqual(naive);
    expect(bound / naive).toBeLessThan(1.001);
  });
});

describe("mechanisms against their definition", () => {
  test("Laplace: integral of p^a q^(1-a)", () => {
    const density = (x: number, mean: number, b: number) => Math.exp(-Math.abs(x - mean) / b) / (2 * b);
    for (const b of [0.5, 1, 2]) {
      for (const a of [1.5, 2, 4.5]) {
        const want = renyi(
          a,
          (x) => density(x, 1, b),
          (x) => density(x, 0, b),
        );
        const [got] = rdpCurve([{ mechanism: { type: "laplace", noiseMultiplier: b }, sampling: ALL }], { ...ADD, orders: [a] });
        expect(Math.abs(got! / want - 1), `b ${b} order ${a}`).toBeLessThan(2e-5);
      }
    }
  });

  test("Laplace is pure: order Infinity gives epsilon = reach / b, also at delta 0", () => {
    const events: PrivacyEvent[] = [{ mechanism: { type: "laplace", noiseMultiplier: 4 }, sampling: ALL, count: 3 }];
    expect(rdpEpsilon(events, { ...ADD, delta: 0 })).toEqual({ epsilon: 0.75, order: Infinity });
    expect(rdpEpsilon(events, { ...REPLACE, delta: 0 }).epsilon).toBe(1.5);
    expect(rdpEpsilon([dpSgd(1, 4)], { ...ADD, delta: 0 }).epsilon).toBe(Infinity);
  });

  test("discrete Gaussian: the sum over the integers is at most a l2^2 / (2 s^2), and near it", () => {
    for (const s of [0.5, 1, 3]) {
      for (const shift of [1, 2]) {
        for (const a of [1.5, 3]) {
          let [mass, sum] = [0, 0];
          for (let x = -60; x <= 60; x++) {
            mass += Math.exp(-(x * x) / (2 * s * s));
            sum += Math.exp((-a * (x - shift) ** 2 - (1 - a) * x * x) / (2 * s * s));
          }
          const truth = Math.log(sum / mass) / (a - 1);
          const [got] = rdpCurve([{ mechanism: { type: "discrete-gaussian", sigma: s, l2: shift }, sampling: ALL }], { ...ADD, orders: [a] });
          expect(got!).toBeGreaterThanOrEqual(truth * (1 - 1e-12));
          if (a * shift === Math.round(a * shift)) expect(got! / truth - 1).toBeLessThan(1e-9); // equality where a * shift is whole
        }
      }
    }
  });

  test("distributed discrete Gaussian: the least of three, each the least somewhere", () => {
    const winners = new Set<number>();
    for (const [sigma, clients, dimension] of [
      [0.3, 10, 1],
      [0.55, 10, 1],
      [0.4, 100, 4000],
      [1, 100, 1e6],
      [1, 100, 16],
      [2, 100, 1e6],
      [0.45, 10, 100],
    ] as const) {
      for (const a of [1.5, 8, 100]) {
        for (const [options, reach] of [
          [ADD, 1],
          [REPLACE, 2],
        ] as const) {
          const [l2, l1] = [7, 40];
          const [d2, d1, t] = [reach * l2, reach * l1, discreteGaussianSumGap(sigma, clients)];
          const v = clients * sigma ** 2;
          const three = [
            (a * d2 ** 2) / (2 * v) + t * dimension,
            (a / 2) * (d2 ** 2 / v + (2 * d1 * t) / Math.sqrt(v) + t ** 2 * dimension),
            (a / 2) * (d2 / Math.sqrt(v) + Math.sqrt(dimension) * t) ** 2,
          ];
          const mechanism: Mechanism = { type: "distributed-discrete-gaussian", sigma, clients, l2, l1, dimension };
          const [got] = rdpCurve([{ mechanism, sampling: ALL }], { ...options, orders: [a] });
          expect(Math.abs(got! / Math.min(...three) - 1)).toBeLessThan(1e-12);
          winners.add(three.indexOf(Math.min(...three)));
        }
      }
    }
    expect(winners).toEqual(new Set([0, 1, 2]));
  });

  test("replace-one moves a sum twice as far", () => {
    for (const sampling of [ALL, poisson(1)]) {
      const far = rdpEpsilon([{ mechanism: gaussian(2), sampling, count: 7 }], { ...REPLACE, delta: 1e-6 });
      expect(far).toEqual(rdpEpsilon([{ mechanism: gaussian(1), sampling, count: 7 }], { ...ADD, delta: 1e-6 }));
    }
  });
});

describe("sampling", () => {
  const at = (mechanism: Mechanism, sampling: Sampling, options: RdpOptions, orders: readonly number[]) =>
    rdpCurve([{ mechanism, sampling }], { ...options, orders });
  const ORDERS = [1.3, 2, 3, 4.5, 8];

  test("Poisson, any mechanism: above the exact Gaussian of the same curve, not far, and below the unsampled one", () => {
    for (const q of [1e-4, 0.01, 0.3]) {
      for (const s of [0.7, 1, 4]) {
        const twin: Mechanism = { type: "discrete-gaussian", sigma: s, l2: 1 };
        const exact = at(gaussian(s), poisson(q), ADD, ORDERS);
        const bound = at(twin, poisson(q), ADD, ORDERS);
        const unsampled = at(twin, ALL, ADD, ORDERS);
        for (const i of ORDERS.keys()) {
          expect(bound[i]!).toBeGreaterThanOrEqual(exact[i]! * (1 - 1e-12));
          expect(bound[i]!).toBeLessThanOrEqual(unsampled[i]!);
          if (Number.isInteger(ORDERS[i]!) && s <= 1) expect(bound[i]!).toBeLessThan(3.3 * exact[i]!);
        }
      }
    }
  });

  test("Poisson, Laplace: above both directions of the pair", () => {
    const p = (x: number) => Math.exp(-Math.abs(x)) / 2;
    for (const q of [0.02, 0.4]) {
      const mixture = (x: number) => (1 - q) * p(x) + q * p(x - 1);
      const bound = at({ type: "laplace", noiseMultiplier: 1 }, poisson(q), ADD, ORDERS);
      for (const [i, a] of ORDERS.entries()) {
        const truth = Math.max(renyi(a, mixture, p), renyi(a, p, mixture));
        expect(truth).toBeGreaterThan(0);
        expect(bound[i]!).toBeGreaterThanOrEqual(truth * (1 - 1e-5)); // the integral's error; at order 2 both are equal
        if (a >= 2) expect(bound[i]!).toBeLessThan(3 * truth);
      }
    }
  });

  // The pair that replacing a contribution of +1 by -1 makes: a lower bound on what any correct answer may say.
  const opposite = (a: number, q: number, s: number) => {
    const side = (sign: number) => (x: number) => (1 - q) * normal(x, 0, s) + q * normal(x, sign, s);
    return renyi(a, side(1), side(-1));
  };

  test("replace-one, Gaussian, Poisson and without replacement: above the opposite pair, below the unsampled mechanism", () => {
    for (const [size, population] of [
      [1, 100],
      [30, 100],
    ] as const) {
      for (const s of [1, 2, 5]) {
        const q = size / population;
        const poissonBound = at(gaussian(s), poisson(q), REPLACE, ORDERS);
        const fixedBound = at(gaussian(s), { type: "without-replacement", size, population }, REPLACE, ORDERS);
        const unsampled = at(gaussian(s), ALL, REPLACE, ORDERS);
        for (const [i, a] of ORDERS.entries()) {
          const truth = opposite(a, q, s);
          for (const bound of [poissonBound, fixedBound]) {
            expect(bound[i]!, `q ${q} s ${s} order ${a}`).toBeGreaterThanOrEqual(truth);
            expect(bound[i]!).toBeLessThanOrEqual(unsampled[i]!);
          }
          if (a >= 2 && q < 0.1 && s >= 2) {
            expect(poissonBound[i]!).toBeLessThan(2 * truth);
            expect(fixedBound[i]!).toBeLessThan(8 * truth);
          }
        }
      }
    }
  });

  // The definition of theorem 27 with its forward differences as an alternating sum: enough digits at low orders.
  test("without replacement, Gaussian: theorem 27", () => {
    const [s, q] = [1.5, 0.05];
    const moment = (k: number) => Math.exp((k * (k - 1)) / (2 * s * s));
    const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n, k - 1) * (n - k + 1)) / k);
    const difference = (l: number) => Array.from({ length: l + 1 }, (_, i) => (-1) ** (l - i) * choose(l, i) * moment(i)).reduce((x, y) => x + y);
    const orders = [2, 3, 4, 5, 6];
    const got = at(gaussian(2 * s), { type: "without-replacement", size: 5, population: 100 }, REPLACE, orders);
    for (const [i, a] of orders.entries()) {
      let sum = 1 + q * q * choose(a, 2) * Math.min(4 * (moment(2) - 1), 2 * moment(2));
      for (let j = 3; j <= a; j++) {
        const tight = 4 * Math.sqrt(difference(2 * Math.floor(j / 2)) * difference(2 * Math.ceil(j / 2)));
        sum += q ** j * choose(a, j) * Math.min(tight, 2 * moment(j));
      }
      expect(Math.abs(got[i]! / (Math.log(sum) / (a - 1)) - 1), `order ${a}`).toBeLessThan(1e-12);
    }
  });

  test("what is known of no adjacency or no sampling is refused with the reason", () => {
    const fixed: Sampling = { type: "without-replacement", size: 1, population: 10 };
    expect(() => rdpEpsilon([{ mechanism: gaussian(1), sampling: fixed }], { ...ADD, delta: 1e-5 })).toThrow(PrivacyError);
    expect(() => rdpEpsilon([{ mechanism: gaussian(1), sampling: fixed }], { ...ADD, delta: 1e-5 })).toThrow(/replace-one/);
    const shuffled = { type: "shuffled", rate: 0.01 } as unknown as Sampling;
    expect(() => rdpEpsilon([{ mechanism: gaussian(1), sampling: shuffled }], { ...ADD, delta: 1e-5 })).toThrow(/no amplification/);
  });
});

describe("edges", () => {
  const epsilon = (event: PrivacyEvent, delta = 1e-5) => rdpEpsilon([event], { ...ADD, delta }).epsilon;

  test("no noise is Infinity; no sample, no release and no event are 0", () => {
    const silent: Mechanism[] = [
      gaussian(0),
      { type: "laplace", noiseMultiplier: 0 },
      { type: "discrete-gaussian", sigma: 0, l2: 1 },
      { type: "distributed-discrete-gaussian", sigma: 0, clients: 3, l2: 1, l1: 1, dimension: 1 },
      { type: "skellam", variance: 0, l2: 1, l1: 1 },
    ];
    for (const mechanism of silent) {
      for (const options of [ADD, REPLACE]) {
        const at = (event: PrivacyEvent) => rdpEpsilon([event], { ...options, delta: 1e-5 }).epsilon;
        expect(at({ mechanism, sampling: ALL }), mechanism.type).toBe(Infinity);
        expect(at({ mechanism, sampling: poisson(0.1) }), mechanism.type).toBe(Infinity);
        expect(at({ mechanism, sampling: poisson(0) })).toBe(0);
        expect(at({ mechanism, sampling: ALL, count: 0 })).toBe(0);
      }
    }
    expect(rdpEpsilon([], { ...ADD, delta: 1e-5 }).epsilon).toBe(0);
  });

  test("never NaN: 1e7 steps, orders to 1024, noise from 1e-300 to 1e300", () => {
    let finite = 0;
    for (const sigma of [1e-300, 1e-3, 0.05, 0.3, 1, 30, 1e8, 1e300]) {
      for (const sampling of [ALL, poisson(1e-12), poisson(0.01), poisson(1 - 1e-12), { type: "without-replacement", size: 1, population: 9 }] as Sampling[]) {
        for (const mechanism of [
          gaussian(sigma),
          { type: "laplace", noiseMultiplier: sigma },
          { type: "skellam", variance: sigma, l2: 1, l1: 1 },
        ] as Mechanism[]) {
          const curve = rdpCurve([{ mechanism, sampling, count: 1e7 }], REPLACE);
          expect(
            curve.every((v) => v >= 0),
            `${mechanism.type} ${sigma} ${sampling.type}`,
          ).toBe(true);
          finite += curve.filter((v) => v < Infinity).length;
        }
      }
    }
    expect(finite).toBeGreaterThan(8000);
    expect(epsilon(dpSgd(0.01, 1, 1e7))).toBeGreaterThan(1000);
    expect(epsilon(dpSgd(0.01, 1, 1e7))).toBeLessThan(Infinity);
  });

  test("noise so small that the quadrature is left to chords still bounds: at most the unsampled mechanism, at least a little more noise", () => {
    for (const sigma of [0.01, 0.05, 0.08]) {
      const got = epsilon(dpSgd(0.1, sigma));
      expect(got).toBeLessThanOrEqual(epsilon(dpSgd(1, sigma)) * 1.1);
      expect(got).toBeGreaterThan(epsilon(dpSgd(0.1, sigma * 1.5)));
    }
  });

  test("epsilon and delta are inverse", () => {
    for (const [q, sigma, steps] of [
      [0.01, 1.1, 1000],
      [1, 5, 10],
      [0.2, 0.8, 3],
    ] as const) {
      for (const conversion of ["tight", "classic"] as const) {
        const events = [dpSgd(q, sigma, steps)];
        for (const delta of [1e-3, 1e-7]) {
          const { epsilon: spent } = rdpEpsilon(events, { ...ADD, delta, conversion });
          expect(Math.abs(rdpDelta(events, { ...ADD, epsilon: spent, conversion }).delta / delta - 1)).toBeLessThan(1e-9);
        }
      }
    }
    expect(rdpToDelta([0.1], [2], 5).delta).toBeLessThanOrEqual(1);
    expect(rdpToDelta([Infinity], [2], 5).delta).toBe(1);
    expect(rdpToDelta([1], [Infinity], 0.5).delta).toBe(1);
    expect(rdpToDelta([1], [Infinity], 1).delta).toBe(0);
    expect(rdpDelta([dpSgd(0.2, 0.5, 3)], { ...ADD, epsilon: 1 }).delta).toBeGreaterThan(0.15594); // the true value
  });

  test("nonsense is refused, naming the argument", () => {
    const good = dpSgd(0.1, 1);
    const bad: [PrivacyEvent[], object, RegExp][] = [
      [[good], { delta: NaN }, /delta/],
      [[good], { delta: 1 }, /delta/],
      [[good], { delta: -1e-9 }, /delta/],
      [[good], { delta: "1e-5" }, /delta/],
      [[good], { adjacency: undefined }, /adjacency/],
      [[good], { adjacency: "add" }, /adjacency/],
      [[good], { unit: undefined }, /unit/],
      [[good], { orders: [] }, /orders/],
      [[good], { orders: [2, 1] }, /orders/],
      [[good], { orders: [NaN] }, /orders/],
      [[good], { conversion: "old" }, /conversion/],
      [[good], { adjacent: "add-remove" }, /adjacent/],
      [good as never, {}, /events/],
      [[dpSgd(NaN, 1)], {}, /rate/],
      [[dpSgd(1.5, 1)], {}, /rate/],
      [[dpSgd(0.1, -1)], {}, /noiseMultiplier/],
      [[dpSgd(0.1, Infinity)], {}, /noiseMultiplier/],
      [[dpSgd(0.1, 1, 0.5)], {}, /count/],
    ];
    for (const [events, change, message] of bad) {
      const call = () => rdpEpsilon(events, { ...ADD, delta: 1e-5, ...change });
      expect(call, String(message)).toThrow(ParameterError);
      expect(call).toThrow(message);
    }
    expect(() => rdpToEpsilon([1], [2, 3], 1e-5)).toThrow(/curve/);
    expect(() => rdpToEpsilon([NaN], [2], 1e-5)).toThrow(/curve/);
    expect(() => rdpToDelta([1], [2], NaN)).toThrow(/epsilon/);
  });
});

describe("properties", () => {
  test("epsilon falls with noise and delta, grows with rate and steps: 10,000 random settings", () => {
    const r = random(11);
    const orders = [1.5, 2, 3, 6, 12, 32];
    const total = runs(10_000);
    let strict = 0;
    for (let i = 0; i < total; i++) {
      const [q, sigma, delta] = [10 ** (-4 * r()), 10 ** (-0.5 + 2 * r()), 10 ** (-1 - 9 * r())];
      const steps = Math.ceil(10 ** (4 * r()));
      const adjacency: Adjacency = r() < 0.7 ? "add-remove" : "replace-one";
      const epsilon = (...[rate, noise, count, at]: [number, number, number, number]) =>
        rdpEpsilon([dpSgd(rate, noise, count)], { adjacency, unit: "client", delta: at, orders }).epsilon;
      const base = epsilon(q, sigma, steps, delta);
      const factor = 1 + r();
      const other = [
        epsilon(q, sigma * factor, steps, delta),
        epsilon(q / factor, sigma, steps, delta),
        epsilon(q, sigma, Math.floor(steps / factor), delta),
        epsilon(q, sigma, steps, Math.min(0.5, delta * factor)),
      ][i % 4]!;
      if (!(other <= base * (1 + 1e-12)))
        expect.fail(`case ${i % 4}: q ${q}, sigma ${sigma}, steps ${steps}, delta ${delta}, factor ${factor}: ${other} > ${base}`);
      if (other < base) strict++;
    }
    expect(strict).toBeGreaterThan(0.8 * total);
  });

  test("the order of composition is irrelevant, and count is repetition", () => {
    const r = random(12);
    for (let i = 0; i < 50; i++) {
      const events = Array.from({ length: 8 }, () => dpSgd(r(), 0.5 + 5 * r(), Math.ceil(20 * r())));
      const one = rdpEpsilon(events, { ...ADD, delta: 1e-6 }).epsilon;
      const two = rdpEpsilon(events.toReversed(), { ...ADD, delta: 1e-6 }).epsilon;
      const apart = rdpEpsilon(
        events.flatMap(({ count = 1, ...event }) => Array.from({ length: count }, () => event)),
        { ...ADD, delta: 1e-6 },
      ).epsilon;
      expect(Math.abs(two / one - 1)).toBeLessThan(1e-9);
      expect(Math.abs(apart / one - 1)).toBeLessThan(1e-9);
    }
  });

  test("10,000 compositions of one mechanism in under 200 ms", () => {
    const once = dpSgd(0.0123, 1.234);
    const events = Array.from({ length: 10_000 }, () => once);
    const from = performance.now();
    const apart = rdpEpsilon(events, { ...ADD, delta: 1e-5 }).epsilon;
    const took = performance.now() - from;
    expect(Math.abs(apart / rdpEpsilon([{ ...once, count: 10_000 }], { ...ADD, delta: 1e-5 }).epsilon - 1)).toBeLessThan(1e-9);
    expect(took).toBeLessThan(200);
  });
});
