/**
 * Which grey levels part a picture's pixels.
 *
 * In: grey values. Out: the cut between two kinds of them, and percentiles.
 * The reasons for each number are in levels.py.
 */

import { f32, nth } from "./arrays.js";

export const [PAPER_SHARE, INK_SHARE] = [20, 99.7];
export const CUT = 0.9;
export const [FAINT_CUT, EVENED] = [0.6, 0.5];
export const FULL_INK = 80;
const BINS = 256;

/** The cut that best parts values in [0, 1] into two classes (Otsu 1979). */
export function otsuThreshold(values) {
  const counts = new Float64Array(BINS);
  const scale = f32(BINS - 1e-3);
  for (const value of values) counts[Math.trunc(f32(value * scale))] += 1;
  const below = new Float64Array(BINS);
  const sums = new Float64Array(BINS);
  let [n, sum] = [0, 0];
  for (let bin = 0; bin < BINS; bin += 1) {
    below[bin] = n += counts[bin];
    sums[bin] = sum += counts[bin] * (cutOf(bin) - 1 / (2 * BINS));
  }
  const apart = below.map((b, bin) => (n * sums[bin] - sum * b) ** 2 / Math.max(b * (n - b), 1));
  const least = Math.max(...apart) * (1 - 1e-12);
  let [total, equals] = [0, 0];
  apart.forEach((value, bin) => {
    if (value < least) return;
    total += cutOf(bin);
    equals += 1;
  });
  return total / equals;
}

const cutOf = (bin) => (bin + 1) / BINS;

/** As np.percentile. wanted: each in [0, 100]. */
export function percentiles(values, ...wanted) {
  const own = Float32Array.from(values);
  return wanted.map((percent) => {
    const place = ((own.length - 1) * percent) / 100;
    const low = Math.trunc(place);
    return between(nth(own, low), nth(own, Math.min(low + 1, own.length - 1)), place - low);
  });
}

/** A percentile of values that are in order, or of the first n of them. */
export function atShare(ordered, percent, n = ordered.length) {
  const last = Math.max(n - 1, 0);
  const place = (last * percent) / 100;
  const low = Math.trunc(place);
  return between(ordered[low], ordered[Math.min(low + 1, last)], place - low);
}

const between = (here, above, part) => f32(here + f32(f32(above - here) * f32(part)));
