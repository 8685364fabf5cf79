/**
 * Pictures at another size, to the same pixels as Pillow and OpenCV make.
 *
 * In: grey values, or bytes with 4 channels. Out: the same. Rows first, then columns.
 * Sources: Pillow's Resample.c and Reduce.c; OpenCV's resize.cpp.
 */

import { f32 } from "./arrays.js";

const FIXED_BITS = 22;
const FIXED = 1 << FIXED_BITS; // bytes are weighed in whole numbers: 32 bits, less 8 and a sign and a carry
// Which source pixels each pixel of a line is made of: (from, to) to a { first, shares } for each.
const FILTERS = {
  // Pillow's widen with the reduction, so that every source pixel counts.
  box: (from, to) => pillows(from, to, 0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)),
  bilinear: (from, to) => pillows(from, to, 1, (x) => Math.max(0, 1 - Math.abs(x))),
  // OpenCV's: INTER_AREA, to make smaller, and INTER_CUBIC, to make larger.
  area: (from, to) => each(to, (i) => {
    const [start, end] = [(i * from) / to, Math.min(from, ((i + 1) * from) / to)];
    const first = Math.floor(start);
    return { first, shares: each(Math.ceil(end) - first, (k) =>
      Math.min(end, first + k + 1) - Math.max(start, first + k)) };
  }),
  cubic: (from, to) => each(to, (i) => {
    const position = ((i + 0.5) * from) / to - 0.5;
    const below = Math.floor(position);
    const first = Math.max(0, below - 1);
    const shares = new Array(Math.min(from - 1, below + 2) - first + 1).fill(0);
    // The picture's edge is carried on.
    each(4, (k) => below - 1 + k).forEach((source) => {
      shares[Math.min(Math.max(source, 0), from - 1) - first] += cubic(Math.abs(source - position));
    });
    return { first, shares };
  }),
};

const each = (n, make) => Array.from({ length: n }, (_, i) => make(i));

/** Keys 1981, with OpenCV's -0.75. */
function cubic(x) {
  return x <= 1 ? (1.25 * x - 2.25) * x * x + 1 : ((-0.75 * x + 3.75) * x - 6) * x + 3;
}

function pillows(from, to, reach, height) {
  const step = from / to;
  const widened = Math.max(step, 1);
  const support = reach * widened;
  const per = 1 / widened;
  return each(to, (i) => {
    const centre = (i + 0.5) * step;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    return { first, shares: each(end - first, (k) => height((k + first - centre + 0.5) * per)) };
  });
}

/** The weights of a filter, each pixel's summing to 1. */
function weights(from, to, filter) {
  return FILTERS[filter](from, to).map(({ first, shares }) => {
    const total = shares.reduce((sum, share) => sum + share, 0);
    return { first, shares: Float64Array.from(shares, (share) => (total ? share / total : share)) };
  });
}

/** Grey values at that size: { height, width, data }. filter: bilinear, area or cubic. */
export function resized({ height, width, data }, toHeight, toWidth, filter) {
  const wide = toWidth === width ? data : alongRows(data, height, width, toWidth, filter);
  const found = toHeight === height ? wide : alongColumns(wide, height, toWidth, toHeight, filter);
  return { height: toHeight, width: toWidth, data: found };
}

function alongRows(data, height, from, to, filter) {
  const found = new Float32Array(height * to);
  const made = weights(from, to, filter);
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

function alongColumns(data, from, width, to, filter) {
  const found = new Float32Array(to * width);
  const sums = new Float64Array(width);
  weights(from, to, filter).forEach(({ first, shares }, y) => {
    sums.fill(0);
    shares.forEach((share, k) => {
      const start = (first + k) * width;
      for (let x = 0; x < width; x += 1) sums[x] += data[start + x] * share;
    });
    found.set(sums, y * width);
  });
  return found;
}

/** Bytes of 4 channels by the box filter, made smaller. */
export function bytesResized({ height, width, data }, toHeight, toWidth) {
  let found = { height, width, data };
  const across = () => {
    const { height: lines, width: from } = found;
    const bytes = bytesAlong(found.data, lines, from, toWidth, [4 * from, 4, 4 * toWidth, 4]);
    found = { height: lines, width: toWidth, data: bytes };
  };
  const down = () => {
    const { height: from, width: lines } = found;
    const bytes = bytesAlong(found.data, lines, from, toHeight, [4, 4 * lines, 4, 4 * lines]);
    found = { height: toHeight, width: lines, data: bytes };
  };
  // Bytes are rounded in between. Pillow 13 begins where less is left to do, rows counted half.
  const steps = height - toHeight > 2 * (width - toWidth) ? [down, across] : [across, down];
  for (const step of steps) step();
  return found;
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
        let index = line * lineIn + first * pixelIn + channel;
        for (let k = 0; k < shares.length; k += 1) {
          sum += data[index] * shares[k];
          index += pixelIn;
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
  const [high, wide] = [Math.ceil(height / factor), Math.ceil(width / factor)];
  const found = { height: high, width: wide, data: new Uint8Array(4 * high * wide) };
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
