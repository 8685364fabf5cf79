/**
 * Shapes in masks and in grey pictures: connected groups, and filters that grow, shrink and blur.
 *
 * In: (H, W) masks or grey values. Out: the same of the same size, equal to OpenCV's. Written out
 * here: OpenCV's build for browsers weighs 8 to 11 MB, half as much again as the whole page, and
 * makes its functions by `new Function`, which a strict policy forbids.
 */

import { both, either, f32, grey, transposed } from "./arrays.js";

const TAIL = 4; // standard deviations of a blur that are counted
// 1, 1.4 and 2.1969 in 65,536ths: a step along, a diagonal one, a knight's move. OpenCV's 5x5 mask.
const [ALONG, DIAGONAL, KNIGHT] = [1, 1.4, 2.1969].map((length) => Math.round(length * 65536));
const BEFORE = [[-2, -1, KNIGHT], [-2, 1, KNIGHT], [-1, -2, KNIGHT], [-1, -1, DIAGONAL],
  [-1, 0, ALONG], [-1, 1, DIAGONAL], [-1, 2, KNIGHT], [0, -1, ALONG]];

/**
 * The groups of a mask: { labels, boxes, sizes }, labels 0 for none, else from 1 on.
 *
 * corners: whether pixels that touch at a corner only are joined. Numbered in OpenCV's order, by the
 * first pixel, or where corners count by the first block of 2x2.
 */
export function connected({ height, width, data }, { corners = true } = {}) {
  const labels = new Int32Array(data.length);
  const boxes = [];
  const sizes = [];
  const stack = [];
  const block = corners ? 2 : 1;
  const start = (y, x) => {
    if (y >= height || x >= width || !data[y * width + x] || labels[y * width + x]) return;
    const number = boxes.length + 1;
    const box = { top: y, bottom: y + 1, left: x, right: x + 1 };
    let size = 0;
    labels[y * width + x] = number;
    stack.push(y * width + x);
    while (stack.length) {
      const place = stack.pop();
      const [row, column] = [Math.floor(place / width), place % width];
      size += 1;
      box.top = Math.min(box.top, row);
      box.bottom = Math.max(box.bottom, row + 1);
      box.left = Math.min(box.left, column);
      box.right = Math.max(box.right, column + 1);
      for (let r = Math.max(0, row - 1); r <= Math.min(height - 1, row + 1); r += 1) {
        for (let c = Math.max(0, column - 1); c <= Math.min(width - 1, column + 1); c += 1) {
          const next = r * width + c;
          if (!data[next] || labels[next] || (!corners && r !== row && c !== column)) continue;
          labels[next] = number;
          stack.push(next);
        }
      }
    }
    boxes.push(box);
    sizes.push(size);
  };
  for (let y = 0; y < height; y += block) {
    for (let x = 0; x < width; x += block) {
      start(y, x);
      if (!corners) continue;
      start(y, x + 1);
      start(y + 1, x);
      start(y + 1, x + 1);
    }
  }
  return { labels: { height, width, data: labels }, boxes, sizes };
}

/** The box around each of the labels 1 to n, all of which must be there. */
export function boxesOf({ height, width, data }, n) {
  const boxes = Array.from({ length: n }, () => ({ top: height, bottom: 0, left: width, right: 0 }));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const label = data[y * width + x];
      if (!label) continue;
      const box = boxes[label - 1];
      box.top = Math.min(box.top, y);
      box.bottom = y + 1;
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
    }
  }
  return boxes;
}

const [LARGEST, SMALLEST] = [1, -1]; // signs: the smallest is the largest of what is less than nothing

/** The mask, or grey values, dilated by a rectangle whose sides are made odd. */
export function grown(mask, height, width) {
  return filtered(mask, [height >> 1, width >> 1], [height >> 1, width >> 1], LARGEST);
}

/**
 * What a rectangle of that size fits into; the picture's edge is carried on outside.
 *
 * Of grey values their grey opening: the minimum under the rectangle, then the maximum.
 */
export function opened(array, height, width) {
  const before = [height >> 1, width >> 1];
  const after = [height - 1 - before[0], width - 1 - before[1]];
  // The other middle of an even side: what was kept stays where it was.
  return filtered(filtered(array, before, after, SMALLEST), after, before, LARGEST);
}

/** The mask with its gaps of a pixel or two filled, none of them at the picture's edge. */
export function closed(mask) {
  return filtered(grown(mask, 3, 3), [1, 1], [1, 1], SMALLEST, 0);
}

/** The mask and what is within so many steps of it, up, down or to a side. */
export function spread(mask, steps) {
  return stepped(mask, steps, LARGEST);
}

/** What is further than so many steps inside the mask, which goes on outside the picture. */
export function shrunk(mask, steps) {
  return stepped(mask, steps, SMALLEST);
}

function stepped(mask, steps, sign) {
  let found = mask;
  for (let n = 0; n < steps; n += 1) {
    const up = filtered(found, [1, 0], [1, 0], sign);
    const across = filtered(found, [0, 1], [0, 1], sign);
    found = sign === LARGEST ? either(up, across) : both(up, across);
  }
  return found;
}

/**
 * The largest or smallest value in a rectangle around each pixel.
 *
 * before, after: how far it reaches up and to the left, and down and to the right. outside: what lies
 * around the picture; nothing by default, which is the same as its edge carried on.
 */
