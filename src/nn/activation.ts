export type Activation = "linear" | "relu";
export const ACTIVATIONS: readonly Activation[] = ["linear", "relu"];
