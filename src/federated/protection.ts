// What a simulated round does for privacy: who takes part, what is charged, what a client's task adds, how the server sums.

import type { ModularSum } from "../aggregate/modular.ts";
import type { Engine } from "../engine/engine.ts";
import { PrivacyError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { axpy } from "../linalg/vector.ts";
import type { Adjacency, Unit } from "../privacy/accounting/event.ts";
import { type DistributedGaussian, type DistributedGaussianOptions, distributedGaussian } from "../privacy/distributed_gaussian.ts";
import { gaussianGrid } from "../privacy/grid.ts";
import { createGridSum, type GridSum } from "../privacy/grid_sum.ts";
import { PrivacyLedger } from "../privacy/ledger.ts";
import { memoryLedgerStore } from "../privacy/ledger_store.ts";
import type { RandomStream, StreamState } from "../random/chacha.ts";
import { permutation } from "../random/permutation.ts";
import { poissonSample } from "../random/poisson.ts";
import { clientsOfRound, distributedOptions, type PrivacyMode, type PrivacyPlan, planPrivacy, type ReleaseShape, type SimulationPrivacy } from "./privacy.ts";

/** What a run says of its privacy. */
export interface PrivacySummary {
  readonly mode: PrivacyMode;
  readonly unit: Unit;
  readonly adjacency: Adjacency;
  readonly accountant: "pld" | "rdp";
  /** Epsilon that may be spent at most. */
  readonly budget: number;
  readonly delta: number;
  readonly noiseMultiplier: number;
  /** Always false: a simulation's noise is seeded. */
  readonly private: false;
}

/** The part of a client's task that is about privacy. */
export type TaskPrivacy =
  | { readonly mode: "central" }
  | { readonly mode: "local"; readonly sigma: number; readonly clipNorm: number }
  | { readonly mode: "distributed"; readonly pipeline: DistributedGaussianOptions; readonly rotation: StreamState }
  | { readonly mode: "dp-sgd"; readonly noiseMultiplier: number };

interface Streams {
  readonly sample: RandomStream;
  readonly serverNoise: RandomStream;
  /** Shared by clients and server; not secret. */
  readonly rotation: RandomStream;
}

/** Privacy of one run. */
export class Protection {
  readonly plan: PrivacyPlan;
  readonly summary: PrivacySummary;
  readonly #engine: Engine;
  readonly #privacy: SimulationPrivacy;
  readonly #shape: ReleaseShape;
  readonly #ledger: PrivacyLedger;
  readonly #streams: Streams;
  /** "central". */
  readonly #sum: GridSum | undefined;
  /** "distributed". */
  readonly #pipeline: DistributedGaussian | undefined;
  #residues: ModularSum | undefined;
  #spent = 0;

  private constructor(engine: Engine, privacy: SimulationPrivacy, shape: ReleaseShape, plan: PrivacyPlan, ledger: PrivacyLedger, streams: Streams) {
    const { mode, epsilon, delta, clipNorm } = privacy;
    const { unit, adjacency, accountant, noiseMultiplier, sigma } = plan;
    this.plan = plan;
    this.summary = { mode, unit, adjacency, accountant, budget: epsilon, delta, noiseMultiplier, private: false };
    this.#engine = engine;
    this.#privacy = privacy;
    this.#shape = shape;
    this.#ledger = ledger;
    this.#streams = streams;
    if (mode === "central") this.#sum = createGridSum(engine, gaussianGrid({ sigma, clipNorm, size: shape.size }));
    if (mode === "distributed") this.#pipeline = distributedGaussian(distributedOptions(privacy, shape, noiseMultiplier));
  }

  static async open(op: string, engine: Engine, privacy: SimulationPrivacy, shape: ReleaseShape, streams: Streams): Promise<Protection> {
    const plan = planPrivacy(op, privacy, shape);
    const { epsilon, delta } = privacy;
    const { unit, adjacency, accountant } = plan;
    const ledger = await PrivacyLedger.open({ budget: { epsilon, delta }, unit, adjacency, accountant, store: memoryLedgerStore(), unsafeSimulation: true });
    return new Protection(engine, privacy, shape, plan, ledger, streams);
  }

  /** Epsilon spent so far. */
  get spent(): number {
    return this.#spent;
  }

  /** Charges what the round releases, before it does. False where the budget does not allow it: then nothing may be released. */
  async charge(round: number): Promise<boolean> {
    if ((round - 1) % this.plan.cycle !== 0) return true; // this participation was charged when the cycle began
    try {
      await this.#ledger.charge(this.plan.event, this.#streams.serverNoise);
    } catch (error) {
      if (error instanceof PrivacyError && "budget" in error.details) return false;
      throw error;
    }
    this.#spent = this.#ledger.spent().epsilon;
    return true;
  }

  /** Clients of a round: a Poisson sample, or the next part of a random order that a cycle goes through once. */
  choose(round: number): Uint32Array {
    const { examples, clientFraction } = this.#shape;
    const { sample } = this.#streams;
    if (this.plan.mode === "central") {
      const chosen = poissonSample(this.#engine, examples.length, clientFraction, sample.fork(round, 0));
      const clients = chosen.toArray();
      chosen.dispose();
      return clients;
    }
    const { cycle } = this.plan;
    const order = permutation(this.#engine.tensor("u32", examples.length), sample.fork(Math.floor((round - 1) / cycle), 1));
    const count = clientsOfRound(examples.length, clientFraction);
    const at = ((round - 1) % cycle) * count;
    const clients = order.toArray().slice(at, at + count);
    order.dispose();
    return clients;
  }

  beginRound(): void {
    this.#sum?.reset();
    this.#residues?.dispose();
    this.#residues = this.#pipeline?.sum(this.#engine);
  }

  task(round: number): TaskPrivacy {
    const { mode, sigma, noiseMultiplier } = this.plan;
    switch (mode) {
      case "central":
        return { mode };
      case "local":
        return { mode, sigma, clipNorm: this.#privacy.clipNorm };
      case "distributed":
        return { mode, pipeline: distributedOptions(this.#privacy, this.#shape, noiseMultiplier), rotation: this.#streams.rotation.fork(round, 0).toState() };
      case "dp-sgd":
        return { mode, noiseMultiplier };
    }
  }

  /** The sum of mode "central", which takes updates as they are; else undefined. */
  get sum(): GridSum | undefined {
    return this.#sum;
  }
  /** The sum of mode "distributed", which takes integers; else undefined. */
  get residues(): ModularSum | undefined {
    return this.#residues;
  }

  /** Adds the server's noise where it is the server's, and the mean of the updates to the weights. Modes that average plain updates do that elsewhere. */
  finish(round: number, weights: Tensor<"f32">, serverLearningRate: number): void {
    const { examples, clientFraction } = this.#shape;
    this.#engine.scope(() => {
      const out = this.#engine.tensor("f32", weights.size);
      if (this.#sum) {
        this.#sum.addNoise(this.#streams.serverNoise.fork(round, 0));
        this.#sum.release(out, clientFraction * examples.length);
        axpy(serverLearningRate, out, weights);
      } else if (this.#pipeline) {
        const total = this.#residues!.result(this.#engine.tensor("i32", this.#pipeline.dimension));
        this.#pipeline.decode(total, this.#streams.rotation.fork(round, 0), out);
        axpy(serverLearningRate / clientsOfRound(examples.length, clientFraction), out, weights);
      }
    });
  }
}
