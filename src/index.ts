// The public surface of "fedlane". Workers and simulation are in "fedlane/worker".
export { createMean, type Mean, weightedMean } from "./aggregate/mean.ts";
export { createModularSum, type ModularRange, type ModularSum, modularClip } from "./aggregate/modular.ts";
export { dequantize, packedBytes, type Quantized, quantize } from "./compress/quantize.ts";
export { type StochasticRoundOptions, stochasticRound } from "./compress/stochastic_round.ts";
export type { ArenaStats, MemoryOptions } from "./engine/arena.ts";
export { createEngine, type EngineOptions, probe } from "./engine/create.ts";
export type { Build, Capabilities, Engine, Kernels, Numerics, Profile } from "./engine/engine.ts";
export {
  DisposedError,
  DTypeError,
  EngineMismatchError,
  type ErrorDetails,
  FedlaneError,
  FrameError,
  OutOfMemoryError,
  ParameterError,
  PrivacyError,
  ShapeError,
  UnsupportedError,
  WorkerError,
} from "./engine/errors.ts";
export type { DType, Tensor, TypedArrays } from "./engine/tensor.ts";
export { type Evaluation, evaluate, type LocalUpdate, type LocalUpdateOptions, localUpdate, predict } from "./federated/client.ts";
export { type FactorisationConfig, type Objective, trainFactorisation } from "./federated/factorisation.ts";
export { type Partition, partitionDirichlet, partitionIid, partitionShards, sampleClients } from "./federated/partition.ts";
export { dpSgdEvent } from "./federated/privacy.ts";
export {
  drawTrial,
  type HeldOut,
  hitRate,
  holdOutLatest,
  itemMeans,
  judge,
  ndcg,
  popularity,
  type RankingQuality,
  type Ratings,
  rankAmong,
  sampleUnrated,
  type Trial,
} from "./federated/ranking.ts";
export {
  type RecommendationConfig,
  type RecommendationOptions,
  type RecommendationReport,
  type RecommendationResult,
  simulateRecommendation,
} from "./federated/recommendation.ts";
export { type RoundResult, serverRound } from "./federated/server.ts";
export { decodeFrame, encodeFrame, type Frame, type FrameCaps } from "./formats/frame.ts";
export { decodeIntegers, encodeIntegers, type IntegerBits } from "./formats/integers.ts";
export { type MatmulOptions, matmul, productSquaredNorm } from "./linalg/gemm.ts";
export { hadamard, paddedSize, rotate, rotateBack } from "./linalg/hadamard.ts";
export { dot, maxAbs, squaredNorm, sum } from "./linalg/reduce.ts";
export { accumulate, add, axpy, scale, subtract } from "./linalg/vector.ts";
export {
  ACTIVATIONS,
  type Activation,
  type ActivationLayer,
  activation,
  gelu,
  geluBackward,
  leakyRelu,
  leakyReluBackward,
  sigmoid,
  sigmoidBackward,
  silu,
  siluBackward,
  tanh,
  tanhBackward,
} from "./nn/activation.ts";
export {
  type AveragePool2dLayer,
  averagePool2d,
  averagePoolBackward,
  averagePoolForward,
  type GlobalAveragePool2dLayer,
  globalAveragePool2d,
  globalAveragePoolBackward,
  globalAveragePoolForward,
} from "./nn/average_pool.ts";
export { type BatchNormLayer, type BatchNormOptions, batchNorm, batchNormBackward, batchNormForward } from "./nn/batch_norm.ts";
export { biasGradient, broadcastBias } from "./nn/bias.ts";
export { type Conv2dLayer, conv2d, conv2dForward, conv2dInputGradient, conv2dWeightGradient } from "./nn/conv2d.ts";
export type { ConvolutionLayerOptions, ConvolutionOptions } from "./nn/convolution.ts";
export type { Dataset, Features } from "./nn/dataset.ts";
export { type DenseLayer, dense, denseForward, denseInputGradient, denseWeightGradient } from "./nn/dense.ts";
export {
  type DepthwiseConv2dLayer,
  type DepthwiseConv2dOptions,
  depthwiseConv2d,
  depthwiseConv2dForward,
  depthwiseConv2dInputGradient,
  depthwiseConv2dWeightGradient,
} from "./nn/depthwise_conv2d.ts";
export { type DropoutLayer, dropout, dropoutBackward, dropoutForward } from "./nn/dropout.ts";
export {
  type EmbeddingBagLayer,
  type EmbeddingInitialiser,
  type EmbeddingLayer,
  type EmbeddingOptions,
  embedding,
  embeddingBag,
  embeddingBagForward,
  embeddingBagGradient,
  embeddingGradient,
  PADDING,
} from "./nn/embedding.ts";
export { type ClippedGradient, clippedGradient, type Gradient, type GradientOptions, gradient } from "./nn/gradient.ts";
export type { LayoutEntry } from "./nn/graph.ts";
export { type GroupNormLayer, type GroupNormOptions, groupNorm, groupNormBackward, groupNormForward, groupNormGradient } from "./nn/group_norm.ts";
export { type InputLayer, input } from "./nn/input.ts";
export type { Shape } from "./nn/layer.ts";
export { type LayerNormLayer, type LayerNormOptions, layerNorm, layerNormBackward, layerNormForward, layerNormGradient } from "./nn/layer_norm.ts";
export { type Layer, type LayerNode, node } from "./nn/layers.ts";
export { binaryCrossEntropy, bpr, huber, type Loss, meanSquaredError } from "./nn/loss.ts";
export { type MaxPool2dLayer, type MaxPoolOptions, maxPool2d, maxPoolBackward, maxPoolForward } from "./nn/max_pool.ts";
export {
  type ConcatenateLayer,
  concatenate,
  concatenateColumns,
  type DotProductLayer,
  dotProduct,
  dotRows,
  dotRowsBackward,
  type ResidualLayer,
  residual,
  splitColumns,
} from "./nn/merge.ts";
export { auc, rmse, topKAccuracy } from "./nn/metric.ts";
export type { Model, ModelOptions } from "./nn/model.ts";
export type { Pooling, PoolLayerOptions, PoolOptions } from "./nn/pooling.ts";
export { relu, reluBackward } from "./nn/relu.ts";
export { type FlattenLayer, flatten, type ReshapeLayer, reshape } from "./nn/reshape.ts";
export { putRows, type RowsOptions, takeRows, type UpdateRowsOptions, updateRows } from "./nn/rows.ts";
export { accuracy, softmax, softmaxBackward, softmaxCrossEntropy } from "./nn/softmax.ts";
export type { GradientClipping, GradientNoise, PerExampleClipping } from "./nn/trainer.ts";
export type { Padding, Pair } from "./nn/window.ts";
export { type AdagradOptions, type AdagradRule, adagrad, type RmspropOptions, type RmspropRule, rmsprop } from "./optim/adagrad.ts";
export { type AdamOptions, type AdamRule, type AdamState, type AdamwRule, adam, type YogiRule, yogi } from "./optim/adam.ts";
export { clipByValue } from "./optim/clip_value.ts";
export { createOptimizer, type Optimizer, type OptimizerOptions } from "./optim/optimizer.ts";
export type { WeightDecay } from "./optim/rule.ts";
export { learningRateAt, type Schedule } from "./optim/schedule.ts";
export { type SgdOptions, type SgdRule, sgd } from "./optim/sgd.ts";
export { type BoundTerm, bindTerm, fedDynClient, fedDynServer, type LocalTerm, scaffoldClient, scaffoldServer, type TermAddresses } from "./optim/term.ts";
export type { AccountantName } from "./privacy/accounting/accountant.ts";
export {
  type CalibrateNoiseOptions,
  type CalibrateSamplingRateOptions,
  type CalibrateStepsOptions,
  calibrateNoise,
  calibrateSamplingRate,
  calibrateSteps,
} from "./privacy/accounting/calibrate.ts";
export type { Adjacency, Mechanism, PrivacyEvent, Sampling, Unit } from "./privacy/accounting/event.ts";
export {
  type GaussianDeltaOptions,
  type GaussianEpsilonOptions,
  type GaussianSigmaOptions,
  gaussianDelta,
  gaussianEpsilon,
  gaussianSigma,
} from "./privacy/accounting/gaussian.ts";
export { gdpApproximateDelta, gdpApproximateEpsilon, gdpApproximateMu } from "./privacy/accounting/gdp.ts";
export { PldAccountant, type PldDeltaOptions, type PldEpsilonOptions, type PldOptions, pldDelta, pldEpsilon } from "./privacy/accounting/pld.ts";
export {
  type Conversion,
  DEFAULT_ORDERS,
  discreteGaussianSumGap,
  type RdpAnswer,
  type RdpOptions,
  rdpCurve,
  rdpDelta,
  rdpEpsilon,
  rdpToDelta,
  rdpToEpsilon,
} from "./privacy/accounting/rdp.ts";
export { type TreeOptions, treeEvents, treeSensitivitySquared } from "./privacy/accounting/tree.ts";
export { zcdpDelta, zcdpEpsilon, zcdpRho } from "./privacy/accounting/zcdp.ts";
export { type BandedNoise, type BandedNoiseOptions, bandedCoefficients, createBandedNoise } from "./privacy/banded.ts";
export { addBinomial } from "./privacy/binomial.ts";
export { type Clipped, clipByNorm } from "./privacy/clip.ts";
export { addDiscreteGaussian, discreteGaussianSigma } from "./privacy/discrete_gaussian.ts";
export { addDiscreteLaplace } from "./privacy/discrete_laplace.ts";
export {
  type DistributedGaussian,
  type DistributedGaussianOptions,
  distributedGaussian,
  type EncodeStreams,
  type InflatedNormOptions,
  inflatedNorm,
} from "./privacy/distributed_gaussian.ts";
export { addResearchGaussianNoise } from "./privacy/gaussian.ts";
export { clipToGrid, type GaussianGrid, type GaussianGridOptions, gaussianGrid } from "./privacy/grid.ts";
export { addGridNoise, type QuantizedRelease, releaseQuantized } from "./privacy/grid_gaussian.ts";
export { createGridSum, type GridRelease, type GridSum } from "./privacy/grid_sum.ts";
export { addResearchLaplaceNoise } from "./privacy/laplace.ts";
export { type ClippedByLayer, type ClippedLayer, clipByLayer } from "./privacy/layer_clip.ts";
export {
  type LedgerHead,
  type LedgerOptions,
  type LedgerReport,
  type PrivacyBudget,
  PrivacyLedger,
  type PrivacyReceipt,
} from "./privacy/ledger.ts";
export { type LedgerStore, memoryLedgerStore } from "./privacy/ledger_store.ts";
export { clipFactors, scaleRows } from "./privacy/per_example.ts";
export { createQuantileClip, noisyVotes, type QuantileClip, type QuantileClipOptions } from "./privacy/quantile.ts";
export {
  type RandomisedResponse,
  type RandomisedResponseOptions,
  randomisedResponse,
  type UnaryEncoding,
  type UnaryEncodingOptions,
  unaryEncoding,
} from "./privacy/randomised_response.ts";
export type { RoundNoiseOptions, VectorNoise } from "./privacy/round_noise.ts";
export { addSkellam } from "./privacy/skellam.ts";
export { createTreeNoise, type TreeMethod, type TreeNoise, type TreeNoiseOptions, treeVariance } from "./privacy/tree.ts";
export { type Zeroed, zeroOutlier } from "./privacy/zeroing.ts";
export { type RandomStream, randomBytes, type StreamState } from "./random/chacha.ts";
export { type Initialiser, initialise } from "./random/initialise.ts";
export { createJob, createStream, type Job, type JobOptions, type JobStreamOptions, type StreamOptions } from "./random/key.ts";
export { permutation, shuffle } from "./random/permutation.ts";
export { poissonSample } from "./random/poisson.ts";
export { uniform } from "./random/uniform.ts";
