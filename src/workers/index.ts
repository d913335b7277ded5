// The public surface of "fedlane/worker": what needs comlink.
export {
  type RoundReport,
  type SimulationConfig,
  type SimulationData,
  type SimulationOptions,
  type SimulationResult,
  simulate,
} from "../federated/simulation.ts";
export type { DataArrays, EvaluateResult, EvaluateTask, Setup, TrainResult, TrainTask } from "./entry.ts";
export { createPool, type Pool, type PoolOptions } from "./pool.ts";
