import {
  add,
  axpy,
  type BoundTerm,
  bindTerm,
  createOptimizer,
  DisposedError,
  type Engine,
  EngineMismatchError,
  fedDynClient,
  fedDynServer,
  type LocalTerm,
  type OptimizerOptions,
  ParameterError,
  ShapeError,
  scaffoldClient,
  scaffoldServer,
  subtract,
  type Tensor,
  weightedMean,
} from "fedlane";
import { describe, expect, test } from "vitest";
import { normals } from "../support/data.ts";
import { forEachBuild, makeEngine } from "../support/engines.ts";
import { expectSameBits } from "../support/same.ts";

type F32 = Tensor<"f32">;

/** Loss of a client: sum of curvature/2 (w - optimum)^2. */
interface Quadratic {
  readonly curvature: readonly number[];
  readonly optimum: readonly number[];
}
const CLIENTS: readonly Quadratic[] = [
  { curvature: [1, 4, 0.5, 2, 3], optimum: [2, -1, 3, 0, 1] },
  { curvature: [3, 1, 2, 0.25, 3], optimum: [-1, 2, -2, 4, -1] },
];
const SIZE = 5;
/** Where the sum of the losses is least. */
const OPTIMUM = Float64Array.from({ length: SIZE }, (_, j) => {
  const total = CLIENTS.reduce((sum, { curvature }) => sum + curvature[j]!, 0);
  return CLIENTS.reduce((sum, { curvature, optimum }) => sum + curvature[j]! * optimum[j]!, 0) / total;
});
const distance = (w: F32, to: ArrayLike<number>): number => Math.hypot(...w.toArray().map((x, j) => x - to[j]!));

/** A client's steps from the global weights; gives delta = w_local - w_global, to be disposed. */
function local(engine: Engine, client: Quadratic, global: F32, term: BoundTerm | undefined, steps: number, options: OptimizerOptions): F32 {
  using optimizer = createOptimizer(engine, SIZE, options);
  const weights = engine.copy(global);
  const gradient = engine.tensor("f32", SIZE);
  for (let k = 0; k < steps; k++) {
    gradient.set(weights.toArray().map((w, j) => client.curvature[j]! * (w - client.optimum[j]!)));
    optimizer.step(weights, gradient, term);
  }
  return subtract(weights, global, weights);
}

const LR = 0.125;
const K = 8;
const PLAIN: OptimizerOptions = { type: "sgd", learningRate: LR };

