/**
 * Lines that belong to the paper and not to the digit: ruled, squared, and a form's frame.
 *
 * In: a mask of ink. Out: the mask without them. The reasons for each number are in lines.py.
 */

import { both, either, marked, mask, median, eachIn, rounded, share, some, transposed, without } from "./arrays.js";
import { connected, grown } from "./shapes.js";

const [RUN, SHORT_RUN] = [0.06, 8];
const [BRIDGED, SHORT_GAP] = [0.3, 9];
const [EDGE, FAR] = [0.12, 0.25];
const COVER = 0.5;
const [THIN, THIN_PIXELS] = [0.03, 3];
const [ZONE, ZONE_THIN] = [0.15, 0.06];
const TIGHT = 0.15;

/**
 * The mask without the thin lines that run from one edge of the picture to the other.
 *
 * Where a stroke crosses one, it stays. A mask of which nothing is left stays as it is.
 */
export function withoutLines(ink) {
  const [along, alone] = linesOf(ink);
  const [up, aloneUp] = linesOf(transposed(ink)).map(transposed);
  const cleared = without(ink, either(either(alone, aloneUp), both(along, up)));
  return some(cleared) ? cleared : ink;
}

/** Ink on the thin lines from left to right, and the part of it that no stroke crosses. */
function linesOf(ink) {
  const { height, width } = ink;
  const [line, alone] = [mask(height, width), mask(height, width)];
  const tall = runLengths(ink);
  const thickest = thickestIn(ink);
  const thin = marked(ink, (value, i) => value && tall.data[i] <= thickest[Math.floor(i / width)]);
  const long = Math.max(SHORT_RUN, rounded(RUN * width)) | 1;
  const lengths = transposed(runLengths(transposed(thin)));
  const runs = marked(lengths, (length) => length >= long);
  if (!some(runs)) return [line, alone];
  const bridge = Math.max(SHORT_GAP, rounded(BRIDGED * width));
  const { labels, boxes } = connected(grown(runs, 3, bridge), { corners: false });
  boxes.forEach((box, index) => {
    const columns = new Set();
    const heights = [];
    eachIn(ink, box, (i) => {
      if (labels.data[i] !== index + 1 || !runs.data[i]) return;
      columns.add(i % width);
      heights.push(tall.data[i]);
    });
    const ends = [Math.min(...columns), width - 1 - Math.max(...columns)];
    const far = Math.min(...ends) > EDGE * width || Math.max(...ends) > FAR * width;
    if (far || columns.size < COVER * width) return;
    const thick = median(heights);
    eachIn(ink, box, (i) => {
      if (labels.data[i] !== index + 1 || !ink.data[i]) return;
      line.data[i] = 1;
      if (tall.data[i] <= 2 * thick) alone.data[i] = 1;
    });
  });
  return [line, alone];
}

/** How thick a line may be in each row: thicker near the frame, where forms have theirs. */
function thickestIn(ink) {
  const { height, width } = ink;
  const loose = share(ink) <= TIGHT;
  return Array.from({ length: height }, (_, row) => {
    const near = Math.min(row, height - 1 - row) < ZONE * height;
    return Math.max((near && loose ? ZONE_THIN : THIN) * Math.min(height, width), THIN_PIXELS);
  });
}

/** For each pixel of ink, how many pixels of ink lie in one piece above and below it. */
function runLengths({ height, width, data }) {
  const found = new Int32Array(data.length);
  for (let x = 0; x < width; x += 1) {
    for (let y = 0; y < height; y += 1) {
      const start = y;
      while (y < height && data[y * width + x]) y += 1;
      for (let row = start; row < y; row += 1) found[row * width + x] = y - start;
    }
  }
  return { height, width, data: found };
}
