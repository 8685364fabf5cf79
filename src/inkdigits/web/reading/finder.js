/**
 * Every digit and sign in a picture, by two small networks: where it is, which, and its ink.
 *
 * In: grey values. Out: candidates, surest first: { box, unit, heat, far, close, ink }, box [left, top,
 * right, bottom]. The same steps as in finder.py; the reasons are there.
 */

import { AGAIN, ALWAYS, AT_ONCE, BROAD, EDGE, EDGE_OF_INK, ENLARGED, FAINTEST, FINE, INKED, LARGEST, LOG_SIZES,
  MOST_CANDIDATES, MULTIPLE, SAME, SEEN, SIZES, SMALLEST, SURE, WITHIN } from "../constants/finder.js";
import { N_CLASSES, N_PIXELS, OTHER } from "../constants/spec.js";
import { BOX_UNIT, CLOSE, STRIDE } from "../constants/views.js";
import { clipped, extremes, f32, median, rounded } from "../picture/arrays.js";
import { place } from "../picture/place.js";
import { resized } from "../picture/resample.js";
import { broad, closeUp, frameOf, sideOf, standardised } from "../picture/views.js";

const N_CLOSE = CLOSE * CLOSE;

export class Finder {
  #ort;
  #finder;
  #closeUp;

  /** ort: ONNX Runtime's module. finder, close: its sessions of the two networks. */
  constructor(ort, finder, close) {
    this.#ort = ort;
    this.#finder = finder;
    this.#closeUp = close;
  }

  /** The digits and signs of one picture. */
  async find(grey) {
    const longer = Math.max(grey.height, grey.width);
    let [proposals, last] = [[], 0];
    for (const size of SIZES) {
      if (size > longer * ENLARGED && size > SIZES[0]) break;
      if (size > Math.min(ALWAYS, longer) && !wantFiner(proposals, last / longer)) break;
      proposals = proposals.concat(await this.#proposals(grey, size / longer));
      last = size;
    }
    const found = await this.#lookedAt(grey, apart(proposals, ({ heat }) => heat));
    return apart(found, ({ heat, close }) => f32(heat * f32(1 - close[OTHER])), { within: false });
  }

  /** What the finder sees in the picture made that much larger. */
  async #proposals(grey, share) {
    const [h, w] = [grey.height, grey.width].map((side) => Math.max(1, rounded(side * share)));
    const shown = standardised(resized(grey, h, w, share < 1 ? "area" : "cubic"));
    const [height, width] = [h, w].map((n) => Math.ceil((n + 2 * EDGE) / MULTIPLE) * MULTIPLE);
    const canvas = new Float32Array(height * width);
    for (let y = 0; y < h; y += 1) {
      canvas.set(shown.data.subarray(y * w, (y + 1) * w), (y + EDGE) * width + EDGE);
    }
    const picture = new this.#ort.Tensor("float32", canvas, [1, 1, height, width]);
    const { peaks, sorts, boxes } = await this.#finder.run({ picture });
    const ratio = [f32(w / grey.width), f32(h / grey.height)];
    const cells = peaks.dims[2] * peaks.dims[3];
    const found = [];
    for (let at = 0; at < peaks.data.length; at += 1) {
      if (peaks.data[at] <= SEEN) continue;
      const cell = at % cells;
      const five = Array.from({ length: 5 }, (_, k) => boxes.data[k * cells + cell]);
      const middle = [
        ((cell % peaks.dims[3]) + 0.5 + five[0]) * STRIDE - EDGE,
        (Math.floor(cell / peaks.dims[3]) + 0.5 + five[1]) * STRIDE - EDGE,
      ];
      const [across, down, unit] = five.slice(2).map((v) => f32(BOX_UNIT * f32(Math.exp(clipped(v, ...LOG_SIZES)))));
      if (unit < SMALLEST || unit > LARGEST) continue;
      if (middle[0] < 0 || middle[0] >= w || middle[1] < 0 || middle[1] >= h) continue;
      const half = [across / 2, down / 2];
      // A peak among the digits' heat is a digit; among the signs', a sign.
      const [first, end] = at < cells ? [0, N_CLASSES] : [N_CLASSES, OTHER];
      found.push({
        box: [-1, -1, 1, 1].map((side, k) => f32((middle[k % 2] + side * half[k % 2]) / ratio[k % 2])),
        unit: f32(unit / ratio[1]),
        heat: peaks.data[at],
        far: softmax(Array.from({ length: OTHER }, (_, k) =>
          k >= first && k < end ? sorts.data[k * cells + cell] : -Infinity)),
      });
    }
    return found;
  }

