/**
 * Pictures at another size, to the same pixels as Pillow makes.
 *
 * In: grey values, or bytes with 4 channels. Out: the same. Filters widen with the reduction, so that
 * every source pixel counts; rows first, then columns.
 * Source: Pillow's Resample.c and Reduce.c.
 */

import { f32 } from "./arrays.js";

const FIXED_BITS = 22;
const FIXED = 1 << FIXED_BITS; // bytes are weighed in whole numbers: 32 bits, less 8 and a sign and a carry
const FILTERS = {
  box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
};

/** Grey values by the bilinear filter: { height, width, data }. */
export function greyResized({ height, width, data }, toHeight, toWidth) {
  let found = data;
  if (toWidth !== width) found = alongRows(found, height, width, toWidth);
  if (toHeight !== height) found = alongColumns(found, height, toWidth, toHeight);
  return { height: toHeight, width: toWidth, data: found === data ? data.slice() : found };
}

function alongRows(data, height, from, to) {
  const found = new Float32Array(height * to);
  const made = weights(from, to, "bilinear");
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < to; x += 1) {
      const { first, shares } = made[x];
      let sum = 0;
      for (let k = 0; k < shares.length; k += 1) sum += data[y * from + first + k] * shares[k];
      found[y * to + x] = sum;
    }
  }
  return found;
}

function alongColumns(data, from, width, to) {
  const found = new Float32Array(to * width);
  const sums = new Float64Array(width);
  weights(from, to, "bilinear").forEach(({ first, shares }, y) => {
    sums.fill(0);
    shares.forEach((share, k) => {
      const start = (first + k) * width;
      for (let x = 0; x < width; x += 1) sums[x] += data[start + x] * share;
    });
    found.set(sums, y * width);
  });
  return found;
}

/** Which source pixels each pixel is made of: { first, shares }. */
function weights(from, to, filter) {
  const [reach, height] = FILTERS[filter];
  const step = from / to;
  const widened = Math.max(step, 1);
  const support = reach * widened;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * step;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const shares = new Float64Array(end - first);
    let total = 0;
    const per = 1 / widened;
    for (let k = 0; k < shares.length; k += 1) {
      shares[k] = height((k + first - centre + 0.5) * per);
      total += shares[k];
    }
    return { first, shares: total ? shares.map((share) => share / total) : shares };
  });
}

/** Bytes of 4 channels by the box filter. */
export function bytesResized({ height, width, data }, toHeight, toWidth) {
  const wide = toWidth === width ? data : bytesAlong(data, height, width, toWidth, [4 * width, 4, 4 * toWidth, 4]);
  if (toHeight === height) return { height: toHeight, width: toWidth, data: wide };
  const tall = bytesAlong(wide, toWidth, height, toHeight, [4, 4 * toWidth, 4, 4 * toWidth]);
  return { height: toHeight, width: toWidth, data: tall };
}

/** strides: of lines and of pixels within them, in the source and in the result. */
function bytesAlong(data, lines, from, to, [lineIn, pixelIn, lineOut, pixelOut]) {
  const found = new Uint8ClampedArray(4 * lines * to);
  const made = weights(from, to, "box");
  for (const weight of made) weight.shares = Int32Array.from(weight.shares, (share) => 0.5 + share * FIXED);
  for (let line = 0; line < lines; line += 1) {
    for (let i = 0; i < to; i += 1) {
      const { first, shares } = made[i];
      for (let channel = 0; channel < 4; channel += 1) {
        let sum = FIXED / 2;
        let place = line * lineIn + first * pixelIn + channel;
        for (let k = 0; k < shares.length; k += 1) {
          sum += data[place] * shares[k];
          place += pixelIn;
        }
        found[line * lineOut + i * pixelOut + channel] = sum >> FIXED_BITS;
      }
    }
  }
  return found;
}

/** Bytes of 4 channels, each pixel the mean of `factor` by `factor`; fewer at the right and below. */
export function bytesReduced({ height, width, data }, factor) {
  if (factor === 1) return { height, width, data };
  const found = { height: Math.ceil(height / factor), width: Math.ceil(width / factor) };
  found.data = new Uint8Array(4 * found.height * found.width);
  for (let y = 0; y < found.height; y += 1) {
    const bottom = Math.min(height, (y + 1) * factor);
    for (let x = 0; x < found.width; x += 1) {
      const right = Math.min(width, (x + 1) * factor);
      const n = (bottom - y * factor) * (right - x * factor);
      const per = Math.trunc(f32(2 ** 24 / n)); // 2 to the 24th times that is what is divided by
      for (let channel = 0; channel < 4; channel += 1) {
        let sum = n >> 1;
        for (let row = y * factor; row < bottom; row += 1) {
          for (let column = x * factor; column < right; column += 1) {
            sum += data[4 * (row * width + column) + channel];
          }
        }
        found.data[4 * (y * found.width + x) + channel] = Math.floor((sum * per) / 2 ** 24);
      }
    }
  }
  return found;
}
