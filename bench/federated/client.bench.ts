// The inner loop of localUpdate() on models of dense layers.
import { BATCHES, LOGISTIC, TWO_NN } from "../shapes.ts";
import { stepRow } from "../steps.ts";

export default [LOGISTIC, TWO_NN].flatMap((network) => BATCHES.map((m) => stepRow(network, m)));
