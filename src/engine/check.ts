// Checks at the border. Each names the operation and the argument, says what was expected and what came, and runs before any write.
import { DTypeError, EngineMismatchError, ParameterError, ShapeError } from "./errors.ts";
import { type DType, Tensor } from "./tensor.ts";

/** What a value is, in a few words, for an error's second half. */
export function describe(value: unknown): string {
  if (value instanceof Tensor) return `${value.dtype}[${value.shape}]`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "object" && value !== null) return value.constructor?.name ?? "object";
  return String(value);
}

export interface Expected {
  /** Exact shape; -1 accepts any length there. */
  readonly shape?: readonly number[];
  /** Exact number of elements, any shape. */
  readonly size?: number;
  readonly rank?: number;
}

/** A live tensor of one of the dtypes, and of the shape where one is given. */
export function checkTensor<D extends DType>(op: string, name: string, value: Tensor<D>, dtypes: D | readonly D[], expected: Expected = {}): void {
  const wanted = (typeof dtypes === "string" ? [dtypes] : dtypes) as readonly D[];
  if (!(value instanceof Tensor)) {
    throw new ParameterError(`${op}: expected ${name} to be a ${wanted.join(" or ")} tensor, got ${describe(value)}`, { argument: name });
  }
  value.address; // throws DisposedError
  if (!wanted.includes(value.dtype)) {
    throw new DTypeError(`${op}: expected ${name} of type ${wanted.join(" or ")}, got ${value.dtype}[${value.shape}]`, { argument: name });
  }
  const { shape, size, rank } = expected;
  const bad =
    (size !== undefined && value.size !== size) ||
    (rank !== undefined && value.shape.length !== rank) ||
    (shape !== undefined && (shape.length !== value.shape.length || shape.some((d, i) => d !== -1 && d !== value.shape[i])));
  if (bad) {
    const want = shape ? `shape [${shape.map((d) => (d === -1 ? "any" : d))}]` : size !== undefined ? `${size} elements` : `rank ${rank}`;
    throw new ShapeError(`${op}: expected ${name} of ${want}, got shape [${value.shape}]`, { argument: name, expected: want, shape: [...value.shape] });
  }
}

/** All tensors live in one engine. */
export function checkSameEngine(op: string, tensors: Readonly<Record<string, Tensor>>): void {
  let first: [string, Tensor] | undefined;
  for (const entry of Object.entries(tensors)) {
    if (!first) first = entry;
    else if (entry[1].engine !== first[1].engine) {
      throw new EngineMismatchError(`${op}: expected ${entry[0]} in the engine of ${first[0]}, got a tensor of another engine; copy it with toArray()`, {
        argument: entry[0],
      });
    }
  }
}

/** Two tensors do not share memory. */
export function checkDisjoint(op: string, inputs: Readonly<Record<string, Tensor>>, name: string, output: Tensor): void {
  for (const [input, tensor] of Object.entries(inputs)) {
    if (tensor.address !== 0 && tensor.address === output.address) {
      throw new ParameterError(`${op}: expected ${name} to be another tensor than ${input}, got the same one`, { argument: name });
    }
  }
}

export interface Range {
  /** Smallest value allowed. */
  readonly min?: number;
  /** Largest value allowed. */
  readonly max?: number;
  /** The value must be greater than this. */
  readonly above?: number;
  /** The value must be less than this. */
  readonly below?: number;
  readonly integer?: boolean;
  /** The number reaches a kernel as f32: beyond 3.4e38 it would turn into Infinity there. */
  readonly f32?: boolean;
}

/** The largest finite f32. */
export const F32_MAX = 3.4028234663852886e38;

/** A finite number in range. */
export function checkNumber(op: string, name: string, value: number, range: Range = {}): void {
  const { min = -Infinity, max = Infinity, above = -Infinity, below = Infinity, integer = false, f32 = false } = range;
  if (
    typeof value === "number" &&
    Number.isFinite(value) &&
    value >= min &&
    value <= max &&
    value > above &&
    value < below &&
    (!integer || Number.isInteger(value)) &&
    (!f32 || Math.abs(value) <= F32_MAX)
  ) {
    return;
  }
  const words: string[] = [];
  if (range.above !== undefined) words.push(`> ${above}`);
  if (range.min !== undefined) words.push(`>= ${min}`);
  if (range.below !== undefined) words.push(`< ${below}`);
  if (range.max !== undefined) words.push(`<= ${max}`);
  if (f32) words.push("within f32");
  const kind = integer ? "an integer" : "a finite number";
  throw new ParameterError(`${op}: expected ${name} to be ${kind}${words.length > 0 ? ` ${words.join(" and ")}` : ""}, got ${describe(value)}`, {
    argument: name,
    value: typeof value === "number" ? value : describe(value),
  });
}

/** True or false, nothing that merely looks like it. */
export function checkBoolean(op: string, name: string, value: boolean): void {
  if (typeof value !== "boolean") throw new ParameterError(`${op}: expected ${name} to be true or false, got ${describe(value)}`, { argument: name });
}

/** One of a list of words. */
export function checkChoice<T extends string>(op: string, name: string, value: T, choices: readonly T[]): void {
  if (!choices.includes(value)) {
    throw new ParameterError(`${op}: expected ${name} to be ${choices.map((c) => JSON.stringify(c)).join(" or ")}, got ${describe(value)}`, { argument: name });
  }
}

/** No option beyond the known ones: a misspelt option is an error, not a default. */
export function checkOptions(op: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) throw new ParameterError(`${op}: expected an object of options, got ${describe(options)}`);
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new ParameterError(`${op}: expected options ${known.join(", ")}, got ${JSON.stringify(key)}`, { argument: key });
    }
  }
}
