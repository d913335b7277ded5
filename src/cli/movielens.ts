// MovieLens (Harper and Konstan 2015, doi:10.1145/2827872): ratings.csv of the sets since 2015, for instance ml-latest-small.
import { join } from "node:path";
import type { Ratings } from "../federated/ranking.ts";
import { DataError, tryRead } from "./data.ts";

const HEADER = "userId,movieId,rating,timestamp";
/** How a person comes by it. */
export const WHERE_MOVIELENS_IS = "get ml-latest-small.zip from https://grouplens.org/datasets/movielens/, unpack it and name its folder";

/**
 * Ratings from a folder with ratings.csv.
 * @throws {@link DataError} when it is not there or not sound
 */
export async function loadMovielens(folder: string): Promise<Ratings> {
  const bytes = await tryRead(join(folder, "ratings.csv"));
  if (!bytes) throw new DataError(`ratings.csv: expected it in ${folder}, got no such file; ${WHERE_MOVIELENS_IS}`);
  return parseRatings(new TextDecoder().decode(bytes), "ratings.csv");
}

/**
 * Ratings from the text of ratings.csv. Users and movies get indices in the order of their ids, so the order of the lines does not matter.
 * @param name of the file, for errors
 * @throws {@link DataError} naming the line
 */
export function parseRatings(text: string, name: string): Ratings {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  if (lines[0] !== HEADER) throw new DataError(`${name}: expected the header ${HEADER}, got ${JSON.stringify((lines[0] ?? "").slice(0, 80))}`);
  if (lines.length < 2) throw new DataError(`${name}: expected one or more ratings, got none`);
  const count = lines.length - 1;
  const [user, movie] = [new Float64Array(count), new Float64Array(count)];
  const [rating, time] = [new Float32Array(count), new Float64Array(count)];
  for (let r = 0; r < count; r++) {
    const fields = lines[r + 1]!.split(",");
    const where = `${name}: line ${r + 2}`;
    if (fields.length !== 4) throw new DataError(`${where}: expected 4 fields, got ${fields.length}`);
    user[r] = whole(where, "userId", fields[0]!);
    movie[r] = whole(where, "movieId", fields[1]!);
    const stars = /^\d(\.\d)?$/.test(fields[2]!) ? Number(fields[2]) : Number.NaN;
    if (!(stars >= 0.5 && stars <= 5 && Number.isInteger(2 * stars)))
      throw new DataError(`${where}: expected a rating of 0.5 to 5 in halves, got ${JSON.stringify(fields[2])}`);
    rating[r] = stars;
    time[r] = whole(where, "timestamp", fields[3]!);
  }
  const [users, items] = [indices(user), indices(movie)];
  const twice = new Set<number>();
  for (let r = 0; r < count; r++) {
    const pair = users.of[r]! * items.count + items.of[r]!;
    if (twice.has(pair)) throw new DataError(`${name}: line ${r + 2}: expected one rating of a movie by a user, got a second of ${movie[r]} by ${user[r]}`);
    twice.add(pair);
  }
  return { users: users.count, items: items.count, user: users.of, item: items.of, rating, time };
}

function whole(where: string, field: string, text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new DataError(`${where}: expected ${field} to be a whole number, got ${JSON.stringify(text)}`);
  return value;
}

/** Index of every id among the different ids in rising order. */
function indices(ids: Float64Array): { readonly count: number; readonly of: Uint32Array } {
  const sorted = Float64Array.from(new Set(ids)).sort();
  const index = new Map(Array.from(sorted, (id, i) => [id, i]));
  return { count: sorted.length, of: Uint32Array.from(ids, (id) => index.get(id)!) };
}
