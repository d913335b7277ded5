import { createEngine, DisposedError, type DType, type Engine, EngineMismatchError, OutOfMemoryError, ParameterError, ShapeError, subtract } from "fedlane";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countCases } from "../support/count.ts";
import { makeEngine } from "../support/engines.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await makeEngine();
});
afterAll(() => expect(engine.stats().liveBlocks, "live blocks at the end").toBe(0));

const VALUES: Record<DType, { ok: number[]; bad: number[] }> = {
  f32: { ok: [0, -1.5, 3.4028234663852886e38, Number.POSITIVE_INFINITY, 2 ** -149], bad: [] },
  f64: { ok: [0, Math.PI, -1e300, 2 ** -1074], bad: [] },
  i32: { ok: [0, -(2 ** 31), 2 ** 31 - 1], bad: [2 ** 31, -(2 ** 31) - 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY] },
  u32: { ok: [0, 1, 2 ** 32 - 1], bad: [-1, 2 ** 32, 1.5, Number.NaN] },
  i8: { ok: [0, -128, 127], bad: [128, -129, 0.1, Number.NaN] },
  u8: { ok: [0, 1, 255], bad: [256, -1, 254.5, Number.NaN] },
};
const DTYPES = Object.keys(VALUES) as DType[];

describe("every dtype", () => {
  const ran = countCases(6);
  test.each(DTYPES)("%s starts at zero, takes values, gives copies", (dtype) => {
    ran();
    const { ok, bad } = VALUES[dtype];
    using x = engine.tensor(dtype, ok.length);
    expect([...x.toArray()]).toEqual(ok.map(() => 0));
    x.set(ok);
    expect([...x.toArray()]).toEqual(ok);
    expect([...engine.scope(() => engine.tensor(dtype, [1, ok.length], ok).toArray())]).toEqual(ok);
    const copy = x.toArray();
    x.view[0] = 1;
    expect(copy[0]).toBe(0); // a copy is no view
    x.view[0] = 0;
    for (const value of bad) {
      const values = [...ok];
      values[values.length - 1] = value; // last, so that earlier ones would have been written
      values[0] = 1;
      expect(() => x.set(values)).toThrow(ParameterError);
      expect(() => engine.tensor(dtype, values.length, values)).toThrow(ParameterError);
      expect([...x.toArray()]).toEqual(ok);
    }
    expect(x.set(x.toArray())).toBe(x);
    expect(x.address % 64).toBe(0);
  });

  test("a reused block is zeroed for its new tensor", () => {
    engine.tensor("u8", 64, new Uint8Array(64).fill(9)).dispose();
    using y = engine.tensor("u8", 60);
    expect(y.toArray().every((v) => v === 0)).toBe(true);
  });

  test("typed arrays of another type are checked value by value", () => {
    using x = engine.tensor("u8", 2);
    expect(() => x.set(Int8Array.of(1, -1))).toThrow(/got -1 at index 1/);
    expect([...x.set(Float64Array.of(1, 255)).toArray()]).toEqual([1, 255]);
  });

  test("item gives the one value, or refuses", () => {
    using scalar = engine.tensor("f64", [], [2.5]);
    using one = engine.tensor("i32", [1, 1], [-3]);
    using two = engine.tensor("i32", 2);
    using none = engine.tensor("f32", 0);
    expect(scalar.item()).toBe(2.5);
    expect(one.item()).toBe(-3);
    expect(() => two.item()).toThrow(ShapeError);
    expect(() => none.item()).toThrow(ShapeError);
  });
});

describe("shapes", () => {
  test("empty tensors have address 0 and no block", () => {
    const before = engine.stats().liveBlocks;
    for (const shape of [0, [0], [3, 0], [0, 2 ** 32]]) {
      const x = engine.tensor("f32", shape);
      expect([x.size, x.address, x.toArray().length]).toEqual([0, 0, 0]);
      x.dispose();
    }
    expect(engine.stats().liveBlocks).toBe(before);
  });

  test("the shape is a frozen copy", () => {
    const dims = [2, 3];
    using x = engine.tensor("f32", dims);
    dims[0] = 99;
    expect(x.shape).toEqual([2, 3]);
    expect(Object.isFrozen(x.shape)).toBe(true);
  });

  test.each([[-1], [2, -1], [1.5], [Number.NaN], [Number.POSITIVE_INFINITY], [2 ** 33], ["3"], [null]])("shape [%s, %s] is refused", (...shape) => {
    expect(() => engine.tensor("f32", shape as number[])).toThrow(ParameterError);
  });
  test.each([-1, 0.5, Number.NaN, "4", undefined, {}])("shape %s is refused", (shape) => {
    expect(() => engine.tensor("f32", shape as number)).toThrow(ParameterError);
  });

  test("a product that no memory holds is out of memory, overflow included, and the engine works on", async () => {
    const small = await createEngine();
    const before = small.stats();
    expect(() => small.tensor("f32", [2 ** 20, 2 ** 20])).toThrow(OutOfMemoryError);
    expect(() => small.tensor("f32", new Array(40).fill(2 ** 32))).toThrow(OutOfMemoryError);
    expect(small.stats()).toEqual(before);
    expect(small.tensor("f32", 2, [1, 2]).toArray()[1]).toBe(2);
  });

  test("an unknown dtype and a wrong number of values are refused and leave nothing", () => {
    const before = engine.stats().liveBlocks;
    for (const dtype of ["f16", "toString", undefined]) expect(() => engine.tensor(dtype as DType, 1)).toThrow(ParameterError);
    expect(() => engine.tensor("f32", [2, 2], [1, 2, 3])).toThrow(ShapeError);
    expect(() => engine.tensor("f32", 0, [1])).toThrow(ShapeError);
    expect(engine.stats().liveBlocks).toBe(before);
    using x = engine.tensor("f32", 3, [1, 2, 3]);
    expect(() => x.set([1, 2])).toThrow(ShapeError);
    expect(() => x.set([1, 2, 3, 4])).toThrow(ShapeError);
    expect([...x.toArray()]).toEqual([1, 2, 3]);
  });
});

