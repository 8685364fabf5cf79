/**
 * Digits and signs to lines, and lines to numbers, by where they stand.
 *
 * In: candidates { box, unit, sign } of one picture in any order. Out: lines from top to bottom, each the
 * candidates' numbers from left to right, and after which of them a clear gap follows. The same steps as in
 * lines.py; the reasons are there.
 */

import { ALL_APART, APART, CLEARLY_WIDER, CLEAR_GAP, FALL, FOLLOWING, LAST, LOW, NEIGHBOUR, OPENING, SAME_LINE, STEEPEST,
  STEP, WIDEST, WOBBLE } from "../constants/lines.js";
import { clipped, f32, mean, median } from "../picture/arrays.js";

export const isDigit = (sign) => sign >= "0" && sign <= "9";

/** The candidates' numbers, line by line, each from left to right. */
export function linesOf(candidates) {
  const x = candidates.map(({ box }) => (box[0] + box[2]) / 2);
  const y = candidates.map(({ box, unit, sign }) => (LOW.includes(sign) ? box[3] - unit / 2 : (box[1] + box[3]) / 2));
  const order = candidates.map((_, i) => i).sort((a, b) => x[a] - x[b]);
  const slope = slopeOf(x, y, candidates, order);
  const level = y.map((value, i) => value - slope * x[i]);
  const lines = []; // { line, end, height }: of each line's last candidates, where they stand, and their height
  for (const i of order) {
    const { unit } = candidates[i];
    const away = lines.map(({ end, height }) => Math.abs(end - level[i]) / Math.max(height, unit));
    const best = away.indexOf(Math.min(...away));
    if (best < 0 || away[best] >= SAME_LINE) {
      lines.push({ line: [i], end: level[i], height: unit });
      continue;
    }
    const own = lines[best];
    own.line.push(i);
    const last = own.line.slice(-LAST);
    own.end = mean(last.map((k) => level[k]));
    own.height = mean(last.map((k) => candidates[k].unit));
  }
  const heights = new Map(lines.map(({ line }) => [line, median(line.map((i) => level[i]))]));
  return lines.map(({ line }) => line).sort((a, b) => heights.get(a) - heights.get(b));
}

/** How the lines slope, pixels down per pixel right: the median over neighbours on a line. */
function slopeOf(x, y, candidates, order) {
  const slopes = [];
  order.forEach((i, position) => {
    const { unit } = candidates[i];
    let nearest = Infinity;
    let slope = null;
    for (const k of order.slice(position + 1, position + 1 + FOLLOWING)) {
      const [across, down] = [x[k] - x[i], y[k] - y[i]];
      const isNear = across < f32(NEIGHBOUR * unit) && across > f32(APART * unit) &&
        Math.abs(down) < Math.min(f32(FALL * unit), STEEPEST * across + f32(WOBBLE * unit));
      if (isNear && across < nearest) [nearest, slope] = [across, down / across];
    }
    if (slope !== null) slopes.push(slope);
  });
  return slopes.length > 1 ? clipped(median(slopes), -STEEPEST, STEEPEST) : 0;
}

/** For each line, after which of its candidates a clear gap follows: one fewer than candidates. */
export function gapsAfter(lines, candidates) {
  const widths = lines.map((line) => widthsOf(line, candidates));
  const ofPage = parting(widths.flat());
  return lines.map((line, n) => {
    // A page of several hands has no width of its own.
    const least = ofPage < Infinity ? ofPage : parting(widths[n]);
    return widths[n].map((gap, k) => {
      const [before, after] = [candidates[line[k]].sign, candidates[line[k + 1]].sign];
      // A sign takes what follows; a point what stands before.
      if (!isDigit(before) || LOW.includes(after)) return false;
      if (isDigit(after)) return gap > least;
      // A minus that stands by its own number, away from the one before.
      return gap > least && OPENING.includes(after) && widths[n][k + 1] < gap / CLEARLY_WIDER;
    });
  });
}

/** The gaps between a line's candidates, in heights of a digit. */
function widthsOf(line, candidates) {
  return line.slice(1).map((i, k) => {
    const [here, next] = [candidates[line[k]], candidates[i]];
    return (next.box[0] - here.box[2]) / Math.max(here.unit, next.unit, 1e-6);
  });
}

/** The width that parts gaps between numbers from those within, if there are two kinds (Otsu 1979). */
function parting(gaps) {
  if (gaps.length && gaps.every((gap) => gap > ALL_APART)) return ALL_APART;
  const ordered = Float64Array.from(gaps, (gap) => clipped(gap, 0, WIDEST)).sort();
  const n = ordered.length;
  if (n < 2) return Infinity;
  const total = ordered.reduce((sum, gap) => sum + gap);
  let [most, least, sum] = [-1, Infinity, 0];
  for (let below = 1; below < n; below += 1) {
    sum += ordered[below - 1];
    const [low, high] = [sum / below, (total - sum) / (n - below)];
    const [narrow, wide] = [ordered[below - 1], ordered[below]];
    const between = below * (n - below) * (high - low) ** 2;
    if (wide < CLEAR_GAP || high < CLEARLY_WIDER * low || wide < STEP * narrow || between <= most) continue;
    [most, least] = [between, (narrow + wide) / 2];
  }
  return least;
}
