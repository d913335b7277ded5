// Private answers to a question with ten choices; plain TypeScript with Math.random for our 64 bits of ChaCha20.
import { createStream, randomisedResponse, unaryEncoding } from "fedlane";
import { random } from "../../tests/support/data.ts";
import { type Benchmark, filling, type Numbers, once } from "../kit.ts";
import { count, UPDATE } from "../shapes.ts";

const CATEGORIES = 10;
const ROWS = UPDATE / CATEGORIES;
const input = once(() => {
  const r = random(1);
  return Uint32Array.from({ length: UPDATE }, () => Math.floor(CATEGORIES * r()));
});
const response = randomisedResponse({ epsilon: 1, categories: CATEGORIES });
const encoding = unaryEncoding({ epsilon: 1, categories: CATEGORIES });

/** How far the number of `hits` lies from n p, over 6 deviations. */
const unlikely = (hits: number, n: number, p: number): number => Math.abs(hits - n * p) / (6 * Math.sqrt(n * p * (1 - p)));
const truths = (y: Numbers): number => input().reduce((s, v, i) => s + (y[i] === v ? 1 : 0), 0);

export default [
  {
    name: "randomised response",
    shape: `${count(UPDATE)} of ${CATEGORIES}`,
    bytes: 8 * UPDATE,
    tolerance: "true answers within 6 deviations",
    check: (y) => unlikely(truths(y), UPDATE, response.p),
    ours: async (engine) => {
      const [x, y, stream] = [engine.tensor("u32", UPDATE, input()), engine.tensor("u32", UPDATE), await createStream({ purpose: "bench", unsafeSeed: 1 })];
      return { run: () => void response.respond(x, stream, y), result: () => y.view };
    },
    plain: () => {
      const y = new Uint32Array(UPDATE);
      return filling(y, () => {
        for (const [i, v] of input().entries()) {
          const other = Math.floor((CATEGORIES - 1) * Math.random());
          y[i] = Math.random() < response.p ? v : other + (other >= v ? 1 : 0);
        }
      });
    },
  },
  {
    name: "unary encoding",
    shape: `${count(ROWS)} of ${CATEGORIES}`,
    bytes: UPDATE,
    tolerance: "ones at the truth within 6 deviations",
    check: (y) => {
      let ones = 0;
      for (let i = 0; i < ROWS; i++) ones += y[CATEGORIES * i + input()[i]!]!;
      return unlikely(ones, ROWS, encoding.p);
    },
    ours: async (engine) => {
      const [x, stream] = [engine.tensor("u32", ROWS, input().slice(0, ROWS)), await createStream({ purpose: "bench", unsafeSeed: 1 })];
      let rows = encoding.respond(x, stream);
      return {
        run: () => {
          rows.dispose();
          rows = encoding.respond(x, stream);
        },
        result: () => rows.view,
      };
    },
    plain: () => {
      const y = new Uint8Array(UPDATE);
      return filling(y, () => {
        for (let i = 0; i < ROWS; i++)
          for (let c = 0; c < CATEGORIES; c++) y[CATEGORIES * i + c] = Math.random() < (c === input()[i] ? encoding.p : encoding.q) ? 1 : 0;
      });
    },
  },
] satisfies Benchmark[];