describe("views", () => {
  test("are cached, die on growth, and are made anew with the data", () => {
    using x = engine.tensor("f32", 3, [1, 2, 3]);
    const old = x.view;
    expect(x.view).toBe(old);
    const { generation, memory } = engine.arena;
    using big = engine.tensor("u8", memory.buffer.byteLength + 1);
    expect(engine.arena.generation).toBeGreaterThan(generation);
    expect(old.length).toBe(0);
    expect(x.view === old).toBe(false);
    expect([...x.view]).toEqual([1, 2, 3]);
    expect(big.size).toBeGreaterThan(0);
  });

  test("a view of the engine's own memory is a valid source even when making the tensor grows the memory", async () => {
    const growing = await createEngine({ memory: { growOnEveryAllocation: true } });
    const x = growing.tensor("f32", 3, [1, 2, 3]);
    const y = growing.tensor("f32", 3, x.view);
    const z = growing.copy(y.view);
    expect([...z.toArray()]).toEqual([1, 2, 3]);
    expect([...growing.copy(z).toArray()]).toEqual([1, 2, 3]);
  });
});

describe("dispose", () => {
  test("every use afterwards is a DisposedError; disposing twice is fine", () => {
    const x = engine.tensor("f32", [2, 2]);
    expect(x.disposed).toBe(false);
    x.dispose();
    x.dispose();
    x[Symbol.dispose]();
    expect(x.disposed).toBe(true);
    for (const use of [() => x.view, () => x.address, () => x.set([1, 2, 3, 4]), () => x.toArray()]) expect(use).toThrow(DisposedError);
    expect(() => x.view).toThrow("f32[2,2]: expected a live tensor, got one that was disposed");
    const one = engine.tensor("f32", 1);
    one.dispose();
    expect(() => one.item()).toThrow(DisposedError);
  });

  test("a disposed tensor does not free the block that another one got since", () => {
    const x = engine.tensor("f32", 4);
    const { address } = x;
    x.dispose();
    using y = engine.tensor("f32", 4, [1, 2, 3, 4]);
    expect(y.address).toBe(address);
    x.dispose();
    using z = engine.tensor("f32", 4);
    expect(z.address).not.toBe(y.address);
    expect([...y.toArray()]).toEqual([1, 2, 3, 4]);
  });

  test("`using` frees at the end of the block; wipe leaves zeros behind", () => {
    const before = engine.stats().liveBlocks;
    {
      using x = engine.tensor("f32", 4);
      expect(x.disposed).toBe(false);
    }
    expect(engine.stats().liveBlocks).toBe(before);
    const secret = engine.tensor("u8", 32, new Uint8Array(32).fill(42));
    const { address } = secret;
    secret.dispose({ wipe: true });
    expect(new Uint8Array(engine.arena.memory.buffer, address, 32).every((b) => b === 0)).toBe(true);
  });
});

describe("between engines", () => {
  test("copy brings values over, in every dtype, and the copies are independent", async () => {
    const other = await makeEngine();
    for (const dtype of DTYPES) {
      using x = engine.tensor(dtype, [1, VALUES[dtype].ok.length], VALUES[dtype].ok);
      using y = other.copy(x);
      expect([y.engine === other, y.dtype, y.shape]).toEqual([true, dtype, x.shape]);
      x.view.fill(1);
      expect([...y.toArray()]).toEqual(VALUES[dtype].ok);
    }
    using z = engine.copy(Float32Array.of(1, 2));
    expect([z.dtype, ...z.toArray()]).toEqual(["f32", 1, 2]);
    expect(other.stats().liveBlocks).toBe(0);
  });

  test("mixing engines in one call is an EngineMismatchError and writes nothing", async () => {
    const other = await makeEngine();
    using a = engine.tensor("f32", 2, [1, 2]);
    using out = engine.tensor("f32", 2, [7, 7]);
    const b = other.tensor("f32", 2, [1, 2]);
    expect(() => subtract(a, b, out)).toThrow(EngineMismatchError);
    expect([...out.toArray()]).toEqual([7, 7]);
  });
});
