// What bench/rivals/convnet.ts uses of convnetjs, which has no types of its own.
declare module "convnetjs" {
  interface Vol {
    readonly w: Float64Array;
  }
  interface Net {
    readonly layers: readonly { readonly filters: readonly Vol[]; readonly biases: Vol }[];
    makeLayers(definition: readonly object[]): void;
  }
  const convnetjs: {
    readonly Vol: new (sx: number, sy: number, depth: number, value: number) => Vol;
    readonly Net: new () => Net;
    readonly Trainer: new (net: Net, options: object) => { train(x: Vol, label: number): { readonly loss: number } };
  };
  export default convnetjs;
}
