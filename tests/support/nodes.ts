// Node noise for tests of noise for streams of rounds: what node (a, b) adds, told by the fork it is drawn from.
import type { VectorNoise } from "fedlane";

/** Adds value(a, b, i) to element i. What it is given must be a fork at its start. */
export function byNode(value: (a: number, b: number, i: number) => number): VectorNoise {
  return (x, fork) => {
    const { nonce, counter } = fork.toState();
    if (nonce[0] !== 1 || counter !== 0) throw new Error(`node noise: expected a fork at its start, got nonce ${nonce} at ${counter}`);
    const view = x.view;
    for (let i = 0; i < view.length; i++) view[i] = view[i]! + value(nonce[1], nonce[2], i);
  };
}

/** Repeatable integers below 2^20 or so in size, another for every node and place: not random, but as good where only sums are compared. */
export function nodeValue(a: number, b: number, i: number): number {
  let z = Math.imul(a + 1, 0x9e3779b9) ^ Math.imul(b + 1, 0x85ebca6b) ^ Math.imul(i + 1, 0xc2b2ae35);
  z = Math.imul(z ^ (z >>> 15), 0x2c1b3c6d);
  return Math.imul(z ^ (z >>> 12), 0x297a2d39) >> 12;
}
