import { chunk, grid_gaussian_f32, grid_gaussian_i32, grid_gaussian_i64, grid_gaussian_scratch, release_grid_f32_u8 } from "../../assembly/privacy/grid_gaussian";
import { MAGIC } from "../../assembly/lanes/f64";

const KEY: usize = heap.alloc(32);
const NONCE: usize = heap.alloc(12);
const ACC: usize = heap.alloc(8192);
const K: usize = heap.alloc(4096);
const X: usize = heap.alloc(4096);
const Q: usize = heap.alloc(1024);
const SCRATCH: usize = heap.alloc(grid_gaussian_scratch());
const Z: usize = SCRATCH + 1792;
const SCALE: f64 = 1048576.0;

function sample(i: i32): f64 {
  return load<f64>(Z + (i << 3)) - MAGIC;
}

describe("the extremes of the key stream", () => {
  test("all bytes 0: 9.49 sigma, finite", () => {
    memory.fill(SCRATCH, 0, 1792);
    chunk(-2.0 * SCALE * SCALE, SCRATCH, Z);
    for (let p = 0; p < 128; p++) {
      expect(sample(p) >= 9.4 * SCALE && sample(p) < 9.5 * SCALE).toBe(true);
      expect(abs<f64>(sample(128 + p)) <= 1).toBe(true); // the angle is half a step from the axis
    }
  });

  test("all bits 1: finite, and with a tail variable of 0 bits the other axis has the extreme", () => {
    memory.fill(SCRATCH, 255, 1792);
    chunk(-2.0 * SCALE * SCALE, SCRATCH, Z);
    for (let i = 0; i < 256; i++) expect(sample(i)).toBe(0);
    memory.fill(SCRATCH, 0, 1024);
    chunk(-2.0 * SCALE * SCALE, SCRATCH, Z);
    for (let p = 0; p < 128; p++) {
      expect(abs<f64>(sample(p)) <= 1).toBe(true);
      expect(sample(128 + p) <= -9.4 * SCALE && sample(128 + p) > -9.5 * SCALE).toBe(true);
    }
  });

  test("every bit of tail and angle reaches the samples", () => {
    // Pair 0: bytes 0..3 of the low word, of the high word, of the angle, 0..1 of the fine part.
    for (let byte = 0; byte < 14; byte++) {
      const at: usize = SCRATCH + <usize>(byte + (byte < 4 ? 0 : byte < 8 ? 508 : byte < 12 ? 1016 : 1524));
      for (let bit = 0; bit < 8; bit++) {
        memory.fill(SCRATCH, 0, 1792);
        // The low word matters where it is the tail; for the others u = 1/4 and a scale that shows the last bits of an f64.
        const scale = byte < 4 ? SCALE : 1e14;
        if (byte >= 4) store<u8>(SCRATCH + 512 + 3, 64);
        chunk(-2.0 * scale * scale, SCRATCH, Z);
        const a = sample(0), b = sample(128);
        store<u8>(at, load<u8>(at) ^ <u8>((<u32>1) << (<u32>bit)));
        chunk(-2.0 * scale * scale, SCRATCH, Z);
        expect(sample(0) != a || sample(128) != b).toBe(true);
      }
    }
  });

  test("the end of the tail", () => {
    memory.fill(SCRATCH, 0, 1792);
    store<u8>(SCRATCH + 4, 1);
    chunk(-2.0 * SCALE * SCALE, SCRATCH, Z);
    expect(abs<f64>(sample(0) / SCALE - 9.492583) < 1e-5).toBe(true); // u = 2^-65: sqrt(130 ln 2)
    expect(abs<f64>(sample(1) / SCALE - 9.376135) < 1e-5).toBe(true); // u = 3 2^-65: sqrt(130 ln 2 - 2 ln 3)
  });
});

describe("grid_gaussian", () => {
  test("adds the same noise whatever n is, for n 0..19, to i64 and i32, and touches nothing beyond", () => {
    memory.fill(KEY, 7, 32);
    memory.fill(NONCE, 7, 12);
    memory.fill(ACC, 0, 8192);
    grid_gaussian_i64(600, SCALE, 3, KEY, NONCE, ACC, SCRATCH);
    for (let n = 0; n < 20; n++) {
      memory.fill(K, 0, 4096);
      grid_gaussian_i32(n, SCALE, 3, KEY, NONCE, K, SCRATCH);
      for (let i = 0; i < 24; i++) expect(<i64>load<i32>(K + (i << 2))).toBe(i < n ? load<i64>(ACC + (i << 3)) : 0);
    }
  });

  test("takes 28 blocks for a chunk of 256", () => {
    memory.fill(K, 0, 4096);
    grid_gaussian_i32(344, SCALE, 31, KEY, NONCE, K, SCRATCH);
    for (let i = 0; i < 344; i++) expect(<i64>load<i32>(K + (i << 2))).toBe(load<i64>(ACC + ((256 + i) << 3)));
  });

  test("the fused release is clip, noise and nearest level, at every length 0..19", () => {
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) store<f32>(X + (i << 2), <f32>i - 9);
      memory.fill(Q, 9, 32);
      release_grid_f32_u8(n, 1000, 0.0009765625, 1e18, SCALE, 1500, 3, KEY, NONCE, X, Q, SCRATCH);
      for (let i = 0; i < 24; i++) {
        const y = <f64>(load<i64>(ACC + (i << 3)) + ((i - 9) << 10)) * 0.0009765625;
        const level = min<f64>(max<f64>((y + 1500) * 255 / 3000, 0), 255);
        if (i >= n) expect(load<u8>(Q + i)).toBe(9);
        else expect(abs<f64>(<f64>load<u8>(Q + i) - level) <= 0.5000001).toBe(true);
      }
    }
  });

  test("on sums made in f32: rounded to the grid, the same noise, divided once, at every length 0..19", () => {
    const unit: f64 = 0.0009765625;
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 24; i++) store<f32>(X + (i << 2), <f32>((<f64>i - 9.25) * unit));
      grid_gaussian_f32(n, unit, SCALE, 10, 3, KEY, NONCE, X, X, SCRATCH);
      for (let i = 0; i < 24; i++) {
        const noisy = <f32>(<f64>(load<i64>(ACC + (i << 3)) + i - 9) * unit / 10.0);
        expect(load<f32>(X + (i << 2))).toBe(i < n ? noisy : <f32>((<f64>i - 9.25) * unit));
      }
    }
  });
});
