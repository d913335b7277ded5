// The MovieLens set of tests, where it is: its terms keep it out of the repository. Node only.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Its folder: that of FEDLANE_MOVIELENS, or shared/data/movielens-small beside the repository; undefined where neither has it. */
export function findMovielens(): string | undefined {
  const folder = process.env["FEDLANE_MOVIELENS"] ?? fileURLToPath(new URL("../../../shared/data/movielens-small", import.meta.url));
  return existsSync(`${folder}/ratings.csv`) ? folder : undefined;
}
