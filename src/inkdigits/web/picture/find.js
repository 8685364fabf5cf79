/**
 * Where in a picture the digit is, roughly: the box that is worth a closer look.
 *
 * In: a grey picture. Out: boxes around the digit with a margin, and whether its ink is dark. The
 * reasons for each step and number are in find.py.
 */

import { at, cropped, eachIn, either, f32, marked, mask, mean, median, rounded, sizeOf, some, without } from "./arrays.js";
import { withoutFrames } from "./frames.js";
import { aboveGround, groundValue, inkIsDark } from "./ground.js";
import { groupWeights, PART_OF_BEST, sidesTouched } from "./groups.js";
import { percentiles } from "./levels.js";
import { withoutLines } from "./lines.js";
import { scaled } from "./scale.js";
import { blurred, boxesOf, connected, grown } from "./shapes.js";

const SIDE = 256;
const [NOISE, FAINT] = [10, 0.015];
const PART = f32(0.3);
const FAINTEST = 0.05;
const PLACES = 2;
const CANDIDATES = 8;
const RING_LOW = 15;
const [SOLID, TALL, BLOT] = [0.7, 2.2, 0.02];
const JOIN = 0.02;
const SURER = 4;
const NEAR = 0.3;
const MARGIN = 0.35;
const CLOSE = 120;
const MOST = 0.75;

/**
 * Where the digit is, and behind it places that look less like one.
 *
 * Each { box, dark, strokes, weight, blank }: its surroundings; whether ink is darker than paper; where
 * the ink is in a small copy of them, or null; how much like a digit it looks; whether nothing stands
 * out of the paper's own grain.
 */
export function findPlaces(grey) {
  const { height, width } = grey;
  const longer = Math.max(height, width);
  const ratio = Math.min(1, SIDE / longer);
  const small = scaled(grey, ratio);
  const dark = inkIsDark(small, groundValue(small));
  let [groups, others] = [bestGroups(small, dark), bestGroups(small, !dark)];
  const surer = dark ? SURER : 1;
  if (others.length && (!groups.length || others[0].weight > surer * groups[0].weight)) {
    [groups, others] = [others, groups];
  }
  const whole = { top: 0, bottom: height, left: 0, right: width };
  if (!groups.length) return [{ box: whole, dark, strokes: null, weight: 0, blank: longer > CLOSE }];
  const [first] = groups;
  if (longer <= CLOSE) return [{ ...first, box: whole, blank: false }];
  const less = [...groups.slice(1), ...others].filter((group) => group.clear);
  less.sort((a, b) => b.weight - a.weight);
  return [first, ...less].map((group) => surroundings(group, ratio, height, width));
}

/** The group, found in a copy scaled by `ratio`, with a margin in a picture of that size. */
function surroundings(group, ratio, height, width) {
  const margin = MARGIN * Math.max(...sizeOf(group.box));
  const first = (start) => Math.max(0, Math.trunc((start - margin) / ratio));
  const end = (stop, most) => Math.min(most, Math.trunc((stop + margin) / ratio) + 1);
  let box = {
    top: first(group.box.top), bottom: end(group.box.bottom, height),
    left: first(group.box.left), right: end(group.box.right, width),
  };
  const [tall, wide] = sizeOf(box);
  if (tall > MOST * height && wide > MOST * width) box = { top: 0, bottom: height, left: 0, right: width };
  const small = {
    top: Math.trunc(box.top * ratio), bottom: Math.max(1, rounded(box.bottom * ratio)),
    left: Math.trunc(box.left * ratio), right: Math.max(1, rounded(box.right * ratio)),
  };
  const { dark, weight, contrast } = group;
  return { box, dark, strokes: cropped(group.strokes, small), weight, blank: contrast < FAINTEST };
}

