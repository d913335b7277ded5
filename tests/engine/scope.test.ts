import { type Engine, ParameterError, type Tensor } from "fedlane";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeEngine } from "../support/engines.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await makeEngine();
});
afterAll(() => expect(engine.stats().liveBlocks, "live blocks at the end").toBe(0));

describe("scope", () => {
  test("frees what was made in it and gives back what the body returns", () => {
    const made: Tensor[] = [];
    const got = engine.scope(() => {
      made.push(engine.tensor("f32", 10), engine.tensor("u8", 10));
      expect(engine.stats().liveBlocks).toBe(2);
      return 42;
    });
    expect(got).toBe(42);
    expect(made.map((t) => t.disposed)).toEqual([true, true]);
    expect(engine.stats().liveBlocks).toBe(0);
  });

  test("keeps the tensor it returns, and only that one", () => {
    const kept = engine.scope(() => {
      engine.tensor("f32", 1);
      return engine.tensor("f32", 2, [1, 2]);
    });
    expect([...kept.toArray()]).toEqual([1, 2]);
    expect(engine.stats().liveBlocks).toBe(1);
    kept.dispose();
  });

  test("frees on throw and passes the error on", () => {
    const error = new Error("mine");
    let inside: Tensor | undefined;
    expect(() =>
      engine.scope(() => {
        inside = engine.tensor("f32", 3);
        throw error;
      }),
    ).toThrow(error);
    expect(inside!.disposed).toBe(true);
    expect(engine.stats().liveBlocks).toBe(0);
  });

  test("nests: an inner result belongs to the outer scope, outer tensors survive the inner one", () => {
    const states: boolean[] = [];
    let inner: Tensor | undefined;
    engine.scope(() => {
      const outer = engine.tensor("f32", 1);
      inner = engine.scope(() => engine.tensor("f32", 2));
      states.push(outer.disposed, inner.disposed);
      expect(() =>
        engine.scope(() => {
          engine.tensor("f32", 3);
          throw new Error("inner");
        }),
      ).toThrow("inner");
      expect(engine.stats().liveBlocks).toBe(2);
    });
    expect(states).toEqual([false, false]);
    expect(inner!.disposed).toBe(true);
    expect(engine.stats().liveBlocks).toBe(0);
  });

  test("returning a tensor from two levels keeps it; a tensor made outside is never freed", () => {
    using outside = engine.tensor("f32", 1, [5]);
    const result = engine.scope(() => engine.scope(() => engine.tensor("f32", 1, [6])));
    expect(engine.scope(() => outside)).toBe(outside);
    expect([outside.item(), result.item()]).toEqual([5, 6]);
    result.dispose();
  });

  test("tensors disposed by hand inside are no trouble, returned ones included", () => {
    engine.scope(() => engine.tensor("f32", 1).dispose());
    const gone = engine.scope(() => {
      const t = engine.tensor("f32", 1);
      t.dispose();
      return t;
    });
    expect(gone.disposed).toBe(true);
  });

  test("refuses an asynchronous body and frees what it had made", () => {
    let inside: Tensor | undefined;
    expect(() =>
      engine.scope(async () => {
        inside = engine.tensor("f32", 1);
      }),
    ).toThrow(ParameterError);
    expect(inside!.disposed).toBe(true);
    using after = engine.tensor("f32", 1); // the scope is closed: this is nobody's
    expect(after.disposed).toBe(false);
  });
});
