/**
 * The sheet of paper that a photo shows, told from the desk it lies on.
 *
 * In: a grey picture. Out: the sheet without the desk and the desk without the sheet, or null where no
 * sheet lies on a darker ground. The reasons for each number are in sheet.py.
 */

import { asGrey, at, both, count, either, extent, f32, mapped, marked, median, not, rounded, share, some, transposed, without } from "./arrays.js";
import { otsuThreshold } from "./levels.js";
import { resized, scaled } from "./scale.js";
import { blurred, carriedOn, connected, opened, shrunk, spread } from "./shapes.js";

const SIDE = 128;
const [LEAST, MOST] = [0.03, 0.97];
const SOLID = 0.85;
const [SQUARE, SQUARE_CUT] = [0.85, 0.6];
const [DESK_WIDTH, DESK] = [0.04, 0.02];
const CLEAN = 0.99;
const LIGHT_DESK = 0.3;
const RIM = 2;
const REACH = 6;
const SHARP = 0.7;
const STEP = 5;
const ALL = f32(0.99);

/** The picture with only its sheet of paper, and with only what lies around it; null without a sheet. */
export function sheetAndDesk(grey) {
  const small = blurred(scaled(grey, Math.min(1, SIDE / Math.max(grey.height, grey.width))), 1);
  const cut = f32(otsuThreshold(small.data));
  const light = marked(small, (value) => value > cut);
  const { labels, sizes } = connected(light, { corners: false });
  if (!sizes.length) return null;
  const largest = marked(labels, (label) => label === 1 + sizes.indexOf(Math.max(...sizes)));
  const sheet = spanned(largest);
  const width = Math.max(2, rounded(DESK_WIDTH * Math.max(sheet.height, sheet.width)));
  const desk = opened(not(sheet), width, width);
  const isSheet =
    LEAST <= share(sheet) && share(sheet) <= MOST &&
    count(largest) >= SOLID * count(sheet) &&
    share(desk) >= DESK &&
    count(without(light, sheet)) / count(not(sheet)) <= LIGHT_DESK &&
    squareness(sheet) >= (isCutOff(sheet) ? SQUARE_CUT : SQUARE) &&
    sharpness(small, sheet) >= SHARP &&
    count(both(innerEdge(sheet), largest)) >= CLEAN * count(innerEdge(sheet));
  if (!isSheet) return null;
  const inside = shrunk(sheet, RIM);
  const outside = not(spread(sheet, RIM));
  if (!some(inside) || !some(outside)) return null;
  return [only(grey, small, inside, both(inside, largest)), only(grey, small, outside, outside)];
}

/** The picture where the small mask `kept` is set; elsewhere the grey of its ground, carried on. */
function only(grey, small, kept, ground) {
  const painted = resized(blurred(carriedOn(small, ground), REACH), grey.height, grey.width);
  const here = resized(asGrey(kept), grey.height, grey.width);
  return mapped(grey, (value, i) => (here.data[i] > ALL ? value : painted.data[i]));
}

/** All that lies between pixels of the mask in its row or in its column: ink, too. */
function spanned(mask) {
  return either(rowsSpanned(mask), transposed(rowsSpanned(transposed(mask))));
}

function rowsSpanned({ height, width, data }) {
  const found = new Uint8Array(data.length);
  for (let y = 0; y < height; y += 1) {
    const row = data.subarray(y * width, (y + 1) * width);
    if (row.includes(1)) found.fill(1, y * width + row.indexOf(1), y * width + row.lastIndexOf(1) + 1);
  }
  return { height, width, data: found };
}

function isCutOff(sheet) {
  const { top, bottom, left, right } = extent(sheet);
  return top === 0 || bottom === sheet.height || left === 0 || right === sheet.width;
}

/** The share that the sheet fills of the smallest rectangle around it, turned any way. */
function squareness({ width, data }) {
  let [points, smallest] = [0, Infinity];
  for (let angle = 0; angle < 90; angle += STEP) {
    const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
    const [low, high] = [[Infinity, Infinity], [-Infinity, -Infinity]];
    points = 0;
    data.forEach((value, i) => {
      if (!value) return;
      points += 1;
      const [y, x] = [Math.floor(i / width), i % width];
      [y * cos + x * sin, x * cos - y * sin].forEach((place, axis) => {
        low[axis] = Math.min(low[axis], place);
        high[axis] = Math.max(high[axis], place);
      });
    });
    smallest = Math.min(smallest, (high[0] - low[0] + 1) * (high[1] - low[1] + 1));
  }
  return points / smallest;
}

/** The step at the sheet's edge, as a share of the step between all of it and all around it. */
function sharpness(grey, sheet) {
  const inner = innerEdge(sheet);
  const near = spread(sheet, RIM);
  const outer = without(spread(near, 2), near);
  if (!some(inner) || !some(outer)) return 0;
  const whole = f32(median(at(grey, sheet)) - median(at(grey, not(near))));
  return f32(median(at(grey, inner)) - median(at(grey, outer))) / Math.max(whole, 1e-6);
}

/** A band two pixels wide along the sheet's edge, within it; none along the picture's frame. */
function innerEdge(sheet) {
  const core = shrunk(sheet, RIM);
  return without(core, shrunk(core, 2));
}
