/** Details that an error carries besides its sentence: plain data, so that they survive a worker boundary. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** Base of every error fedlane throws. `code` is stable; `message` reads `op: expected ..., got ...`. */
export class FedlaneError extends Error {
  readonly code: string;
  readonly details: ErrorDetails;
  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message);
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}

/** A tensor has the wrong shape or length. */
export class ShapeError extends FedlaneError {
  constructor(message: string, details?: ErrorDetails) {
    super("SHAPE", message, details);
  }
}
/** A tensor has the wrong element type. */
export class DTypeError extends FedlaneError {
  constructor(message: string, details?: ErrorDetails) {
    super("DTYPE", message, details);
  }
}
/** An argument is outside its range, not finite where it must be, or of the wrong kind. */
export class ParameterError extends FedlaneError {
  constructor(message: string, details?: ErrorDetails) {
    super("PARAMETER", message, details);
  }
}
/** The memory limit is reached. Nothing was allocated and nothing moved. */
export class OutOfMemoryError extends FedlaneError {
  constructor(message: string, details?: ErrorDetails) {
    super("OUT_OF_MEMORY", message, details);
  }
}
/** A tensor, model or accumulator was used after dispose(). */
export class DisposedError extends FedlaneError {
  constructor(message: string, details?: ErrorDetails) {
    super("DISPOSED", message, details);
  }
}
/** Arguments of one call belong to different engines. */
export class EngineMismatchError extends FedlaneError {
  constructor(message: string, details?: ErrorDetails) {
    super("ENGINE_MISMATCH", message, details);
  }
}
/** The platform lacks or forbids something: WebAssembly under this CSP, a build, WebCrypto. */
export class UnsupportedError extends FedlaneError {
  constructor(message: string, details?: ErrorDetails) {
    super("UNSUPPORTED", message, details);
  }
}
/** Bytes are not a valid update frame, or exceed the caps set for them. */
export class FrameError extends FedlaneError {
  constructor(message: string, details?: ErrorDetails) {
    super("FRAME", message, details);
  }
}
/** An operation would break a privacy rule: a key stream reused, an update that cannot be clipped. */
export class PrivacyError extends FedlaneError {
  constructor(message: string, details?: ErrorDetails) {
    super("PRIVACY", message, details);
  }
}
/** A worker died, was terminated or missed its deadline. */
export class WorkerError extends FedlaneError {
  constructor(message: string, details?: ErrorDetails) {
    super("WORKER", message, details);
  }
}

const BY_CODE: Record<string, new (message: string, details?: ErrorDetails) => FedlaneError> = {
  SHAPE: ShapeError,
  DTYPE: DTypeError,
  PARAMETER: ParameterError,
  OUT_OF_MEMORY: OutOfMemoryError,
  DISPOSED: DisposedError,
  ENGINE_MISMATCH: EngineMismatchError,
  UNSUPPORTED: UnsupportedError,
  FRAME: FrameError,
  PRIVACY: PrivacyError,
  WORKER: WorkerError,
};

/** What an error becomes on its way through postMessage, which keeps neither classes nor fields. */
export interface SerialisedError {
  readonly code: string | null;
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly details?: ErrorDetails;
}

/** Plain data for postMessage. */
export function serialiseError(error: unknown): SerialisedError {
  if (error instanceof FedlaneError) {
    return { code: error.code, name: error.name, message: error.message, stack: error.stack, details: error.details };
  }
  if (error instanceof Error) return { code: null, name: error.name, message: error.message, stack: error.stack };
  return { code: null, name: "Error", message: String(error) };
}

/** The inverse: the class is found again by code. */
export function deserialiseError(data: SerialisedError): Error {
  const Class = data.code !== null && Object.hasOwn(BY_CODE, data.code) ? BY_CODE[data.code] : undefined;
  const error = Class ? new Class(data.message, data.details) : new Error(data.message);
  if (!Class) error.name = data.name;
  if (data.stack !== undefined) error.stack = data.stack;
  return error;
}
