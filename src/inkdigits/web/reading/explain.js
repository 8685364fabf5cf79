/**
 * What in a digit array supports the digit that was read.
 *
 * In: a Reader, an array and its digit. Out: 784 numbers, as explain.py's `occlusion` gives them.
 */

import { PATCH, STEP } from "../constants/explain.js";
import { SIDE } from "../constants/spec.js";

const BATCH = 16; // arrays read between two looks whether anyone still waits

/** wanted: whether anyone still waits; asked between batches. Null if not. */
export async function occlusion(reader, array, digit, wanted) {
  const starts = Array.from({ length: Math.ceil((SIDE + 1) / STEP) }, (_, i) => i * STEP - 1);
  const patches = starts.flatMap((y) => starts.map((x) => pixelsIn(y, x)));
  const inked = patches.filter((patch) => patch.some((pixel) => array[pixel]));
  const [[whole]] = [await reader.probabilities([array])];
  const [total, count] = [new Float32Array(array.length), new Float32Array(array.length)];
  for (let start = 0; start < inked.length; start += BATCH) {
    await new Promise((resolve) => setTimeout(resolve)); // lets a message in
    if (!wanted()) return null;
    const batch = inked.slice(start, start + BATCH);
    const rows = await reader.probabilities(batch.map((patch) => covered(array, patch)));
    batch.forEach((patch, i) => patch.forEach((pixel) => (total[pixel] += whole[digit] - rows[i][digit])));
  }
  for (const patch of patches) for (const pixel of patch) count[pixel] += 1;
  return total.map((value, i) => value / count[i]);
}

function pixelsIn(top, left) {
  const pixels = [];
  for (let y = Math.max(0, top); y < Math.min(SIDE, top + PATCH); y += 1) {
    for (let x = Math.max(0, left); x < Math.min(SIDE, left + PATCH); x += 1) pixels.push(y * SIDE + x);
  }
  return pixels;
}

function covered(array, patch) {
  const found = array.slice();
  for (const pixel of patch) found[pixel] = 0;
  return found;
}
