import { DisposedError, DTypeError, type Engine, EngineMismatchError, ParameterError, ShapeError } from "fedlane";
import { beforeAll, describe, expect, test } from "vitest";
import { checkChoice, checkDisjoint, checkNumber, checkOptions, checkSameEngine, checkTensor, type Range } from "#dist/engine/check.js";
import { makeEngine } from "../support/engines.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await makeEngine();
});

describe("checkTensor", () => {
  test("accepts what fits, by shape, size and rank", () => {
    using x = engine.tensor("f32", [2, 3]);
    checkTensor("op", "x", x, "f32");
    checkTensor<"f32" | "u8">("op", "x", x, ["u8", "f32"], { shape: [2, 3], size: 6, rank: 2 });
    checkTensor("op", "x", x, "f32", { shape: [-1, 3] });
    using empty = engine.tensor("f32", 0);
    checkTensor("op", "x", empty, "f32", { size: 0 });
  });

  test("says operation, argument, expected and got", () => {
    using x = engine.tensor("f32", [2, 3]);
    expect(() => checkTensor("matmul", "b", x, "f32", { shape: [3, -1] })).toThrow("matmul: expected b of shape [3,any], got shape [2,3]");
    expect(() => checkTensor("op", "x", x, "f32", { size: 5 })).toThrow("op: expected x of 5 elements, got shape [2,3]");
    expect(() => checkTensor("op", "x", x, "f32", { rank: 1 })).toThrow("op: expected x of rank 1, got shape [2,3]");
    expect(() => checkTensor("op", "x", x, "f32", { shape: [6] })).toThrow(ShapeError);
    expect(() => checkTensor("op", "x", x as never, "i32")).toThrow("op: expected x of type i32, got f32[2,3]");
    expect(() => checkTensor("op", "x", x as never, "i32")).toThrow(DTypeError);
    for (const not of [undefined, null, 3, [1, 2], new Float32Array(6), { address: 0 }]) {
      expect(() => checkTensor("op", "x", not as never, "f32")).toThrow(ParameterError);
    }
    x.dispose();
    expect(() => checkTensor("op", "x", x, "f32")).toThrow(DisposedError);
  });

  test("carries details as plain data", () => {
    using x = engine.tensor("f32", [2, 3]);
    let error: unknown;
    try {
      checkTensor("op", "x", x, "f32", { shape: [3] });
    } catch (e) {
      error = e;
    }
    expect(structuredClone((error as ShapeError).details)).toEqual({ argument: "x", expected: "shape [3]", shape: [2, 3] });
  });
});

describe("checkSameEngine and checkDisjoint", () => {
  test("compare engines and addresses; empty tensors overlap nothing", async () => {
    const other = await makeEngine();
    const [a, b, c] = [engine.tensor("f32", 1), engine.tensor("f32", 1), other.tensor("f32", 1)];
    checkSameEngine("op", {});
    checkSameEngine("op", { a, b });
    expect(() => checkSameEngine("op", { a, b, c })).toThrow(EngineMismatchError);
    expect(() => checkSameEngine("op", { a, c })).toThrow(/op: expected c in the engine of a/);
    checkDisjoint("op", { a }, "b", b);
    expect(() => checkDisjoint("op", { b, a }, "out", a)).toThrow(/op: expected out to be another tensor than a/);
    const [e, f] = [engine.tensor("f32", 0), engine.tensor("f32", 0)];
    checkDisjoint("op", { e }, "f", f);
  });
});

describe("checkNumber", () => {
  const throws = (value: unknown, range?: Range) => expect(() => checkNumber("op", "x", value as number, range), String(value)).toThrow(ParameterError);
  test("finite numbers only", () => {
    for (const value of [0, -0, 1e308, -5e-324]) checkNumber("op", "x", value);
    for (const value of [Number.NaN, Infinity, -Infinity, "1", null, undefined, 1n, {}, [1]]) throws(value);
  });
  test("each border, closed and open", () => {
    checkNumber("op", "x", 1, { min: 1, max: 1 });
    checkNumber("op", "x", 1, { above: 0, below: 2, integer: true });
    throws(0, { above: 0 });
    throws(2, { below: 2 });
    throws(0.5, { min: 1 });
    throws(1.5, { max: 1 });
    throws(0.5, { integer: true });
  });
  test("numbers that a kernel would see as Infinity", () => {
    for (const value of [3.4028234663852886e38, -3.4028234663852886e38, 1e-300]) checkNumber("op", "x", value, { f32: true });
    for (const value of [3.5e38, -1e39]) throws(value, { f32: true });
    expect(() => checkNumber("axpy", "a", 1e39, { f32: true })).toThrow("axpy: expected a to be a finite number within f32, got 1e+39");
  });
  test("names the range", () => {
    expect(() => checkNumber("sgd", "momentum", 1, { min: 0, below: 1 })).toThrow("sgd: expected momentum to be a finite number >= 0 and < 1, got 1");
    expect(() => checkNumber("op", "n", "7" as never, { above: 0, max: 9, integer: true })).toThrow('op: expected n to be an integer > 0 and <= 9, got "7"');
  });
});

describe("checkChoice and checkOptions", () => {
  test("name the choices and the stranger", () => {
    checkChoice("op", "mode", "a", ["a", "b"]);
    expect(() => checkChoice("op", "mode", "c" as "a", ["a", "b"])).toThrow('op: expected mode to be "a" or "b", got "c"');
    checkOptions("op", {}, ["rate"]);
    checkOptions("op", { rate: undefined }, ["rate"]);
    expect(() => checkOptions("op", { rat: 1 }, ["rate", "decay"])).toThrow('op: expected options rate, decay, got "rat"');
  });
  test.each([undefined, null, 5, "rate"])("options of %s are refused", (options) => {
    expect(() => checkOptions("op", options as never, ["rate"])).toThrow(ParameterError);
  });
});
