// Ratings made up from a planted factorisation: repeatable, with taste to be found in them.
import type { Ratings } from "fedlane";
import { random } from "./data.ts";

/**
 * Two kinds of users and two kinds of items: an item of the user's kind is chosen three times as often and rated 4 to 5, another 1.5 to 2.5.
 * @param perUser ratings of a user, at most half the items
 */
export function plantedRatings(users: number, items: number, perUser: number, seed: number): Ratings {
  const next = random(seed);
  const rows: [user: number, item: number, rating: number, time: number][] = [];
  for (let user = 0; user < users; user++) {
    const chosen = new Set<number>();
    while (chosen.size < perUser) {
      const item = Math.floor(next() * items);
      if (item % 2 === user % 2 || next() < 0.3) chosen.add(item);
    }
    for (const item of chosen) rows.push([user, item, (item % 2 === user % 2 ? 4 : 1.5) + 0.5 * Math.floor(3 * next()), Math.floor(1e6 * next())]);
  }
  return {
    users,
    items,
    user: Uint32Array.from(rows, (r) => r[0]),
    item: Uint32Array.from(rows, (r) => r[1]),
    rating: Float32Array.from(rows, (r) => r[2]),
    time: Float64Array.from(rows, (r) => r[3]),
  };
}

/** The text of a ratings.csv. */
export function ratingsCsv({ user, item, rating, time }: Ratings): string {
  const lines = Array.from(user, (u, r) => `${u + 1},${item[r]! + 1},${rating[r]!.toFixed(1)},${time[r]}\n`);
  return `userId,movieId,rating,timestamp\n${lines.join("")}`;
}
