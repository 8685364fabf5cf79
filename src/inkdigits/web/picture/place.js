/**
 * MNIST's framing, exactly: ink to a 20-pixel box, centred by mass in 28x28.
 *
 * In: ink. Out: { height: 28, width: 28, data }. The source is named in place.py.
 */

import { clipped, cropped, extent, extremes, f32, grey, mapped, rounded } from "./arrays.js";
import { PictureError } from "./errors.js";
import { greyResized } from "./resample.js";
import { clearlyThick, INK_BOX, thickened } from "./strokes.js";

export const SIDE = 28;
const CENTRE = SIDE / 2;

/** The ink scaled so that its longer side is 20 pixels, centred by mass: { array, box } of the ink. */
export function place(ink) {
  const box = extent(ink);
  if (!box) throw new PictureError("no ink: no pixel is above 0");
  const own = cropped(ink, box);
  const digit = scaled(clearlyThick(own) ? own : thickEnough(own));
  const [down, right] = centringShift(digit);
  // The centre of mass can pull a lopsided digit's end past the edge; MNIST keeps all ink.
  const top = clipped(down, 0, SIDE - digit.height);
  const left = clipped(right, 0, SIDE - digit.width);
  const array = grey(SIDE, SIDE);
  for (let y = 0; y < digit.height; y += 1) {
    const row = digit.data.subarray(y * digit.width, (y + 1) * digit.width);
    array.data.set(row, (top + y) * SIDE + left);
  }
  return { array, box };
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
  const small = greyResized(ink, ...sides);
  // Reduction spreads a thin stroke's ink over whole pixels: bring it back to full strength.
  const most = f32(Math.max(extremes(small.data)[1], 1e-6));
  return mapped(small, (value) => clipped(value / most, 0, 1));
}
