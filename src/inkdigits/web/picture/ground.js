/**
 * How far each pixel stands out of the paper it lies on.
 *
 * In: grey values. Out: the level, 0 on paper, rising with the ink, of either polarity and under uneven
 * light. The reasons for each step and number are in ground.py.
 */

import { asGrey, border, cropped, f32, mapped, marked, mean, median, not, rounded } from "./arrays.js";
import { percentiles } from "./levels.js";
import { resized, scaled } from "./scale.js";
import { blurred, opened, replicated, spread } from "./shapes.js";

const [EVEN, EVEN_SHARE] = [f32(0.03), 0.5];
const [SHADE, SHADE_SHARE] = [f32(0.06), 0.03];
const GROUND_SIDE = 100;
const GROUND_WINDOW = 0.2;
const AROUND = 6;
const DARKEST_PAPER = f32(0.15);
const LITTLE = f32(1e-4);

/**
 * How much ink there is at each pixel: 0 on paper, at most 1.
 *
 * dark: whether ink is darker than paper, null where that is not known. strokes: a mask of any size,
 * where the ink is, roughly, or null.
 */
export function aboveGround(grey, dark = null, strokes = null) {
  let ground = groundValue(grey);
  dark ??= inkIsDark(grey, ground);
  const ink = dark ? mapped(grey, (value) => 1 - value) : grey;
  if (dark) ground = 1 - ground;
  const paper = unevenGround(ink, strokes);
  if (isEven(ink, f32(ground), paper)) return mapped(ink, (value) => Math.max(0, value - f32(ground)));
  return mapped(ink, (value, i) => {
    const level = Math.max(0, f32(value - paper.data[i]));
    return dark ? level / Math.max(f32(1 - paper.data[i]), DARKEST_PAPER) : level;
  });
}

/** Whether the ink is darker than its ground: the picture then reaches further to that side. */
export function inkIsDark(grey, ground) {
  const [low, high] = percentiles(grey.data, 0.5, 99.5);
  return ground - low > high - ground;
}

/** The grey of most of the paper. */
export function groundValue(grey) {
  const edge = median(border(grey));
  const { height, width } = grey;
  const inset = Math.max(1, Math.trunc(Math.min(height, width) / 10));
  if (Math.min(height, width) <= 2 * inset) return edge;
  const inner = { top: inset, bottom: height - inset, left: inset, right: width - inset };
  const ring = median(border(cropped(grey, inner)));
  return [edge, ring, median(grey.data)].sort((a, b) => a - b)[1];
}

function isEven(ink, ground, paper) {
  const near = (value) => Math.abs(f32(value - ground));
  if (mean(marked(ink, (value) => near(value) < EVEN).data) < EVEN_SHARE) return false;
  return mean(border(paper).map((value) => near(value) > SHADE)) < SHADE_SHARE;
}

/** The paper's own value at each pixel, where ink is the higher one. */
export function unevenGround(ink, strokes = null) {
  const longer = Math.max(ink.height, ink.width);
  const small = scaled(ink, Math.min(1, GROUND_SIDE / longer));
  let ground = openedWide(blurred(small, 1, replicated));
  if (strokes) {
    const rough = resized(asGrey(strokes), small.height, small.width);
    const covered = spread(marked(rough, (value) => value > 0), 2);
    const weight = blurred(asGrey(not(covered)), AROUND);
    const around = blurred(mapped(ground, (value, i) => (covered.data[i] ? 0 : value)), AROUND);
    ground = mapped(ground, (value, i) => {
      const known = covered.data[i] && weight.data[i] > LITTLE;
      return known ? Math.min(value, f32(around.data[i] / Math.max(weight.data[i], LITTLE))) : value;
    });
  }
  ground = resized(blurred(ground, 1, replicated), ink.height, ink.width);
  const sharp = openedWide(blurred(ink, 1, replicated));
  const covered = strokes && resized(asGrey(strokes), ink.height, ink.width);
  return mapped(ground, (value, i) => Math.max(value, covered?.data[i] > 0 ? 0 : sharp.data[i]));
}

function openedWide(grey) {
  const window = Math.max(3, rounded(GROUND_WINDOW * Math.max(grey.height, grey.width)));
  return opened(grey, window, window);
}
