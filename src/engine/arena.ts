// Memory of one engine: size classes with free lists over a bump pointer. Nothing is ever moved.
import { OutOfMemoryError } from "./errors.ts";

const ALIGN = 64;
const PAGE = 65536;

/** Limits and test switches of an engine's memory. */
export interface MemoryOptions {
  /** Bytes the memory may grow to, at most 4 GiB. Default 4 GiB. */
  readonly maximumBytes?: number;
  /** Grow by a page on every allocation, so that every stale view shows itself. For tests. */
  readonly growOnEveryAllocation?: boolean;
}

/** Figures of an arena; bytes count whole size classes. */
export interface ArenaStats {
  /** Bytes handed out and not freed. */
  readonly liveBytes: number;
  /** Largest liveBytes so far. */
  readonly peakBytes: number;
  /** Blocks handed out and not freed. */
  readonly liveBlocks: number;
  /** Bytes of the WebAssembly memory. */
  readonly memoryBytes: number;
  /** Times the memory grew. */
  readonly grows: number;
}

/** Rounds up to a size class: multiples of 64 up to 1 KiB, then four classes to each power of two (waste below 25 %). */
export function sizeClass(bytes: number): number {
  if (bytes <= 1024) return Math.ceil(bytes / ALIGN) * ALIGN;
  const step = 2 ** (Math.ceil(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}

/** Allocator over one WebAssembly.Memory. Address 0 means empty and is never handed out for bytes > 0. */
export class Arena {
  readonly memory: WebAssembly.Memory;
  /** Raised by growth only; views made before are dead. */
  generation = 0;
  readonly #maximumBytes: number;
  readonly #growAlways: boolean;
  readonly #free = new Map<number, number[]>();
  readonly #sizes = new Map<number, number>();
  #bump: number;
  #live = 0;
  #peak = 0;
  #grows = 0;

  constructor(memory: WebAssembly.Memory, options: MemoryOptions, base = ALIGN) {
    this.memory = memory;
    this.#maximumBytes = options.maximumBytes ?? 65536 * PAGE;
    this.#growAlways = options.growOnEveryAllocation ?? false;
    this.#bump = Math.ceil(base / ALIGN) * ALIGN;
  }

  /**
   * @param bytes size, a non-negative integer; 0 gives address 0
   * @returns address, a multiple of 64; the contents are undefined
   * @throws {@link OutOfMemoryError} when the limit is reached; the arena is unchanged
   */
  allocate(bytes: number): number {
    if (bytes === 0) return 0;
    if (!(bytes <= this.#maximumBytes)) throw this.#outOfMemory(bytes); // NaN too: the product of a shape may overflow
    const size = sizeClass(bytes);
    if (this.#growAlways) this.#grow(1, bytes);
    const list = this.#free.get(size);
    let address = list?.pop();
    if (address === undefined) {
      const end = this.#bump + size;
      const missing = end - this.memory.buffer.byteLength;
      if (end > this.#maximumBytes) throw this.#outOfMemory(bytes);
      if (missing > 0) this.#grow(Math.ceil(missing / PAGE), bytes);
      address = this.#bump;
      this.#bump = end; // only after growth succeeded
    }
    this.#sizes.set(address, size);
    this.#live += size;
    if (this.#live > this.#peak) this.#peak = this.#live;
    return address;
  }

  /**
   * @param address a value of {@link Arena.allocate}, freed once
   * @param options wipe overwrites the block with zeros: for keys, noise and raw gradients
   */
  free(address: number, options: { readonly wipe?: boolean } = {}): void {
    if (address === 0) return;
    const size = this.#sizes.get(address);
    if (size === undefined) throw new RangeError(`Arena.free: expected a live address, got ${address}`);
    if (options.wipe) new Uint8Array(this.memory.buffer, address, size).fill(0);
    this.#sizes.delete(address);
    this.#live -= size;
    let list = this.#free.get(size);
    if (!list) this.#free.set(size, (list = []));
    list.push(address);
  }

  stats(): ArenaStats {
    return {
      liveBytes: this.#live,
      peakBytes: this.#peak,
      liveBlocks: this.#sizes.size,
      memoryBytes: this.memory.buffer.byteLength,
      grows: this.#grows,
    };
  }

  #grow(pages: number, bytes: number): void {
    const now = this.memory.buffer.byteLength / PAGE;
    const limit = Math.floor(this.#maximumBytes / PAGE);
    if (now + pages > limit) throw this.#outOfMemory(bytes);
    // Ahead of need by a quarter, so that many small tensors do not mean many grows.
    const ahead = this.#growAlways ? pages : Math.min(Math.max(pages, now >> 2), limit - now);
    if (!this.#tryGrow(ahead) && !(ahead > pages && this.#tryGrow(pages))) throw this.#outOfMemory(bytes);
    this.generation++;
    this.#grows++;
  }

  #tryGrow(pages: number): boolean {
    try {
      this.memory.grow(pages);
      return true;
    } catch {
      return false; // RangeError: the platform has no more; the caller turns it into OutOfMemoryError
    }
  }

  #outOfMemory(bytes: number): OutOfMemoryError {
    const { liveBytes, memoryBytes } = this.stats();
    const limit = this.#maximumBytes;
    return new OutOfMemoryError(
      `allocate: expected ${bytes} bytes within the limit of ${limit}, got ${liveBytes} bytes live already; dispose tensors or raise memory.maximumBytes`,
      { bytes, liveBytes, memoryBytes, limit },
    );
  }
}
