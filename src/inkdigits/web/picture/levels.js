/**
 * Which grey levels part a picture's pixels.
 *
 * In: grey values. Out: the cut between two kinds of them, and percentiles.
 * The reasons for each number are in levels.py.
 */

import { BINS, CENTRES, CUTS } from "../constants/levels.js";
import { f32 } from "./arrays.js";

/** The cut that best parts values in [0, 1] into two classes (Otsu 1979). */
export function otsuThreshold(values) {
  const counts = new Float64Array(BINS);
  const scale = f32(BINS - 1e-3);
  for (const value of values) counts[Math.trunc(f32(value * scale))] += 1;
  let [n, sum] = [0, 0];
  const below = counts.map((count) => (n += count));
  const sums = counts.map((count, bin) => (sum += count * CENTRES[bin]));
  const apart = below.map((b, bin) => (n * sums[bin] - sum * b) ** 2 / Math.max(b * (n - b), 1));
  const least = Math.max(...apart) * (1 - 1e-12);
  const best = CUTS.filter((_, bin) => apart[bin] >= least);
  return best.reduce((total, cut) => total + cut, 0) / best.length;
}

/** A percentile of values that are in order, or of the first n of them, as np.percentile. */
export function atShare(ordered, percent, n = ordered.length) {
  const last = Math.max(n - 1, 0);
  const position = (last * percent) / 100;
  const low = Math.trunc(position);
  const [here, above] = [ordered[low], ordered[Math.min(low + 1, last)]];
  return f32(here + f32(f32(above - here) * f32(position - low)));
}