  /** What the close-up says of each proposal; where it is unsure, of two views. */
  async #lookedAt(grey, proposals) {
    const found = (await this.#closeUps(grey, proposals)).map((seen, i) => ({ ...proposals[i], ...seen }));
    const unsure = found.filter(({ close }) => extremes(close)[1] < SURE);
    // The ink is better framed now than the finder framed it.
    const again = await this.#closeUps(grey, unsure.map(({ box, unit }) => ({ box, unit: f32(AGAIN * unit) })));
    unsure.forEach((seen, i) => {
      const both = seen.close.map((value, k) => Math.sqrt(f32(value * again[i].close[k])));
      const sum = both.reduce((total, value) => total + value, 0);
      seen.close = both.map((value) => value / sum);
    });
    return found;
  }

  /** Of each proposal the ink's own box, the 21 sorts, and the ink, 48x48: { box, close, ink }. */
  async #closeUps(grey, proposals) {
    const found = [];
    for (let start = 0; start < proposals.length; start += AT_ONCE) {
      const some = proposals.slice(start, start + AT_ONCE);
      const values = new Float32Array(some.length * 2 * N_CLOSE);
      const sides = some.map(({ box, unit }) => sideOf(box, unit));
      some.forEach(({ box }, i) => {
        values.set(closeUp(grey, box, sides[i]), 2 * i * N_CLOSE);
        values.set(frameOf(box, sides[i]), (2 * i + 1) * N_CLOSE);
      });
      const views = new this.#ort.Tensor("float32", values, [some.length, 2, CLOSE, CLOSE]);
      const { sorts, ink } = await this.#closeUp.run({ views });
      some.forEach(({ box }, i) => {
        const own = ink.data.slice(i * N_CLOSE, (i + 1) * N_CLOSE);
        const close = sorts.data.slice(i * (OTHER + 1), (i + 1) * (OTHER + 1));
        found.push({ box: aroundInk(box, f32(sides[i]), own), close, ink: own });
      });
    }
    return found;
  }
}

/** A candidate's ink in MNIST's frame, 784 values; 0 where it has none. */
export function arrayOf({ ink }) {
  const data = ink.map((value) => (value > FAINTEST ? value : 0));
  return extremes(data)[1] > INKED ? place({ height: CLOSE, width: CLOSE, data }) : new Float32Array(N_PIXELS);
}

/** Whether a larger size may show more: nothing is sure yet, or digits are small. */
function wantFiner(proposals, share) {
  const units = proposals.filter(({ heat }) => heat > 0.5).map(({ unit }) => unit);
  return !units.length || median(units) * share < FINE;
}

/**
 * Of candidates that overlap the surest one, surest first.
 *
 * within: whether a candidate that lies within a surer one goes too.
 */
function apart(candidates, surenessOf, { within = true } = {}) {
  const sureness = candidates.map(surenessOf);
  const order = candidates.map((_, i) => i).sort((a, b) => sureness[b] - sureness[a]).slice(0, 2 * MOST_CANDIDATES);
  const kept = [];
  for (const i of order) {
    const { box, unit } = candidates[i];
    const own = broad(box, f32(BROAD * unit));
    const area = areaOf(own);
    const isSame = (other) => {
      const across = Math.min(own[2], other.frame[2]) - Math.max(own[0], other.frame[0]);
      const down = Math.min(own[3], other.frame[3]) - Math.max(own[1], other.frame[1]);
      const common = Math.max(across, 0) * Math.max(down, 0);
      const isWithin = within && common > WITHIN * Math.min(area, other.area);
      return isWithin || common > SAME * (area + other.area - common);
    };
    if (!kept.some(isSame)) kept.push({ frame: own, area, kept: candidates[i] });
    if (kept.length === MOST_CANDIDATES) break;
  }
  return kept.map((one) => one.kept);
}

/** @type {(box: number[]) => number} */
const areaOf = ([left, top, right, bottom]) => (right - left) * (bottom - top);

/** The box drawn close around the ink in its close-up, where there is some. */
function aroundInk(box, side, ink) {
  const [low, high] = [[CLOSE, CLOSE], [0, 0]]; // across, down
  ink.forEach((value, i) => {
    if (value <= EDGE_OF_INK) return;
    [i % CLOSE, Math.floor(i / CLOSE)].forEach((at, axis) => {
      low[axis] = Math.min(low[axis], at);
      high[axis] = Math.max(high[axis], at + 1);
    });
  });
  if (!high[0]) return box;
  const pixel = f32(side / CLOSE);
  const start = [0, 1].map((axis) => f32(f32(f32(box[axis] + box[axis + 2]) / 2) - f32(side / 2)));
  return [...low, ...high].map((at, k) => f32(start[k % 2] + at * pixel));
}

function softmax(logits) {
  const most = Math.max(...logits);
  const powers = Float32Array.from(logits, (value) => Math.exp(value - most));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}
