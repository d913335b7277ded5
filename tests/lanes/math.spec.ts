// The polynomials against values computed to 40 digits by mpmath 1.3.
import * as d from "../../assembly/lanes/f64";
import * as f from "../../assembly/lanes/f32";
import { exp2_minus, mills } from "../../assembly/lanes/math";
import { expm1_rest, MAGIC, pow2, power } from "../../assembly/lanes/math_f32";

const P: usize = heap.alloc(32);

function near(got: f64, want: f64, relative: f64): void {
  expect(abs<f64>(got - want)).toBeLessThanOrEqual(relative * abs<f64>(want));
}
function mills_is(a: f64, want: f64): void {
  near(mills<f64>(a), want, 2.4e-9);
  if (ASC_FEATURE_SIMD) {
    d.st<v128>(P, mills<v128>(f64x2(a, 1)));
    expect(load<f64>(P)).toBe(mills<f64>(a));
    expect(load<f64>(P, 8)).toBe(mills<f64>(1));
  }
}
function exp2_is(u: f64, want: f64): void {
  near(exp2_minus<f64>(u), want, 1.9e-9);
  if (ASC_FEATURE_SIMD) {
    d.st<v128>(P, exp2_minus<v128>(f64x2(1000, u)));
    expect(load<f64>(P)).toBe(exp2_minus<f64>(1000));
    expect(load<f64>(P, 8)).toBe(exp2_minus<f64>(u));
  }
}
function rest_is(x: f32, k: i32, want: f64): void {
  const t = power<f32>(x);
  expect(<i32>(t - MAGIC)).toBe(k);
  expect(abs<f64>(<f64>expm1_rest<f32>(x, t) - want)).toBeLessThanOrEqual(2.98e-8); // 2^-25
  if (abs<i32>(k) < 120) expect(<f64>pow2<f32>(t, 3)).toBe(reinterpret<f64>(<i64>(k + 3 + 1023) << 52));
  if (ASC_FEATURE_SIMD) {
    const v = f32x4(1, x, -2, 0.25);
    f.st<v128>(P, expm1_rest<v128>(v, power<v128>(v)));
    expect(load<f32>(P, 4)).toBe(expm1_rest<f32>(x, t));
    expect(load<f32>(P, 12)).toBe(expm1_rest<f32>(0.25, power<f32>(0.25)));
    f.st<v128>(P, pow2<v128>(power<v128>(v), 3));
    expect(load<f32>(P, 4)).toBe(pow2<f32>(t, 3));
  }
}

describe("lanes/math", () => {
  test("mills: e^(a^2/2) erfc(a / sqrt 2) / 2", () => {
    mills_is(0, 0.5);
    mills_is(0.001, 0.4996013075866802806);
    mills_is(0.25, 0.41403210294773541971);
    mills_is(0.5, 0.34961883472039806983);
    mills_is(1, 0.26157829186512337168);
    mills_is(1.5, 0.20578066697739469078);
    mills_is(2, 0.16810200122317060643);
    mills_is(3, 0.12151394835556216712);
    mills_is(4.5, 0.084803392107800347583);
    mills_is(6, 0.064779314324446849326);
    mills_is(8, 0.049122546212424932115);
    mills_is(10, 0.039506694101386002945);
    mills_is(12.5, 0.031714925569815494048);
    mills_is(14.5, 0.027384225191436567671);
    expect(isNaN(mills<f64>(NaN))).toBe(true);
  });

  test("exp2_minus: 2^-u", () => {
    exp2_is(0, 1);
    exp2_is(0.25, 0.84089641525371454303);
    exp2_is(0.5, 0.7071067811865475244);
    exp2_is(0.75, 0.59460355750136053336);
    exp2_is(1, 0.5);
    exp2_is(1.5, 0.3535533905932737622);
    exp2_is(10.125, 0.00089551176094206174975);
    exp2_is(100.5, 5.5780889549473580025e-31);
    exp2_is(149.9, 7.5093725357809973603e-46);
    exp2_is(1000, 9.3326361850321887899e-302);
    expect(isNaN(exp2_minus<f64>(NaN))).toBe(true);
  });
});

describe("lanes/math_f32", () => {
  test("e^x = 2^k (1 + z)", () => {
    rest_is(-100, -144, -0.1703953353958422085);
    rest_is(-20, -29, 0.10657342505069220506);
    rest_is(-3, -4, -0.20340690611417691233);
    rest_is(-0.75, -1, -0.055266894517970585724);
    rest_is(-0.25, 0, -0.22119921692859513175);
    rest_is(-0.0009765625, 0, -0.00097608581802433776529);
    rest_is(0, 0, 0);
    rest_is(0.0009765625, 0, 0.00097703949241653524285);
    rest_is(0.3125, 0, 0.36683794117379636284);
    rest_is(0.34375, 0, 0.4102260349257107057);
    rest_is(1, 1, 0.35914091422952261768);
    rest_is(5.5, 8, -0.044172139592889109706);
    rest_is(80, 115, 0.33385632008070836562);
    expect(isNaN(expm1_rest<f32>(NaN, power<f32>(NaN)))).toBe(true);
  });
});
