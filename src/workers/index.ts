// The public surface of "fedlane/worker": what needs comlink.
export type { SimulationConfig, SimulationData } from "../federated/config.ts";
export type { PrivacyMode, SimulationPrivacy } from "../federated/privacy.ts";
export type { PrivacySummary } from "../federated/protection.ts";
export {
  type RoundReport,
  type SimulationOptions,
  type SimulationResult,
  simulate,
} from "../federated/simulation.ts";
export type { FederatedTerm } from "../federated/term.ts";
export type { DataArrays, EvaluateResult, EvaluateTask, Setup, TrainResult, TrainTask } from "./entry.ts";
export { createPool, type Pool, type PoolOptions } from "./pool.ts";
