import { describe, expect, test } from "vitest";
import {
  erf,
  erfc,
  erfcx,
  log1mExp,
  logAddExp,
  logErfc,
  logGamma,
  logNormalCdf,
  logSubExp,
  logSumExp,
  millsRatio,
  normalCdf,
  normalDensity,
} from "../../../src/privacy/accounting/special.ts";
import { random } from "../../support/data.ts";

/** Relative, and strict enough that a square rounded inside an exponential shows: x^2 = 420 would cost 4e-14. */
function close(got: number, want: number, relative = 1e-15): void {
  if (!(Math.abs(got - want) <= relative * Math.abs(want))) expect.fail(`got ${got} for ${want}, off by ${(got - want) / want} relative`);
}

// All computed with 60 digits from the double given.
const GOLDEN: [(x: number) => number, [number, number][]][] = [
  [
    erfc,
    [
      [-5, 1.9999999999984626],
      [-0.3, 1.3286267594591274],
      [0, 1],
      [0.1, 0.887537083981715],
      [0.46, 0.5153446099983203],
      [1.3, 0.06599205505934755],
      [2.7, 0.0001343327399405242],
      [3.75, 1.1372725656979665e-7],
      [8.1, 2.216308572065754e-30],
      [12.34, 3.359252131039292e-68],
      [20.5, 8.450842369572458e-185],
      [26.1, 3.081217493314593e-298],
    ],
  ],
  [
    erfcx,
    [
      [-5, 144009798674.66104],
      [-0.3, 1.4537492328427655],
      [0, 1],
      [1e-12, 0.9999999999988716],
      [0.46, 0.636787383832713],
      [2.7, 0.19687412733195578],
      [8.1, 0.06913392017734316],
      [26.1, 0.021600627726346206],
    ],
  ],
  [
    logErfc,
    [
      [-5, 0.6931471805591766],
      [-1e-10, 1.1283791670318507e-10],
      [1e-12, -1.1283791670961491e-12],
      [0.1, -0.11930497373739561],
      [0.46, -0.6629194564687089],
      [2.7, -8.915190702011655],
      [26.1, -685.0450329033094],
    ],
  ],
  [
    normalCdf,
    [
      [-30, 4.906713927148187e-198],
      [-20.3, 6.429244467698346e-92],
      [-8, 6.220960574271784e-16],
      [-3, 0.0013498980316300946],
      [-0.5, 0.3085375387259869],
      [0, 0.5],
      [1, 0.8413447460685429],
      [3, 0.9986501019683699],
    ],
  ],
  [
    logNormalCdf,
    [
      [-38, -726.5572160188201],
      [-8, -35.01343715991455],
      [-1.01, -1.8563130623431785],
      [-0.99, -1.8258103178428124],
      [0.5, -0.3689464152886564],
      [8, -6.220960574271786e-16],
    ],
  ],
  [
    logGamma,
    [
      [1e-300, 690.7755278982137],
      [0.1, 2.252712651734206],
      [0.999, 0.0005780385328913802],
      [1.000000001, -5.772157118381039e-10],
      [1.5, -0.12078223763524522],
      [2.000000001, 4.2278437040226697e-10],
      [9.9999, 12.801602305348396],
      [10, 12.801827480081469],
      [10.5, 13.940625219403763],
      [1e3, 5905.220423209181],
      [1e15, 3.3538776394910668e16],
    ],
  ],
];

describe.each(GOLDEN)("%o", (f, rows) => {
  test.each(rows)("at %f", (x, want) => close(f(x), want));
});

describe("identities on 2000 random places", () => {
  const r = random(11);
  test("erf + erfc = 1 over both of erf's forms", () => {
    for (let i = 0; i < 2000; i++) {
      const x = 4 * r() - 2;
      close(erf(x) + erfc(x), 1);
    }
  });
  test("the derivative of Mills' ratio is x R(x) - 1, by central differences", () => {
    for (let i = 0; i < 2000; i++) {
      const [x, step] = [10 * r() - 3, 1e-4];
      const slope = (millsRatio(x + step) - millsRatio(x - step)) / (2 * step);
      expect(Math.abs(slope - (x * millsRatio(x) - 1))).toBeLessThan(1e-6 * (1 + millsRatio(x) * (1 + x * x)));
    }
  });
  test("Phi(-x) = phi(x) R(x)", () => {
    for (let i = 0; i < 2000; i++) {
      const x = 37 * r();
      close(normalCdf(-x), normalDensity(x) * millsRatio(x), 1e-14);
    }
  });
  test("log Gamma(x + 1) = log Gamma(x) + log x", () => {
    for (let i = 0; i < 2000; i++) {
      const x = 20 * r() + 1e-3;
      expect(Math.abs(logGamma(x + 1) - logGamma(x) - Math.log(x))).toBeLessThan(2e-15 * (1 + Math.abs(logGamma(x + 1)) + Math.abs(Math.log(x))));
    }
  });
});

test("sums and differences of logarithms", () => {
  close(logAddExp(1000, 1000), 1000 + Math.LN2);
  close(logAddExp(0, -800), 0);
  expect(logAddExp(-Infinity, -Infinity)).toBe(-Infinity);
  expect(logAddExp(-Infinity, 3)).toBe(3);
  expect(logAddExp(Infinity, 3)).toBe(Infinity);
  close(logSubExp(1000 + Math.LN2, 1000), 1000);
  expect(logSubExp(5, 5)).toBe(-Infinity);
  expect(logSubExp(5, -Infinity)).toBe(5);
  expect(logSubExp(-Infinity, -Infinity)).toBe(-Infinity);
  close(log1mExp(-1e-20), Math.log(1e-20));
  close(log1mExp(-50), -Math.exp(-50));
  expect(logSumExp([])).toBe(-Infinity);
  expect(logSumExp([-Infinity, -Infinity])).toBe(-Infinity);
  close(logSumExp([-1e4, -1e4, -1e4 + Math.log(2)]), -1e4 + Math.log(4));
});

test("ends", () => {
  expect([erfc(-40), erfc(30), erfc(Infinity), erfcx(Infinity), normalCdf(-50), normalCdf(50), logErfc(-Infinity)]).toEqual([2, 0, 0, 0, 0, 1, Math.LN2]);
  for (const f of [erf, erfc, erfcx, logErfc, normalCdf, logNormalCdf, logGamma]) expect(f(Number.NaN)).toBeNaN();
  expect(logGamma(0)).toBeNaN();
});
