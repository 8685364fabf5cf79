/**
 * Decoded pixels to a grey picture of bounded size.
 *
 * In: pixels as decode.js gives them. Out: { grey, width, height }, the size the picture's own. The
 * same steps as in decode.py and open.py from where Pillow has decoded; the reasons are there.
 */

import { COLOURED, COLOUR_SIDE, GAP, LEAST_SPREAD, LUMA, STRIP } from "../constants/decode.js";
import { MAX_SIDE, MIN_CONTRAST } from "../constants/open.js";
import { extremes, f32, rounded } from "./arrays.js";
import { largestAxis } from "./axes.js";
import { PictureError } from "./errors.js";
import { bytesReduced, bytesResized } from "./resample.js";

const OPAQUE = 255;

/** pixels: { width, height, hasAlpha, rows(top, n) }, rows n of the picture's as RGBA bytes. */
export function openPixels({ width, height, hasAlpha, rows }) {
  const { alpha, ...small } = atMost(plain(width, height, rows));
  return { grey: hasAlpha || alpha ? composed(small) : lightness(small), width, height };
}

/** Throw PictureError if the picture is all one colour. */
export function checkContrast({ data }) {
  const [low, high] = extremes(data);
  const contrast = f32(high - low);
  if (contrast >= MIN_CONTRAST) return;
  const [found, least] = [(100 * contrast).toFixed(1), 100 * MIN_CONTRAST];
  throw new PictureError(`blank: all one colour (contrast ${found}%, expected at least ${least}%)`);
}

/** The picture at most some times MAX_SIDE: in strips where it is large. */
function plain(width, height, rows) {
  const factor = Math.max(1, Math.trunc(Math.max(width, height) / (GAP * MAX_SIDE)));
  const most = factor * Math.max(1, Math.trunc(STRIP / (width * factor)));
  const found = { height: Math.ceil(height / factor), width: Math.ceil(width / factor), alpha: false };
  found.data = new Uint8Array(4 * found.height * found.width);
  for (let top = 0; top < height; top += most) {
    const high = Math.min(most, height - top);
    const strip = { width, height: high, data: rows(top, high) };
    found.alpha ||= isTransparent(strip.data);
    const small = found.alpha ? weighed(strip, (bytes) => bytesReduced(bytes, factor)) : bytesReduced(strip, factor);
    found.data.set(small.data, (4 * found.width * top) / factor);
  }
  return found;
}

function isTransparent(data) {
  for (let i = 3; i < data.length; i += 4) if (data[i] !== OPAQUE) return true;
  return false;
}

function atMost(bytes) {
  const longer = Math.max(bytes.height, bytes.width);
  if (longer <= MAX_SIDE) return bytes;
  const sides = [bytes.height, bytes.width].map((side) => Math.max(1, rounded((side * MAX_SIDE) / longer)));
  const resize = (own) => bytesResized(own, ...sides);
  return { ...(bytes.alpha ? weighed(bytes, resize) : resize(bytes)), alpha: bytes.alpha };
}

/** What `make` makes of the bytes, each colour weighed by how much of it is seen. */
function weighed(bytes, make) {
  const data = Uint8Array.from(bytes.data);
  for (let i = 0; i < data.length; i += 4) {
    for (let channel = i; channel < i + 3; channel += 1) {
      const product = data[channel] * data[i + 3] + 128;
      data[channel] = ((product >> 8) + product) >> 8;
    }
  }
  const made = make({ ...bytes, data });
  for (let i = 0; i < made.data.length; i += 4) {
    const alpha = made.data[i + 3];
    if (alpha === 0 || alpha === OPAQUE) continue;
    for (let channel = i; channel < i + 3; channel += 1) {
      made.data[channel] = Math.min(255, Math.trunc((255 * made.data[channel]) / alpha));
    }
  }
  return made;
}

/** Lightness, or what the picture's colours differ in most. */
function lightness(bytes) {
  const { height, width, data } = bytes;
  const small = bytesReduced(bytes, Math.max(1, Math.trunc(Math.max(height, width) / COLOUR_SIDE)));
  const spread = covariance(small.data);
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const along = dot(LUMA, spread.map((row) => dot(row, LUMA))) / dot(LUMA, LUMA);
  const { variance, axis } = largestAxis(spread);
  if (variance <= Math.max(COLOURED ** 2 * along, LEAST_SPREAD ** 2)) {
    return { height, width, data: lightnessOf(data) };
  }
  const sign = Math.sign(dot(axis, LUMA)) || 1;
  const turned = axis.map((value) => value * sign);
  const low = turned.reduce((sum, value) => sum + Math.min(0, value), 0);
  const high = turned.reduce((sum, value) => sum + Math.max(0, value), 0);
  const [red, green, blue] = turned.map(f32);
  const grey = new Float32Array(height * width);
  for (let i = 0; i < grey.length; i += 1) {
    const value = red * data[4 * i] + green * data[4 * i + 1] + blue * data[4 * i + 2];
    grey[i] = (f32(f32(value) / 255) - low) / (high - low);
  }
  return { height, width, data: grey };
}

/** ITU-R BT.601 in whole numbers, as Pillow has it. */
function lightnessOf(data) {
  const grey = new Float32Array(data.length / 4);
  for (let i = 0; i < grey.length; i += 1) {
    grey[i] = ((data[4 * i] * 19595 + data[4 * i + 1] * 38470 + data[4 * i + 2] * 7471 + 0x8000) >> 16) / 255;
  }
  return grey;
}

/** Of red, green and blue in [0, 1]. */
function covariance(data) {
  const n = data.length / 4;
  const means = [0, 0, 0];
  for (let i = 0; i < data.length; i += 4) means.forEach((_, c) => (means[c] += data[i + c] / 255 / n));
  const spread = [[0, 0, 0], [0, 0, 0], [0, 0, 0]];
  for (let i = 0; i < data.length; i += 4) {
    const off = means.map((mean, c) => data[i + c] / 255 - mean);
    spread.forEach((row, a) => row.forEach((_, b) => (row[b] += (off[a] * off[b]) / n)));
  }
  return spread;
}

/** A transparent picture on white or black, whichever its visible parts stand out from. */
function composed({ height, width, data }) {
  const grey = lightnessOf(data);
  const alpha = Float32Array.from(grey, (_, i) => data[4 * i + 3] / 255);
  let [weight, sum] = [0, 0];
  alpha.forEach((value, i) => {
    weight += value;
    sum += f32(grey[i] * value);
  });
  const ground = (weight ? sum / weight : 0) < 0.5 ? 1 : 0;
  const shown = grey.map((value, i) => f32(value * alpha[i]) + f32(ground * f32(1 - alpha[i])));
  return { height, width, data: shown };
}
