/**
 * What the two finding networks are shown of a picture: all of it standardised, and close-ups.
 *
 * In: grey values. Out: values with mean 0 and standard deviation 1. The same steps as in views.py.
 */

import { AROUND, ASIDE, CLOSE, FLAT, LEAST } from "../constants/views.js";
import { clipped, cropped, f32, mapped, rounded } from "./arrays.js";
import { resized } from "./resample.js";

/** The picture with mean 0 and standard deviation near 1. */
export function standardised(grey) {
  const { mean, spread } = statistics(grey.data);
  return mapped(grey, (value) => (value - mean) / spread);
}

/** The side of the square that a close-up of `box` shows, in pixels; unit: height of a digit there. */
export function sideOf([left, top, right, bottom], unit) {
  const longer = f32(Math.max(f32(right - left), f32(bottom - top)));
  return longer >= LEAST * unit ? f32(AROUND * longer) : AROUND * LEAST * unit;
}

/** The square of that side around the box's middle: 48x48 values, 0 outside the picture. */
export function closeUp(grey, box, side) {
  const found = new Float32Array(CLOSE * CLOSE);
  const [left, top] = [0, 1].map((axis) => f32(box[axis] + box[axis + 2]) / 2 - side / 2);
  // Only what is needed, so that a page is not smoothed once for each of its digits.
  const around = {
    left: Math.max(0, Math.trunc(left) - 2),
    top: Math.max(0, Math.trunc(top) - 2),
    right: Math.min(grey.width, Math.trunc(left + side) + 3),
    bottom: Math.min(grey.height, Math.trunc(top + side) + 3),
  };
  if (around.right <= around.left || around.bottom <= around.top) return found;
  const part = cropped(grey, around);
  const share = CLOSE / side;
  const sizes = [part.height, part.width].map((n) => Math.max(1, rounded(n * 2 * share)));
  const small = share < 0.5 ? resized(part, ...sizes, "area") : part; // so that no pixel is skipped
  // cv2.warpAffine reckons in float32: across rounded once, by a fused multiply-add; down twice.
  const columns = sampled(part.width, small.width, left - around.left, share, (i, step, start) => f32(i * step + start));
  const rows = sampled(part.height, small.height, top - around.top, share, (i, step, start) => f32(f32(i * step) + start));
  const inside = [];
  for (let y = rows.start; y < rows.end; y += 1) {
    const { first, next, part: down } = rows.from[y];
    for (let x = columns.start; x < columns.end; x += 1) {
      const { first: a, next: b, part: across } = columns.from[x];
      const [above, below] = [first * small.width, next * small.width];
      const upper = small.data[above + a] * (1 - across) + small.data[above + b] * across;
      const lower = small.data[below + a] * (1 - across) + small.data[below + b] * across;
      found[y * CLOSE + x] = upper * (1 - down) + lower * down;
      inside.push(y * CLOSE + x);
    }
  }
  if (!inside.length) return found;
  const { mean, spread } = statistics(Float32Array.from(inside, (pixel) => found[pixel]));
  for (const pixel of inside) found[pixel] = (found[pixel] - mean) / spread;
  return found;
}

/**
 * Along one axis, what of the part each of a close-up's pixels is between: { from, start, end }.
 *
 * from: { first, next, part }. start, end: those that lie in the picture. As cv2.warpAffine has it,
 * bilinear, the edge carried on.
 */
function sampled(length, small, offset, share, sourceOf) {
  const ratio = length / small;
  const scale = share * ratio;
  const shift = share * (0.5 * ratio - offset) - 0.5;
  const from = Array.from({ length: CLOSE }, (_, i) => {
    const position = sourceOf(i, f32(1 / scale), f32(-shift / scale));
    const below = Math.floor(position);
    const [first, next] = [below, below + 1].map((k) => clipped(k, 0, small - 1));
    return { first, next, part: position - below };
  });
  const start = Math.max(0, rounded(-offset * share));
  return { from, start, end: Math.min(CLOSE, rounded((length - offset) * share)) };
}

function statistics(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, spread: Math.sqrt(variance) + FLAT };
}

/** 1 inside the box, 0 outside, as it lies in its close-up: 48x48 values. */
export function frameOf(box, side) {
  const share = CLOSE / side;
  const middle = CLOSE / 2 + ASIDE;
  const spans = [0, 1].map((axis) => {
    const half = (f32(box[axis + 2] - box[axis]) / 2) * share;
    return [Math.max(0, rounded(middle - half)), Math.max(1, rounded(middle + half))];
  });
  const frame = new Float32Array(CLOSE * CLOSE);
  const [[left, right], [top, bottom]] = spans.map(([start, end]) => [start, Math.min(CLOSE, end)]);
  for (let y = top; y < bottom; y += 1) frame.fill(1, y * CLOSE + left, y * CLOSE + right);
  return frame;
}

/** A thin box made at least half as broad as it is long; least: no side is shorter. */
export function broad([left, top, right, bottom], least) {
  const middle = [f32(f32(left + right) / 2), f32(f32(top + bottom) / 2)];
  const size = [f32(right - left), f32(bottom - top)];
  const half = size.map((side, axis) => f32(Math.max(side, f32(size[1 - axis] / 2), least) / 2));
  return [-1, -1, 1, 1].map((side, k) => f32(middle[k % 2] + side * half[k % 2]));
}
