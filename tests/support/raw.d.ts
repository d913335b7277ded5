/** A file's text, by the bundler of the tests: it works in a browser too. */
declare module "*?raw" {
  const text: string;
  export default text;
}
