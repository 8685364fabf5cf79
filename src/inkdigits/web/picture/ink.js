/**
 * Find the digit's ink in a grey picture.
 *
 * In: grey values. Out: ink, 1 where the pen was, 0 on paper and on what does not belong to the digit:
 * take off the ground, cut at a threshold, take off lines and a frame, keep the strokes that are the
 * digit. The reasons for each step are in ink.py.
 */

import { at, both, extremes, f32, mapped, marked } from "./arrays.js";
import { PictureError } from "./errors.js";
import { withoutFrames } from "./frames.js";
import { aboveGround } from "./ground.js";
import { digitGroup, sideBySide } from "./groups.js";
import { CUT, EVENED, FAINT_CUT, FULL_INK, INK_SHARE, otsuThreshold, PAPER_SHARE, percentiles } from "./levels.js";
import { withoutLines } from "./lines.js";

export const NO_INK = "no ink stands out from the ground";
const MIN_CONTRAST = 0.04;

/** { level, several }: the digit's ink, and whether two or more groups of strokes lie side by side. */
export function findInk(grey, dark, strokes, { faint = false } = {}) {
  let level = aboveGround(grey, dark, strokes);
  let [paper, full] = percentiles(level.data, PAPER_SHARE, INK_SHARE);
  if (full - paper <= 0) [paper, full] = [0, extremes(level.data)[1]];
  if (full <= 0) throw new PictureError(NO_INK);
  const spread = f32(full - paper);
  level = mapped(level, (value) => Math.min(1, Math.max(0, f32(f32(value - paper) / spread))));
  const cut = f32((faint ? FAINT_CUT : CUT) * otsuThreshold(level.data));
  const chosen = digitGroup(withoutFrames(withoutLines(marked(level, (value) => value > cut))), level);
  const several = sideBySide(both(chosen, marked(level, (value) => value > 0)));
  const [strong] = percentiles(at(level, chosen), FULL_INK);
  return { level: levelled(level, chosen, f32(Math.max(strong, 1e-6)), faint), several };
}

/** The chosen ink, so strong that `full` becomes 1. */
export function levelled(level, chosen, full, faint) {
  return mapped(level, (value, i) => {
    const ink = chosen.data[i] ? Math.min(1, f32(value / full)) : 0;
    return faint ? ink ** EVENED : ink;
  });
}

/** Throw PictureError if the picture is all one colour. */
export function checkContrast(grey) {
  const [low, high] = extremes(grey.data);
  const contrast = f32(high - low);
  if (contrast >= MIN_CONTRAST) return;
  const [found, wanted] = [(100 * contrast).toFixed(1), 100 * MIN_CONTRAST];
  throw new PictureError(`blank: all one colour (contrast ${found}%, wanted at least ${wanted}%)`);
}
