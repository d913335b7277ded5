// Integers wrapped into the range of 16 bits, and ten updates added modulo 2^16.
import { createModularSum, modularClip } from "fedlane";
import { random } from "../../tests/support/data.ts";
import { type Benchmark, filling, once, same } from "../kit.ts";
import { CLIENTS, count, UPDATE } from "../shapes.ts";

const BITS = 16;
const WIDTH = 2 ** BITS;
const inputs = once(() =>
  Array.from({ length: CLIENTS }, (_, k) => {
    const r = random(k);
    return Int32Array.from({ length: UPDATE }, () => Math.floor((r() - 0.5) * 2 ** 24));
  }),
);
const wrap = (v: number): number => ((v + WIDTH / 2) & (WIDTH - 1)) - WIDTH / 2;

export default [
  {
    name: "modular clip",
    shape: count(UPDATE),
    bytes: 8 * UPDATE,
    tolerance: "the same integers",
    check: (y) => same(y, inputs()[0]!.map(wrap)),
    ours: (engine) => {
      const [x, y] = [engine.tensor("i32", UPDATE, inputs()[0]!), engine.tensor("i32", UPDATE)];
      return { run: () => void modularClip(x, { lower: -WIDTH / 2, upper: WIDTH / 2 }, y), result: () => y.view };
    },
    plain: () => {
      const [x, y] = [inputs()[0]!, new Int32Array(UPDATE)];
      return filling(y, () => {
        for (let i = 0; i < UPDATE; i++) y[i] = wrap(x[i]!);
      });
    },
  },
  {
    name: "modular sum",
    shape: `${CLIENTS} x ${count(UPDATE)}`,
    bytes: 12 * CLIENTS * UPDATE,
    tolerance: "the same integers",
    check: (y) =>
      same(
        y,
        inputs()[0]!.map((_, i) => wrap(inputs().reduce((s, x) => s + x[i]!, 0))),
      ),
    ours: (engine) => {
      const updates = inputs().map((x) => engine.tensor("i32", UPDATE, x));
      const y = engine.tensor("i32", UPDATE);
      return {
        run: () => {
          const sum = createModularSum(engine, { size: UPDATE, bits: BITS });
          for (const x of updates) sum.add(x);
          sum.result(y);
          sum.dispose();
        },
        result: () => y.view,
      };
    },
    plain: () => {
      const y = new Int32Array(UPDATE);
      return filling(y, () => {
        y.fill(0);
        for (const x of inputs()) for (let i = 0; i < UPDATE; i++) y[i] = (y[i]! + x[i]!) | 0;
        for (let i = 0; i < UPDATE; i++) y[i] = wrap(y[i]!);
      });
    },
  },
] satisfies Benchmark[];
