/**
 * How thick a digit's strokes are, and thin ones brought into MNIST's range.
 *
 * In: ink. Out: ink of the same digit. The reasons for each number are in stroke_width.py.
 */

import { INK_BOX } from "../constants/spec.js";
import { CLEARLY, TARGET, THIN, WORK } from "../constants/stroke_width.js";
import { extremes, f32, mapped, marked, median, padded, rounded } from "./arrays.js";
import { resized } from "./resample.js";
import { depths, dilatedByDisc } from "./shapes.js";

/** Typical width of the strokes in pixels of `ink`; 0 if there is none. */
function strokeWidth(ink) {
  const mask = padded(marked(ink, (value) => value > 0.5), 1);
  const distance = depths(mask);
  const most = dilatedByDisc(distance, 1); // so small a disc is the 3x3 square
  const middle = distance.data.filter((value, i) => mask.data[i] && value >= most.data[i]);
  return middle.length ? 2 * median(middle) - 1 : 0;
}

/** `ink` with strokes thinner than THIN (at 20 pixels) brought to MNIST's width, else as it is. */
export function thickened(ink) {
  const longer = Math.max(ink.height, ink.width);
  const work = INK_BOX * WORK;
  const sides = [ink.height, ink.width].map((side) => Math.max(1, rounded((side * work) / longer)));
  const large = resized(ink, ...sides, "bilinear");
  const most = f32(Math.max(extremes(large.data)[1], 1e-6));
  const full = mapped(large, (value) => value / most);
  const width = strokeWidth(full) / WORK;
  if (width >= THIN) return ink;
  const radius = Math.max(1, rounded(((TARGET - width) / 2) * WORK));
  return dilatedByDisc(padded(full, radius), radius);
}

/** Whether strokes are so thick that they need not be measured: area against outline. */
export function clearlyThick(ink) {
  const { height, width, data } = padded(marked(ink, (value) => value > 0.5), 1);
  let [area, outline] = [0, 0];
  data.forEach((value, i) => {
    area += value;
    if (i >= width && value !== data[i - width]) outline += 1;
    if (i % width && value !== data[i - 1]) outline += 1;
  });
  return 2 * area * INK_BOX >= CLEARLY * outline * Math.max(height - 2, width - 2);
}