/** The groups of strokes that most look like the digit, if ink is dark or if it is light. */
function bestGroups(grey, dark) {
  const level = aboveGround(grey, dark);
  const smooth = blurred(level, 0.7);
  const paper = median(smooth.data);
  const noise = median(smooth.data.map((value) => Math.abs(f32(value - paper)))) / 0.6745;
  const least = f32(Math.max(paper + NOISE * noise, FAINT));
  const ink = withoutFrames(withoutLines(marked(smooth, (value) => value > least)));
  const reach = 2 * Math.max(1, rounded(JOIN * Math.max(grey.height, grey.width))) + 1;
  const rough = connected(grown(ink, reach, reach));
  // By each group's own full ink: a pencil's digit is faint beside a dark desk's edge.
  const full = new Float32Array(rough.boxes.length + 1);
  rough.labels.data.forEach((label, i) => (full[label] = Math.max(full[label], smooth.data[i])));
  full[0] = 0;
  const part = marked(ink, (value, i) => value && level.data[i] > f32(PART * full[rough.labels.data[i]]));
  const joined = connected(grown(part, reach, reach));
  const n = joined.boxes.length;
  if (!n) return [];
  const labels = { ...joined.labels, data: joined.labels.data.map((label, i) => label * part.data[i]) };
  const inks = groupWeights(labels, level, n);
  const boxes = boxesOf(labels, n);
  const sides = sidesTouched(labels, n);
  const contrasts = new Array(n).fill(0);
  for (const i of descending(inks).slice(0, CANDIDATES)) {
    if (inks[i] > 0) contrasts[i] = contrastOf(grey, ink, groupOf(labels, i), boxes[i], dark);
  }
  const thinness = thinnessOf(labels, boxes);
  const weights = inks.map((value, i) => value * contrasts[i] * thinness[i]);
  const groups = [];
  const taken = new Set();
  for (const best of descending(weights)) {
    if (weights[best] === 0 || groups.length === PLACES) break;
    if (taken.has(best)) continue;
    const near = NEAR * Math.max(...sizeOf(boxes[best]));
    let [box, strokes] = [boxes[best], groupOf(labels, best)];
    // A 5's bar or the rest of a broken stroke: large enough, and near; not a dark corner.
    for (let i = 0; i < n; i += 1) {
      if (inks[i] < PART_OF_BEST * inks[best] || sides[i] > sides[best]) continue;
      if (!(gapBetween(boxes[i], box, "top", "bottom") < near && gapBetween(boxes[i], box, "left", "right") < near)) continue;
      box = around(box, boxes[i]);
      strokes = either(strokes, groupOf(labels, i));
      taken.add(i);
    }
    groups.push({ weight: weights[best], contrast: contrasts[best], box, strokes, dark, clear: sides[best] === 0 });
  }
  return groups;
}

const groupOf = (labels, i) => marked(labels, (label) => label === i + 1);

const descending = (values) => values.map((_, i) => i).sort((a, b) => values[b] - values[a]);

/** 1 for each group that may be a digit's strokes, BLOT for one that fills its box and is no 1. */
function thinnessOf(labels, boxes) {
  const areas = new Array(boxes.length + 1).fill(0);
  for (const label of labels.data) areas[label] += 1;
  return boxes.map((box, i) => {
    const [height, width] = sizeOf(box);
    return areas[i + 1] >= SOLID * height * width && height < TALL * width ? BLOT : 1;
  });
}

/** How far the group stands out of the paper around it, the right way; at least 0. */
function contrastOf(grey, ink, group, box, dark) {
  const { height, width } = grey;
  const ring = mask(height, width);
  const outer = {
    top: Math.max(0, box.top - 2), bottom: Math.min(height, box.bottom + 2),
    left: Math.max(0, box.left - 2), right: Math.min(width, box.right + 2),
  };
  eachIn(ring, outer, (i) => (ring.data[i] = 1));
  const inner = { top: outer.top + 2, bottom: outer.bottom - 2, left: outer.left + 2, right: outer.right - 2 };
  eachIn(ring, inner, (i) => (ring.data[i] = 0));
  let paper = without(ring, ink);
  if (!some(paper)) paper = ring; // a form's lines all around
  const [low, middle, high] = percentiles(at(grey, paper), RING_LOW, 50, 100 - RING_LOW);
  const gap = f32(middle - f32(mean(at(grey, group))));
  return Math.max(0, (dark ? gap : -gap) - (high - low) / 2);
}

/** Pixels between two boxes along one axis; 0 if they overlap. */
function gapBetween(a, b, start, stop) {
  return Math.max(0, a[start] - b[stop], b[start] - a[stop]);
}

function around(a, b) {
  return {
    top: Math.min(a.top, b.top), bottom: Math.max(a.bottom, b.bottom),
    left: Math.min(a.left, b.left), right: Math.max(a.right, b.right),
  };
}
