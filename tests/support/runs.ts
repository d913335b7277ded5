// How often to repeat a random case.
declare const __GROW__: boolean;
declare const __NIGHTLY__: boolean;

/** n; a twentieth where the memory grows at every allocation: that project looks for stale views, and a grow takes long. */
export const runs = (n: number): number => (__GROW__ ? Math.ceil(n / 20) : n);

/** n; `full`, the size that NUMERICS or an issue names, under npm run test:nightly. */
export const nightly = (n: number, full: number): number => (__NIGHTLY__ ? full : n);
