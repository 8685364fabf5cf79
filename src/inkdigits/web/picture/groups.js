/**
 * Which connected groups of strokes are the digit.
 *
 * In: a mask of ink and how strong it is. Out: the mask of the digit alone. The reasons for each number
 * are in groups.py.
 */

import { both, either, f32, marked, sizeOf } from "./arrays.js";
import { closed, connected } from "./shapes.js";

const EDGE_WEIGHT = [1, 0.3, 0.05];
const [A_DIGIT, A_HEIGHT] = [0.25, 0.6];
const AMONG = 0.2;
export const PART_OF_BEST = 0.12;

/** The connected groups of the mask that make up the digit. */
export function digitGroup(mask, level) {
  const { labels, boxes } = connected(either(closed(mask), mask));
  const n = boxes.length;
  if (n <= 1) return mask;
  const inked = { ...labels, data: labels.data.map((label, i) => label * mask.data[i]) };
  const weights = groupWeights(inked, level, n);
  const sides = sidesTouched(labels, n);
  const best = weights.indexOf(Math.max(...weights));
  const kept = boxes.map((box, i) => {
    const clear = sides[i] <= sides[best] || (sides[i] === 1 && overlap(box, boxes[best]) >= AMONG);
    return clear && weights[i] >= PART_OF_BEST * weights[best];
  });
  return both(marked(labels, (label) => label && kept[label - 1]), mask);
}

/** How much of a digit each group is: its ink, less if it runs out of the frame. */
export function groupWeights(labels, level, n) {
  const inks = new Array(n + 1).fill(0);
  labels.data.forEach((label, i) => (inks[label] += f32(level.data[i] * level.data[i])));
  return sidesTouched(labels, n).map((sides, i) => inks[i + 1] * EDGE_WEIGHT[Math.min(sides, 2)]);
}

function overlap(box, other) {
  const down = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
  const across = Math.min(box.right, other.right) - Math.max(box.left, other.left);
  const [height, width] = sizeOf(box);
  return Math.min(down / height, across / width);
}

/** How many of the picture's four sides each of the groups 1 to n reaches. */
export function sidesTouched({ height, width, data }, n) {
  const counts = new Array(n + 1).fill(0);
  const column = (x) => Array.from({ length: height }, (_, y) => data[y * width + x]);
  const edges = [data.subarray(0, width), data.subarray((height - 1) * width), column(0), column(width - 1)];
  for (const edge of edges) for (const label of new Set(edge)) counts[label] += 1;
  return counts.slice(1);
}

/** Whether the strokes are two or more groups beside each other, each as good as a digit. */
export function sideBySide(mask) {
  const { boxes, sizes } = connected(mask);
  if (boxes.length < 2) return false;
  const least = A_DIGIT * Math.max(...sizes);
  const large = boxes.filter((_, i) => sizes[i] >= least);
  const tall = Math.max(...large.map((box) => sizeOf(box)[0]));
  const columns = large
    .filter((box) => sizeOf(box)[0] > A_HEIGHT * tall)
    .sort((a, b) => a.left - b.left || a.right - b.right);
  return columns.some((box, i) => i > 0 && box.left >= columns[i - 1].right);
}
