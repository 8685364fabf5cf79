/**
 * The same digit framed a little differently: what a doubtful one is read from a second time.
 *
 * In: a 28x28 digit array. Out: it and ten more, shifted, scaled, slanted and turned by little.
 */

import { clipped, f32 } from "./arrays.js";
import { SIDE } from "./place.js";

const SCALE = 0.1;
const SLANT = 0.15;
const TURN = (7 * Math.PI) / 180;
const [COS, SIN] = [Math.cos(TURN), Math.sin(TURN)];
const MIDDLE = (SIDE - 1) / 2;

// From a pixel's place (y, x) to the one it is read from.
const MAPS = [
  ...[[1, 0], [-1, 0], [0, 1], [0, -1]].map(([dy, dx]) => (y, x) => [y + dy, x + dx]),
  ...[
    [1 - SCALE, 0, 0, 1 - SCALE], [1 + SCALE, 0, 0, 1 + SCALE],
    [1, 0, SLANT, 1], [1, 0, -SLANT, 1],
    [COS, -SIN, SIN, COS], [COS, SIN, -SIN, COS],
  ].map(([a, b, c, d]) => (y, x) => [
    a * (y - MIDDLE) + b * (x - MIDDLE) + MIDDLE,
    c * (y - MIDDLE) + d * (x - MIDDLE) + MIDDLE,
  ]),
];

/** Eleven Float32Arrays: the digit array itself, then the ten others. */
export function nudged(array) {
  return [array, ...MAPS.map((map) => array.map((_, i) => readAt(array, map(Math.floor(i / SIDE), i % SIDE))))];
}

/** Bilinear; a pixel outside the array has no weight, as paper is 0. */
function readAt(array, [y, x]) {
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const [down, right] = [y - top, x - left];
  const pixel = (row, column) =>
    row >= 0 && row < SIDE && column >= 0 && column < SIDE ? array[row * SIDE + column] : 0;
  const sum =
    f32((1 - down) * (1 - right)) * pixel(top, left) +
    f32((1 - down) * right) * pixel(top, left + 1) +
    f32(down * (1 - right)) * pixel(top + 1, left) +
    f32(down * right) * pixel(top + 1, left + 1);
  return clipped(sum, 0, 1);
}