function filtered(array, before, after, sign, outside = -sign * Infinity) {
  const rows = slid(array, before[1], after[1], sign, outside);
  return transposed(slid(transposed(rows), before[0], after[0], sign, outside));
}

/** Source: van Herk 1992; Gil and Werman 1993: three comparisons for a window of any size. */
function slid(array, before, after, sign, outside) {
  const { height, width, data } = array;
  const size = before + after + 1;
  if (size === 1) return array;
  const found = new data.constructor(data.length);
  const total = Math.ceil((width + before + after) / size) * size;
  const line = new Float32Array(total).fill(sign * outside);
  const [forward, backward] = [new Float32Array(total), new Float32Array(total)];
  for (let start = 0; start < data.length; start += width) {
    for (let x = 0; x < width; x += 1) line[before + x] = sign * data[start + x];
    for (let first = 0; first < total; first += size) {
      let most = -Infinity;
      for (let i = first; i < first + size; i += 1) forward[i] = most = line[i] > most ? line[i] : most;
      most = -Infinity;
      for (let i = first + size - 1; i >= first; i -= 1) backward[i] = most = line[i] > most ? line[i] : most;
    }
    for (let x = 0; x < width; x += 1) {
      const ahead = forward[x + size - 1];
      found[start + x] = sign * (backward[x] > ahead ? backward[x] : ahead);
    }
  }
  return { height, width, data: found };
}

/** Grey values, each the largest within that many pixels, and a little at the corners. */
export function dilatedByDisc({ height, width, data }, radius) {
  const found = grey(height, width);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      let most = 0;
      for (let dy = Math.max(-radius, -y); dy <= Math.min(radius, height - 1 - y); dy += 1) {
        const reach = Math.floor(Math.sqrt(radius * radius + 1 - dy * dy));
        const end = (y + dy) * width + Math.min(width - 1, x + Math.min(radius, reach));
        for (let i = (y + dy) * width + Math.max(0, x - Math.min(radius, reach)); i <= end; i += 1) {
          if (data[i] > most) most = data[i];
        }
      }
      found.data[y * width + x] = most;
    }
  }
  return found;
}

export const reflected = (i, n) => {
  while (i < 0 || i >= n) i = i < 0 ? -1 - i : 2 * n - 1 - i;
  return i;
};
export const replicated = (i, n) => Math.min(Math.max(i, 0), n - 1);

/** The picture blurred by a normal curve of that standard deviation, in pixels. */
export function blurred({ height, width, data }, sd, edge = reflected) {
  const reach = Math.trunc(TAIL * sd + 0.5);
  const curve = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sd * sd)));
  const total = curve.reduce((sum, value) => sum + value);
  const shares = Float64Array.from(curve, (value) => f32(value / total));
  const rows = smoothed(data, height, width, [width, 1], shares, edge);
  return { height, width, data: smoothed(rows, width, height, [1, width], shares, edge) };
}

function smoothed(data, lines, length, [lineStride, stride], shares, edge) {
  const reach = shares.length >> 1;
  const found = new Float32Array(data.length);
  const sources = Array.from({ length: length + 2 * reach }, (_, i) => stride * edge(i - reach, length));
  const line = new Float64Array(sources.length);
  for (let n = 0; n < lines; n += 1) {
    for (let i = 0; i < line.length; i += 1) line[i] = data[n * lineStride + sources[i]];
    for (let i = 0; i < length; i += 1) {
      let sum = shares[reach] * line[i + reach];
      for (let k = 0; k < reach; k += 1) sum += shares[k] * (line[i + k] + line[i + 2 * reach - k]);
      found[n * lineStride + i * stride] = sum;
    }
  }
  return found;
}

/** Each pixel's distance to the nearest one outside the mask, of which there is one in every column. */
export function depths({ height, width, data }) {
  const found = grey(height, width);
  const up = new Float64Array(data.length); // to the nearest one in its own column
  for (let x = 0; x < width; x += 1) {
    let from = Infinity;
    for (let y = 0; y < height; y += 1) up[y * width + x] = from = data[y * width + x] ? from + 1 : 0;
    for (let y = height - 1; y >= 0; y -= 1) {
      from = data[y * width + x] ? from + 1 : 0;
      up[y * width + x] = Math.min(up[y * width + x], from);
    }
  }
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      let least = Infinity;
      for (let other = 0; other < width; other += 1) {
        least = Math.min(least, (x - other) ** 2 + up[y * width + other] ** 2);
      }
      found.data[y * width + x] = Math.sqrt(least);
    }
  }
  return found;
}

/** `grey` where it is known, and elsewhere the value of the nearest pixel where it is. */
export function carriedOn({ height, width, data }, known) {
  const lengths = new Float64Array(data.length);
  const nearest = Int32Array.from(data, (_, i) => i);
  const look = (y, x, sign) => {
    const here = y * width + x;
    for (const [dy, dx, step] of BEFORE) {
      const [row, column] = [y + sign * dy, x + sign * dx];
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      const there = row * width + column;
      if (lengths[there] + step >= lengths[here]) continue;
      lengths[here] = lengths[there] + step;
      nearest[here] = nearest[there];
    }
  };
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (known.data[y * width + x]) continue;
      lengths[y * width + x] = Infinity;
      look(y, x, 1);
    }
  }
  for (let y = height - 1; y >= 0; y -= 1) {
    for (let x = width - 1; x >= 0; x -= 1) if (lengths[y * width + x] > ALONG) look(y, x, -1);
  }
  return { height, width, data: Float32Array.from(nearest, (place) => data[place]) };
}
