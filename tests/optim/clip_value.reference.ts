// The naive twin.

/** x held within [-limit, limit]; NaN stays. */
export const clipValue = (limit: number, x: number): number => Math.max(-limit, Math.min(limit, x));
