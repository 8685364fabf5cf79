/**
 * MNIST's framing, exactly: ink to a 20-pixel box, centred by mass in 28x28.
 *
 * In: ink. Out: 784 values. The source is named in place.py.
 */

import { CENTRE } from "../constants/place.js";
import { INK_BOX, N_PIXELS, SIDE } from "../constants/spec.js";
import { clipped, cropped, extent, extremes, f32, mapped, rounded } from "./arrays.js";
import { resized } from "./resample.js";
import { clearlyThick, thickened } from "./stroke_width.js";

/** The ink scaled so that its longer side is 20 pixels, centred by mass in 28x28. Some is above 0. */
export function place(ink) {
  const own = cropped(ink, extent(ink));
  const digit = scaled(clearlyThick(own) ? own : thickEnough(own));
  const [down, right] = centringShift(digit);
  // The centre of mass can pull a lopsided digit's end past the edge; MNIST keeps all ink.
  const top = clipped(down, 0, SIDE - digit.height);
  const left = clipped(right, 0, SIDE - digit.width);
  const array = new Float32Array(N_PIXELS);
  for (let y = 0; y < digit.height; y += 1) {
    const row = digit.data.subarray(y * digit.width, (y + 1) * digit.width);
    array.set(row, (top + y) * SIDE + left);
  }
  return array;
}

/** Whole-pixel [dy, dx] that move the centre of mass to the middle. */
function centringShift({ width, data }) {
  let [mass, down, across] = [0, 0, 0];
  data.forEach((value, i) => {
    mass += value;
    down += value * Math.floor(i / width);
    across += value * (i % width);
  });
  return [rounded(CENTRE - down / mass), rounded(CENTRE - across / mass)];
}

function thickEnough(ink) {
  const thick = thickened(ink);
  return thick === ink ? ink : cropped(thick, extent(thick));
}

function scaled(ink) {
  const { height, width } = ink;
  const longer = Math.max(height, width);
  if (longer === INK_BOX) return ink;
  const sides = [height, width].map((side) => Math.max(1, rounded((side * INK_BOX) / longer)));
  const small = resized(ink, ...sides, "bilinear");
  // Reduction spreads a thin stroke's ink over whole pixels: bring it back to full strength.
  const most = f32(Math.max(extremes(small.data)[1], 1e-6));
  return mapped(small, (value) => clipped(value / most, 0, 1));
}