forEachBuild("optim/term", (engine) => {
  const zeros = () => engine().tensor("f32", SIZE);
  const mean = (vectors: readonly F32[]) =>
    weightedMean(
      vectors,
      vectors.map(() => 1),
      zeros(),
    );

  describe("two clients with quadratic losses of different optima and curvatures", () => {
    function fedAvg(rounds: number): F32 {
      const global = zeros();
      for (let r = 0; r < rounds; r++) {
        engine().scope(() => {
          add(global, mean(CLIENTS.map((client) => local(engine(), client, global, undefined, K, PLAIN))), global);
        });
      }
      return global;
    }

    test("FedAvg ends beside the optimum of the sum: the others have something to mend", () => {
      engine().scope(() => {
        const [some, more] = [fedAvg(200), fedAvg(400)];
        expect(distance(more, some.toArray())).toBeLessThan(1e-6); // it has converged
        expect(distance(more, OPTIMUM)).toBeGreaterThan(0.3);
      });
    });

    test("SCAFFOLD converges to the optimum with the same steps", () => {
      engine().scope(() => {
        const [global, server, variates] = [zeros(), zeros(), CLIENTS.map(zeros)];
        for (let r = 0; r < 200; r++) {
          engine().scope(() => {
            const results = CLIENTS.map((quadratic, i) => {
              using term = bindTerm({ type: "scaffold", server, client: variates[i]! }, global);
              const delta = local(engine(), quadratic, global, term, K, PLAIN);
              return { delta, change: scaffoldClient(variates[i]!, server, delta, { steps: K, learningRate: LR }, zeros()) };
            });
            add(global, mean(results.map(({ delta }) => delta)), global);
            scaffoldServer(server, mean(results.map(({ change }) => change)), { sampled: 2, clients: 2 });
          });
        }
        expect(distance(global, OPTIMUM)).toBeLessThan(1e-5);
        // There the variates are the clients' gradients, and the server's is their mean: 0.
        for (const [i, { curvature, optimum }] of CLIENTS.entries())
          expect(
            distance(
              variates[i]!,
              OPTIMUM.map((w, j) => curvature[j]! * (w - optimum[j]!)),
            ),
          ).toBeLessThan(1e-4);
        expect(distance(server, new Float64Array(SIZE))).toBeLessThan(1e-5);
      });
    });

    test("SCAFFOLD with one client a round converges too", () => {
      engine().scope(() => {
        const [global, server, variates] = [zeros(), zeros(), CLIENTS.map(zeros)];
        for (let r = 0; r < 600; r++) {
          const i = r % 3 === 0 ? 1 : 0;
          engine().scope(() => {
            using term = bindTerm({ type: "scaffold", server, client: variates[i]! }, global);
            const delta = local(engine(), CLIENTS[i]!, global, term, K, PLAIN);
            const change = scaffoldClient(variates[i]!, server, delta, { steps: K, learningRate: LR }, zeros());
            axpy(0.5, delta, global);
            scaffoldServer(server, change, { sampled: 1, clients: 2 });
          });
        }
        expect(distance(global, OPTIMUM)).toBeLessThan(1e-4);
      });
    });

    test("FedDyn converges to the optimum with the same steps", () => {
      engine().scope(() => {
        const alpha = 0.5;
        const [global, history, histories] = [zeros(), zeros(), CLIENTS.map(zeros)];
        for (let r = 0; r < 300; r++) {
          engine().scope(() => {
            const deltas = CLIENTS.map((quadratic, i) => {
              using term = bindTerm({ type: "feddyn", alpha, history: histories[i]! }, global);
              const delta = local(engine(), quadratic, global, term, K, PLAIN);
              fedDynClient(histories[i]!, delta, alpha);
              return delta;
            });
            fedDynServer(global, history, mean(deltas), { alpha, sampled: 2, clients: 2 });
          });
        }
        expect(distance(global, OPTIMUM)).toBeLessThan(1e-4);
        // There a client's history is the gradient of its loss.
        for (const [i, { curvature, optimum }] of CLIENTS.entries())
          expect(
            distance(
              histories[i]!,
              OPTIMUM.map((w, j) => curvature[j]! * (w - optimum[j]!)),
            ),
          ).toBeLessThan(1e-3);
      });
    });

    test("FedProx: the local problem's fixed point is the proximal point, for SGD, momentum and Adam", () => {
      engine().scope(() => {
        const mu = 0.75;
        const start = engine().tensor("f32", SIZE, [1, 0, -1, 2, 5]);
        const { curvature, optimum } = CLIENTS[0]!;
        const prox = curvature.map((a, j) => (a * optimum[j]! + mu * start.view[j]!) / (a + mu));
        const rules: OptimizerOptions[] = [
          PLAIN,
          { type: "sgd", learningRate: 0.05, momentum: 0.5 },
          { type: "rmsprop", learningRate: { type: "exponential", initial: 0.1, decaySteps: 50, rate: 0.7 } },
        ];
        rules.push({ type: "adam", learningRate: { type: "exponential", initial: 0.1, decaySteps: 50, rate: 0.8 } });
        for (const options of rules) {
          using term = bindTerm({ type: "fedprox", mu }, start);
          const delta = local(engine(), CLIENTS[0]!, start, term, 1500, options);
          expect(
            distance(
              delta,
              prox.map((p, j) => p - start.view[j]!),
            ),
            options.type,
          ).toBeLessThan(1e-4);
        }
        expect(Math.hypot(...prox.map((p, j) => p - optimum[j]!))).toBeGreaterThan(0.5); // another point than without the term
      });
    });

    test("FedProx: the larger mu, the nearer to the start", () => {
      engine().scope(() => {
        const start = engine().tensor("f32", SIZE, [1, 0, -1, 2, 5]);
        const { curvature, optimum } = CLIENTS[0]!;
        const slope = Math.hypot(...curvature.map((a, j) => a * (start.view[j]! - optimum[j]!)));
        let last = Number.POSITIVE_INFINITY;
        for (const mu of [0, 1, 10, 100, 1000]) {
          using term = bindTerm({ type: "fedprox", mu }, start);
          const delta = local(engine(), CLIENTS[0]!, start, term, 40, { type: "sgd", learningRate: 1 / (mu + 4) });
          const moved = distance(delta, new Float64Array(SIZE));
          expect(moved).toBeLessThan(last);
          if (mu > 0) expect(moved).toBeLessThanOrEqual((1.001 * slope) / mu);
          last = moved;
        }
      });
    });
  });

  test("FedProx with mu = 0 is plain training, bit for bit", () => {
    engine().scope(() => {
      const start = engine().tensor("f32", SIZE, normals(SIZE, 3));
      for (const options of [
        PLAIN,
        { type: "adam", learningRate: 0.1 },
        { type: "sgd", learningRate: 0.1, momentum: 0.9, nesterov: true },
      ] as OptimizerOptions[]) {
        using term = bindTerm({ type: "fedprox", mu: 0 }, start);
        expect(term.addresses).toEqual({ mu: 0, w0: 0, c: 0 });
        expectSameBits(local(engine(), CLIENTS[0]!, start, term, 5, options).toArray(), local(engine(), CLIENTS[0]!, start, undefined, 5, options).toArray());
      }
    });
  });

  test("bindTerm: mu, w0 and c of each term", () => {
    engine().scope(() => {
      const [global, server, client] = [1, 2, 3].map((seed) => engine().copy(normals(SIZE, seed))) as [F32, F32, F32];
      const { liveBlocks } = engine().stats();
      const prox = bindTerm({ type: "fedprox", mu: 0.5 }, global);
      expect(prox.addresses).toEqual({ mu: 0.5, w0: global.address, c: 0 });
      const scaffold = bindTerm({ type: "scaffold", server, client }, global);
      expect(scaffold.addresses).toEqual({ mu: 0, w0: 0, c: scaffold.c!.address });
      expectSameBits(
        scaffold.c!.toArray(),
        server.toArray().map((x, j) => x - client.view[j]!),
      );
      const dyn = bindTerm({ type: "feddyn", alpha: 0.25, history: client }, global);
      expect(dyn.addresses).toEqual({ mu: 0.25, w0: global.address, c: dyn.c!.address });
      expectSameBits(
        dyn.c!.toArray(),
        client.toArray().map((x) => -x),
      );
      expect(engine().stats().liveBlocks).toBe(liveBlocks + 2);
      for (const term of [prox, scaffold, dyn]) {
        term.dispose();
        term.dispose();
        expect(() => term.addresses).toThrow(DisposedError);
      }
      expect(engine().stats().liveBlocks).toBe(liveBlocks);
      expect(() => global.address).not.toThrow();
    });
  });

  test("the rules after a round are the papers' formulas", () => {
    engine().scope(() => {
      const [a, b, c, d] = [5, 6, 7, 8].map((seed) => normals(SIZE, seed)) as [Float32Array, Float32Array, Float32Array, Float32Array];
      const near = (got: F32, want: (j: number) => number) => got.view.forEach((x, j) => void expect(Math.abs(x - want(j))).toBeLessThan(3e-6));

      const [client, server, delta, change] = [a, b, c, d].map((x) => engine().copy(x)) as [F32, F32, F32, F32];
      scaffoldClient(client, server, delta, { steps: 5, learningRate: 0.1 }, change);
      near(client, (j) => a[j]! - b[j]! - c[j]! / 0.5); // c_i - c + (w_global - w_local) / (K lr)
      near(change, (j) => -b[j]! - c[j]! / 0.5);
      expectSameBits(server.toArray(), b);
      expectSameBits(delta.toArray(), c);
      scaffoldServer(server, change, { sampled: 3, clients: 12 });
      near(server, (j) => b[j]! + 0.25 * (-b[j]! - c[j]! / 0.5));

      const [weights, history, own, moved] = [a, b, c, d].map((x) => engine().copy(x)) as [F32, F32, F32, F32];
      fedDynClient(own, moved, 0.5);
      near(own, (j) => c[j]! - 0.5 * d[j]!);
      fedDynServer(weights, history, moved, { alpha: 0.5, sampled: 3, clients: 12 });
      const h = (j: number) => b[j]! - 0.5 * 0.25 * d[j]!;
      near(history, h);
      near(weights, (j) => a[j]! + d[j]! - h(j) / 0.5);
      expectSameBits(moved.toArray(), d);
    });
  });

  test("bad input is refused and changes nothing", async () => {
    const stranger = (await makeEngine()).tensor("f32", SIZE);
    engine().scope(() => {
      const { liveBlocks } = engine().stats();
      const [x, y, z, u] = [1, 2, 3, 4].map((seed) => engine().copy(normals(SIZE, seed))) as [F32, F32, F32, F32];
      const short = engine().tensor("f32", SIZE - 1);
      const live = engine().stats().liveBlocks;
      const term = (value: unknown, error: new (...args: never[]) => Error, words?: RegExp) => {
        expect(() => bindTerm(value as LocalTerm, x), JSON.stringify(words?.source)).toThrow(error);
        if (words) expect(() => bindTerm(value as LocalTerm, x)).toThrow(words);
      };
      term(undefined, ParameterError, /term of type fedprox, scaffold or feddyn/);
      term({ type: "moon" }, ParameterError, /"moon"/);
      term({ type: "fedprox" }, ParameterError, /mu/);
      term({ type: "fedprox", mu: -1 }, ParameterError, /mu/);
      term({ type: "fedprox", mu: 1, alpha: 1 }, ParameterError, /alpha/);
      term({ type: "scaffold", server: y }, ParameterError, /client/);
      term({ type: "scaffold", server: y, client: short }, ShapeError, /client/);
      term({ type: "scaffold", server: y, client: stranger }, EngineMismatchError);
      term({ type: "feddyn", alpha: 0, history: y }, ParameterError, /alpha/);
      term({ type: "feddyn", alpha: 1, history: short }, ShapeError, /history/);
      term({ type: "feddyn", alpha: 1, history: stranger }, EngineMismatchError);
      expect(engine().stats().liveBlocks).toBe(live);

      const good = { steps: 1, learningRate: 0.1 };
      expect(() => scaffoldClient(x, y, z, { ...good, steps: 0 }, u)).toThrow(/steps/);
      expect(() => scaffoldClient(x, y, z, { ...good, learningRate: 0 }, u)).toThrow(/learningRate/);
      expect(() => scaffoldClient(x, y, z, { ...good, learningRate: 1e-40 }, u)).toThrow(/1 \/ \(steps learningRate\)/);
      expect(() => scaffoldClient(x, y, z, good, z)).toThrow(ParameterError);
      expect(() => scaffoldClient(x, x, z, good, u)).toThrow(ParameterError);
      expect(() => scaffoldClient(x, y, short, good, u)).toThrow(ShapeError);
      expect(() => scaffoldClient(x, y, stranger, good, u)).toThrow(EngineMismatchError);
      for (const share of [
        { sampled: 0, clients: 2 },
        { sampled: 3, clients: 2 },
        { sampled: 1, clients: 0 },
        { sampled: 0.5, clients: 2 },
      ]) {
        expect(() => scaffoldServer(x, y, share)).toThrow(/sampled|clients/);
        expect(() => fedDynServer(x, y, z, { alpha: 1, ...share })).toThrow(/sampled|clients/);
      }
      expect(() => scaffoldServer(x, x, { sampled: 1, clients: 2 })).toThrow(ParameterError);
      expect(() => fedDynClient(x, x, 1)).toThrow(ParameterError);
      expect(() => fedDynClient(x, y, 0)).toThrow(/alpha/);
      expect(() => fedDynServer(x, y, y, { alpha: 1, sampled: 1, clients: 2 })).toThrow(ParameterError);
      expect(() => fedDynServer(x, y, z, { alpha: 1e-40, sampled: 1, clients: 2 })).toThrow(/1 \/ alpha/);
      for (const [i, tensor] of [x, y, z, u].entries()) expectSameBits(tensor.toArray(), normals(SIZE, i + 1));
      expect(live).toBe(liveBlocks + 5);
    });
  });

  test("a term must fit the step it is used in", () => {
    engine().scope(() => {
      const [weights, gradient, other] = [zeros(), zeros(), engine().tensor("f32", SIZE - 1)];
      using optimizer = createOptimizer(engine(), SIZE, { type: "adagrad", learningRate: 0.1 });
      using short = bindTerm({ type: "fedprox", mu: 1 }, other);
      expect(() => optimizer.step(weights, gradient, short)).toThrow(/term\.w0 of 5 elements/);
      using self = bindTerm({ type: "fedprox", mu: 1 }, weights);
      expect(() => optimizer.step(weights, gradient, self)).toThrow(/weights to be another tensor than term\.w0/);
      const gone = bindTerm({ type: "feddyn", alpha: 1, history: gradient }, gradient);
      gone.dispose();
      expect(() => optimizer.step(weights, gradient, gone)).toThrow(DisposedError);
      expect(optimizer.steps).toBe(0);
    });
  });
});
