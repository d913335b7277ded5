// Buffers with a lifetime, placed in one block: two that are never alive at the same time may share bytes.

/** A buffer wanted from time `from` to time `to`, both included. Times are positions in the list of operations of a step. */
export interface Wanted {
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
}

export interface Placement {
  /** Byte offsets, one a buffer, multiples of 64. */
  readonly offsets: readonly number[];
  /** Size of the block: the peak. */
  readonly bytes: number;
}

const ALIGN = 64;

/**
 * Greedy by size: the largest buffer first, each at the lowest offset where no buffer alive with it lies.
 * Source: Pisarchyk and Lee 2020 (arXiv:2001.03288), section 5.2, "greedy by size for offset calculation".
 */
export function placeByLifetime(wanted: readonly Wanted[]): Placement {
  const offsets = new Array<number>(wanted.length).fill(0);
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[b]!.bytes - wanted[a]!.bytes || a - b);
  const placed: number[] = []; // by rising offset
  let peak = 0;
  for (const i of order) {
    const { from, to } = wanted[i]!;
    const bytes = Math.ceil(wanted[i]!.bytes / ALIGN) * ALIGN;
    let at = 0;
    for (const j of placed) {
      const other = wanted[j]!;
      if (other.to < from || to < other.from) continue;
      if (offsets[j]! - at >= bytes) break; // it fits into the gap before j
      at = Math.max(at, offsets[j]! + Math.ceil(other.bytes / ALIGN) * ALIGN);
    }
    offsets[i] = at;
    peak = Math.max(peak, at + bytes);
    placed.push(i);
    placed.sort((a, b) => offsets[a]! - offsets[b]!);
  }
  return { offsets, bytes: peak };
}
