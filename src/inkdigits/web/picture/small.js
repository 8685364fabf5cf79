/**
 * Small pictures: digits drawn or cut out already, on an even ground.
 *
 * In: grey values. Out: the digit in a small picture that shows one plainly, which then needs no finder.
 * The same steps as in small.py; the reasons are there.
 */

import { CUT, FULL_INK, INK_SHARE, PAPER_SHARE } from "../constants/levels.js";
import { A_DIGIT, A_HEIGHT, GRAIN, MOST, NEAR, PART_OF_BEST, SD_OF_QUARTILE, SMALL, SOFT } from "../constants/small.js";
import { border, extent, f32, mapped, marked, sorted } from "./arrays.js";
import { atShare, otsuThreshold } from "./levels.js";
import { place } from "./place.js";
import { connected } from "./shapes.js";

/** { array, box } of the digit, box [left, top, right, bottom]; null where that is not plain. */
export function cutOf(grey) {
  if (Math.max(grey.height, grey.width) > SMALL) return null;
  const { dark, value, isEven } = groundOf(grey);
  const { level, several } = inkOf(grey, dark, value);
  const box = extent(level);
  if (!isEven || several || !box) return null;
  return { array: place(level), box: [box.left, box.top, box.right, box.bottom] };
}

/** Whether the ink is darker than the paper, the paper's value, and whether most of the border is of it. */
function groundOf(grey) {
  const edge = border(grey);
  const value = atShare(sorted(edge), 50);
  const ordered = sorted(grey.data);
  const dark = f32(value - atShare(ordered, 0.5)) > f32(atShare(ordered, 99.5) - value);
  const near = edge.filter((pixel) => Math.abs(f32(pixel - value)) < f32(NEAR)).length;
  return { dark, value, isEven: near >= MOST * edge.length };
}

/** The picture's ink, levelled so that the strokes reach 1, and whether several groups are side by side. */
function inkOf(grey, dark, ground) {
  const { level, cut, soft, whole } = levels(grey, dark, ground);
  let [chosen, several] = [soft, false];
  const { labels, boxes } = connected(soft);
  // Where all hangs together, whichever part of it is the digit, its edges are the others.
  if (!whole || boxes.length !== 1) {
    const strokes = strokesOf(marked(level, (value) => value > cut));
    const reached = new Set(labels.data.filter((label, i) => label && strokes.data[i]));
    chosen = marked(strokes, (stroke, i) => stroke || reached.has(labels.data[i]));
    several = sideBySide(marked(level, (value, i) => value > 0 && chosen.data[i]));
  }
  const ordered = sorted(level.data.filter((_, i) => chosen.data[i]));
  const full = Math.max(ordered.length ? atShare(ordered, FULL_INK) : 0, f32(1e-6));
  return { level: mapped(level, (value, i) => (chosen.data[i] ? Math.min(1, value / full) : 0)), several };
}

/** How far each pixel stands out: levels, the cut to strokes, soft edges, and if it is above. */
function levels(grey, dark, ground) {
  const paperValue = dark ? f32(1 - ground) : ground;
  let level = mapped(grey, (value) => Math.max(0, f32(f32(dark ? 1 - value : value) - paperValue)));
  let ordered = sorted(level.data);
  let [paper, full] = [atShare(ordered, PAPER_SHARE), atShare(ordered, INK_SHARE)];
  if (full <= paper) [paper, full] = [0, ordered.at(-1)];
  const spread = full > 0 ? f32(full - paper) : 1;
  const stretched = (value) => Math.min(1, Math.max(0, f32(f32(value - paper) / spread)));
  ordered = ordered.map(stretched);
  level = mapped(level, stretched);
  const cut = f32(CUT * otsuThreshold(level.data));
  const below = ordered.filter((value) => value <= cut).length;
  const [middle, high] = [atShare(ordered, 50, below), atShare(ordered, 75, below)];
  const edge = f32(middle + f32(f32(GRAIN / SD_OF_QUARTILE) * f32(high - middle)));
  const soft = marked(level, (value) => value > Math.max(edge, f32(SOFT)));
  return { level, cut, soft, whole: edge <= cut };
}

/** Of the mask's groups the largest, and those that are nearly as large. */
function strokesOf(mask) {
  const { labels, sizes } = connected(mask);
  const least = PART_OF_BEST * Math.max(...sizes);
  return marked(labels, (label) => label && sizes[label - 1] >= least);
}

/** Whether the strokes are two or more groups beside each other, each as good as a digit. */
function sideBySide(mask) {
  const { boxes, sizes } = connected(mask);
  if (boxes.length < 2) return false;
  const least = A_DIGIT * Math.max(...sizes);
  const large = boxes.filter((_, i) => sizes[i] >= least);
  const tall = Math.max(...large.map(({ top, bottom }) => bottom - top));
  const columns = large
    .filter(({ top, bottom }) => bottom - top > A_HEIGHT * tall)
    .sort((a, b) => a.left - b.left || a.right - b.right);
  return columns.some((box, i) => i > 0 && box.left >= columns[i - 1].right);
}
