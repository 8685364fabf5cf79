/**
 * Small pictures: digits drawn or cut out already, on an even ground.
 *
 * In: grey values of at most SMALL pixels a side. Out: the ways the picture may be meant, and the
 * digit's ink. The reasons for each number are in small.py.
 */

import { border, both, f32, mapped, marked, sorted } from "./arrays.js";
import { PART_OF_BEST, sideBySide } from "./groups.js";
import { levelled } from "./ink.js";
import { atShare, CUT, FAINT_CUT, FULL_INK, INK_SHARE, otsuThreshold, PAPER_SHARE } from "./levels.js";
import { connected } from "./shapes.js";

export const SMALL = 40;

const ONE_GREY = 0.9;
const OPEN = 0.65;
const EVEN = f32(0.03);
const SOFT = f32(0.02);
const [GRAIN, SD_OF_QUARTILE] = [4, 0.6745];

/**
 * How a picture may be meant: { dark, value, other, either, even }.
 *
 * Whether its ink is likelier darker than the paper; the paper's value, if so, and if it is of the
 * other polarity; whether it may be; whether nearly all of the border is of one grey.
 */
export function groundOf(grey) {
  const edge = border(grey);
  const value = atShare(sorted(edge), 50);
  const ordered = sorted(grey.data);
  const dark = f32(value - atShare(ordered, 0.5)) > f32(atShare(ordered, 99.5) - value);
  const middle = f32(f32(ordered[0] + ordered.at(-1)) / 2);
  const share = edge.filter((pixel) => pixel > middle).length / edge.length;
  return {
    dark,
    value,
    other: atShare(ordered, dark ? 1 : 99),
    either: Math.max(share, 1 - share) < OPEN,
    even: edge.filter((pixel) => Math.abs(f32(pixel - value)) < EVEN).length >= ONE_GREY * edge.length,
  };
}

/** The picture's ink, levelled so that the strokes reach 1: { level, several }; level null: no ink. */
export function inkOf(grey, dark, ground, { faint = false } = {}) {
  const { level, cut, soft, whole } = levels(grey, dark, ground, faint ? FAINT_CUT : CUT);
  let [chosen, several] = [soft, false];
  const { labels, boxes } = connected(soft);
  // Where all hangs together, whichever part of it is the digit, its edges are the others.
  if (!whole || boxes.length !== 1) {
    const strokes = strokesOf(marked(level, (value) => value > cut));
    const reached = new Set(labels.data.filter((label, i) => label && strokes.data[i]));
    chosen = marked(strokes, (stroke, i) => stroke || reached.has(labels.data[i]));
    several = sideBySide(both(chosen, marked(level, (value) => value > 0)));
  }
  const ordered = sorted(level.data.filter((_, i) => chosen.data[i]));
  const strong = ordered.length ? atShare(ordered, FULL_INK) : 0;
  const ink = levelled(level, chosen, Math.max(strong, f32(1e-6)), faint);
  return { level: ink.data.some((value) => value > 0) ? ink : null, several };
}

/** How far each pixel stands out: levels, the cut to strokes, soft edges, and if it is above. */
function levels(grey, dark, ground, cutShare) {
  const paperValue = dark ? f32(1 - ground) : ground;
  let level = mapped(grey, (value) => Math.max(0, f32(f32(dark ? 1 - value : value) - paperValue)));
  let ordered = sorted(level.data);
  let [paper, full] = [atShare(ordered, PAPER_SHARE), atShare(ordered, INK_SHARE)];
  if (full <= paper) [paper, full] = [0, ordered.at(-1)];
  const spread = full > 0 ? f32(full - paper) : 1;
  const stretched = (value) => Math.min(1, Math.max(0, f32(f32(value - paper) / spread)));
  ordered = ordered.map(stretched);
  level = mapped(level, stretched);
  const cut = f32(cutShare * otsuThreshold(level.data));
  const below = ordered.filter((value) => value <= cut).length;
  const [middle, high] = [atShare(ordered, 50, below), atShare(ordered, 75, below)];
  const edge = f32(middle + f32(f32(GRAIN / SD_OF_QUARTILE) * f32(high - middle)));
  const soft = marked(level, (value) => value > Math.max(edge, SOFT));
  return { level, cut, soft, whole: edge <= cut };
}

/** Of the mask's groups the largest, and those that are nearly as large. */
function strokesOf(mask) {
  const { labels, sizes } = connected(mask);
  const least = PART_OF_BEST * Math.max(...sizes);
  return marked(labels, (label) => label && sizes[label - 1] >= least);
}
